// The way down a replica chain: channels to the next members.
#pragma once

#include "base/result.hpp"
#include "datanode/byte_budget.hpp"
#include "net/channel.hpp"
#include "wire/chain.hpp"
#include "wire/chunk_messages.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ssdfs::datanode {

/// A node's place in the chain of a write.
struct chain_place {
  wire::chain_members members;  ///< their addresses alias the text
  std::size_t here = 0;         ///< index of this node

  /// Members behind this one.
  [[nodiscard]] std::size_t hops() const noexcept { return members.size() - 1 - here; }
  [[nodiscard]] const wire::chain_member& self() const noexcept { return members[here]; }
  /// The one to forward to, if hops() is not 0.
  [[nodiscard]] const wire::chain_member& next() const noexcept { return members[here + 1]; }
  /// The member with this address; null if it is none of them.
  [[nodiscard]] const wire::chain_member* find(std::string_view address) const noexcept;
};

/// errc::invalid_argument as wire::parse_chain; errc::wrong_node if `self` is not in the chain.
[[nodiscard]] result<chain_place> find_place(std::string_view chain, node_id self);

/// The way that writes of one generation of a volume take, as the master told it: nothing is
/// forwarded anywhere else, whatever a writer says. Immutable, so thread-safe.
class volume_route {
 public:
  /// Failures as find_place.
  [[nodiscard]] static result<std::shared_ptr<const volume_route>> make(
      generation_t generation, std::span<const replica_address> members, node_id self);

  [[nodiscard]] generation_t generation() const noexcept { return generation_; }
  /// All members in their order.
  [[nodiscard]] std::span<const node_id> nodes() const noexcept { return nodes_; }
  /// This node's place, with the addresses that the master told; they alias the route.
  /// errc::stale_generation unless `chain` names just these nodes, in this order.
  [[nodiscard]] result<chain_place> check(std::string_view chain) const;

 private:
  volume_route() = default;

  generation_t generation_ = 0;
  std::string text_;
  chain_place place_;  // aliases text_
  boost::container::static_vector<node_id, wire::max_chain> nodes_;
};

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

  /// Sends `message` to the next member, and to no other node that may answer at its address.
  /// `done(result<void>)` is called once, on the executor; a failure's hint is the address of the
  /// member that failed it.
  template <class Request, class Done>
  void forward(const Request& message, const chain_place& place, shared_bytes body, Done done) {
    std::string address(place.next().address);
    auto channel = pools_[place.hops() - 1]->get(address, place.next().node);
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
  std::array<std::unique_ptr<net::channel_pool>, wire::max_chain - 1> pools_;
};

/// True if a failed append says that its member is broken or gone, so that the volume has to be
/// sealed; false for the answers of a healthy member (sealed, stale generation, busy, a ticket that
/// it does not take, ...).
[[nodiscard]] bool member_failed(const failure& why) noexcept;

}  // namespace ssdfs::datanode
