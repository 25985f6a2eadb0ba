// What the project's own commands need beyond the public library: single requests to the master,
// statistics of every server, and reads of one certain replica.
#pragma once

#include "base/result.hpp"
#include "client/core.hpp"
#include "client/master_call.hpp"
#include "net/await.hpp"
#include "ssdfs/blocking_client.hpp"
#include "ssdfs/client.hpp"
#include "wire/admin_messages.hpp"
#include "wire/common_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <string>
#include <vector>

namespace ssdfs::detail {

/// Sends `request` to the master that leads, with the client's retries, and calls
/// `handler(result<Reply>)` on the client's strand. String views in `request` must live until then.
/// Not for mutations that carry an operation id (the public operations do those).
template <class Request, class Handler>
void async_master_call(client& from, Request request, Handler handler) {
  start_master_call<Request>(from.internals(), std::move(request), std::move(handler));
}

/// The same, waiting. Not from the client's own thread.
template <class Request>
[[nodiscard]] result<typename Request::reply> master_call(client& from, const Request& request) {
  const net::awaited_value<result<typename Request::reply>> outcome;
  async_master_call(from, request, [outcome](result<typename Request::reply> reply) {
    outcome.give(std::move(reply));
  });
  return outcome.wait();
}
template <class Request>
[[nodiscard]] result<typename Request::reply> master_call(blocking_client& from,
                                                          const Request& request) {
  return master_call(from.async(), request);
}

/// One process's statistics, or why they are missing.
struct server_statistics {
  std::string address;
  boost::system::error_code ec;
  wire::server_stats_reply stats;
};

/// Asks the leading master and every datanode that it knows and that is not dead; addresses in
/// that order. Processes that play several roles appear once per address: tell them apart by
/// `stats.process`. Waits; not from the client's own thread.
[[nodiscard]] result<std::vector<server_statistics>> all_server_statistics(client& from);

/// Opens every connection that the client may have to the leading master and to the datanodes that
/// are not dead, and waits until each has answered a ping, at most 5 s a server. Returns how many
/// have; a datanode that does not answer is left out, a master's failure is returned. Not from the
/// client's own thread.
[[nodiscard]] result<std::size_t> connect_everywhere(client& from);

/// Reads one whole chunk from the replica at `address`, verified against its size and checksum.
/// Tries once. Waits; not from the client's own thread.
[[nodiscard]] result<std::vector<std::byte>> read_replica(client& from, const chunk_location& chunk,
                                                          const std::string& address);

}  // namespace ssdfs::detail
