// Single requests to one datanode, for the project's own commands.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "client/core.hpp"
#include "net/await.hpp"
#include "ssdfs/blocking_client.hpp"
#include "ssdfs/client.hpp"

#include <boost/asio/post.hpp>

#include <cstdint>
#include <string>

namespace ssdfs::detail {

/// One request to the node `to`, once; waits. The reply must own what it holds (no views
/// into the frame). Not from the client's own thread.
template <class Request>
[[nodiscard]] result<typename Request::reply> node_call(blocking_client& from,
                                                        const replica_address& to,
                                                        const Request& request,
                                                        std::int64_t timeout_ms = 10'000) {
  using answer = result<typename Request::reply>;
  const net::awaited_value<answer> outcome;
  const core_ptr& c = from.async().internals();
  boost::asio::post(c->strand(), [&, outcome] {
    c->servers().get(to).channel().call(request, {.timeout_ms = timeout_ms}, [outcome](auto reply) {
      if (reply) return outcome.give(std::move(reply->message));
      outcome.give(std::move(reply).error());
    });
  });
  return outcome.wait();
}

}  // namespace ssdfs::detail
