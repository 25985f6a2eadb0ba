// What the master has told datanodes to do and has no confirmation of. The wishes come from the
// decisions about volumes; this book gives them ids, sends them again while they stand, and pauses
// after failures. It holds nothing that cannot be derived again.
#pragma once

#include "base/orders.hpp"
#include "cluster/time.hpp"
#include "cluster/volume_life.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace ssdfs::cluster {

/// True for orders that take long, and during which the volume must not be opened or moved.
[[nodiscard]] constexpr bool is_long(order_kind kind) noexcept {
  return kind == order_kind::copy || kind == order_kind::compact || kind == order_kind::reconcile;
}
/// True for orders that remove something: they need a committed reason and a persisted witness.
/// A reconcile does, for it sets aside records that no file lists.
[[nodiscard]] constexpr bool is_destructive(order_kind kind) noexcept {
  return kind == order_kind::remove_keys || kind == order_kind::drop ||
         kind == order_kind::reconcile;
}

/// The book of orders.
///
/// Operation: want() says all that a volume wishes now. What it wished before and does not any more
/// is forgotten, unless it is long and was sent: such an order is in flight until the node says
/// that it has ended, so it is kept, and cancelled if it is not wished again soon. due() lists what
/// should go to a node; the caller marks what it sends.
///
/// Concurrency: one strand.
class order_book {
 public:
  struct entry {
    std::uint64_t id = 0;
    volume_id volume;
    wanted_order wish;
    time_ms sent_at = unsent;
    time_ms not_before = 0;        ///< pause after a failure or a success that changed nothing
    time_ms withdrawn_at = never;  ///< not wished any more, but in flight
    bool in_flight = false;        ///< sent, and no result yet
    std::uint32_t failures = 0;
    std::string last_error;
  };
  static constexpr time_ms unsent = -1;

  /// Ids of orders are unique over epochs: one that runs across two reigns is never mistaken.
  order_book(std::int64_t resend_ms, epoch_t epoch)
      : resend_ms_(resend_ms), last_id_(std::uint64_t{epoch.value} << 32) {}

  /// The volume's wishes, all of them. Nodes that got new ones are remembered.
  void want(volume_id volume, std::span<const wanted_order> wishes, time_ms now);
  /// Entries of the node that should be sent now; a withdrawn one as order_kind::cancel. Valid
  /// until the next non-const call.
  [[nodiscard]] std::vector<entry*> due(node_id node, time_ms now);
  void sent(entry& what, time_ms now);
  /// A node's word on an order. Unknown ids (of another session, or forgotten) are ignored. Returns
  /// how often the order has failed in a row.
  std::uint32_t finished(node_id node, const order_result& outcome, time_ms now);
  /// The node has begun a new session: it has forgotten all orders that did not run to their end.
  void forget_session(node_id node);

  /// Something long may run on a replica of the volume.
  [[nodiscard]] bool busy(volume_id volume) const;
  /// Orders of the kind that the node may be at.
  [[nodiscard]] std::size_t running(node_id node, order_kind kind) const;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Nodes with new orders since the last call.
  [[nodiscard]] std::vector<node_id> take_nodes();

 private:
  using node_entries = std::map<std::uint64_t, entry>;
  struct place {
    node_id node;
    std::uint64_t id = 0;
  };
  [[nodiscard]] entry* find(const place& at);
  [[nodiscard]] const entry* find(const place& at) const;
  void erase(const place& at);
  void add(volume_id volume, const wanted_order& wish, std::vector<place>& places);

  std::int64_t resend_ms_;
  std::uint64_t last_id_;
  std::size_t size_ = 0;
  std::map<node_id, node_entries> entries_;
  std::unordered_map<volume_id, std::vector<place>> places_;
  std::vector<node_id> woken_;
};

}  // namespace ssdfs::cluster
