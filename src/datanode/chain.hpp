// The way down a replica chain: channels to the next members.
#pragma once

#include "base/result.hpp"
#include "datanode/byte_budget.hpp"
#include "net/channel.hpp"
#include "wire/chunk_messages.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ssdfs::datanode {

/// The `next` field of a write, taken apart. The views alias it.
struct chain_route {
  std::string_view next;  ///< the member to forward to; empty at the end of the chain
  std::string_view rest;  ///< its own `next`
  std::size_t hops = 0;   ///< members behind this one
};

/// errc::invalid_argument for empty members and for a chain that is too long.
result<chain_route> parse_route(std::string_view next);

/// Forwards writes. One connection a member and distance from the chain's end, so that a connection
/// whose reader pauses holds up only writes that may wait for each other (see byte_budget).
/// Thread-safe.
class chain {
 public:
  chain(boost::asio::any_io_executor executor, const net::channel_options& options,
        std::int64_t timeout_ms)
      : timeout_ms_(timeout_ms) {
    for (auto& pool : pools_) pool = std::make_unique<net::channel_pool>(executor, options);
  }

  /// Sends `message`, whose `next` is route.rest, to route.next. `done(result<void>)` is called
  /// once, on the executor; a failure's hint is the address of the member that failed it.
  template <class Request, class Done>
  void forward(const Request& message, const chain_route& route, shared_bytes body, Done done) {
    std::string address(route.next);
    auto channel = pools_[route.hops - 1]->get(address);
    net::call_options options{.timeout_ms = timeout_ms_, .body = std::move(body), .body_more = {}};
    channel->call(message, std::move(options),
                  [address = std::move(address), done = std::move(done)](
                      result<net::response<wire::write_reply>> answer) mutable {
                    if (answer) return done(result<void>());
                    done(result<void>(blame(std::move(answer).error(), std::move(address))));
                  });
  }

  /// Fails what is in flight; later forwards fail.
  void stop() {
    for (auto& pool : pools_) pool->stop();
  }

 private:
  static failure blame(failure why, std::string address);

  const std::int64_t timeout_ms_;
  std::array<std::unique_ptr<net::channel_pool>, max_chain - 1> pools_;
};

/// True if a failed append says that its member is broken or gone, so that the volume has to be
/// sealed; false for the answers of a healthy member (sealed, stale generation, busy, ...).
[[nodiscard]] bool member_failed(const failure& why) noexcept;

}  // namespace ssdfs::datanode
