// Does what the master orders.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "datanode/hosted_volume.hpp"
#include "datanode/large_writes.hpp"
#include "datanode/order_job.hpp"
#include "datanode/reconcile_order.hpp"
#include "io/disk_pool.hpp"
#include "net/channel.hpp"
#include "volume/volume_set.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace ssdfs::datanode {

/// What came of an order: its result, and the report that it made true.
struct order_outcome {
  order_result result;
  std::optional<replica_report> report;  ///< of the replica afterwards
  bool gone = false;                     ///< the replica is no longer here
};

/// Operation: each order runs as one job of the background pool, which may block; doing an order
/// twice is harmless. Copies and reconciles read from other datanodes and, for lists of live
/// chunks, from the master.
/// Concurrency: thread-safe. `done` is called on a thread of the background pool, once an order.
class order_executor {
 public:
  using done_function = unique_function<void(order_outcome)>;
  struct parts {
    volume::volume_set& set;
    volume_table& volumes;
    large_writes& large;
    io::disk_pool& background;
    io::disk_pool& disk;  ///< of the volumes' queues
    node_id node;
    net::channel_pool& peers;
    /// The master that the node follows now; null if there is none.
    std::function<std::shared_ptr<net::channel>()> master;
  };
  explicit order_executor(const parts& p) : parts_(p) {}

  void execute(order what, done_function done);
  /// A copy, reconcile or compaction ends soon, with errc::cancelled.
  void cancel(std::uint64_t order_id);
  /// As cancel for all, those to come included.
  void stop();
  /// Bound of copies and compactions that name none themselves, bytes per second.
  void set_rate(std::uint64_t bytes_per_s) noexcept {
    rate_.store(bytes_per_s, std::memory_order_relaxed);
  }

  [[nodiscard]] const reconcile_totals& reconciled() const noexcept { return reconciled_; }

 private:
  order_outcome run(order_job& job);
  result<void> dispatch(order_job& job);
  result<void> create(const order& what);
  result<void> reopen(const order& what);
  result<void> drop(const order& what);
  result<void> compact(order_job& job);
  result<void> copy(order_job& job);
  result<void> reconcile(order_job& job);
  [[nodiscard]] result<std::shared_ptr<hosted_volume>> hosted(volume_id id) const;

  const parts parts_;
  std::atomic<std::uint64_t> rate_{0};
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<order_job>> running_;  // by order id; under mutex_
  bool stopping_ = false;                                        // under mutex_
  reconcile_totals reconciled_;
};

}  // namespace ssdfs::datanode
