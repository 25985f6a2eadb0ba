// Everything that the edits log says, in memory: what a master serves and a backup mirrors.
#pragma once

#include "base/result.hpp"
#include "meta/intern.hpp"
#include "meta/operation_results.hpp"
#include "meta/records.hpp"
#include "meta/tree.hpp"
#include "meta/volume_table.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ssdfs::meta {

/// The trash: a hidden directory of the root with one directory a bucket of time.

/// One reign, as its START record told.
struct epoch_entry {
  epoch_t epoch;
  node_id leader;
  ssdfs::txid first;  ///< the START record
  friend bool operator==(const epoch_entry&, const epoch_entry&) = default;
};

/// What an operator has decided about a node.
struct node_entry {
  node_decision decision = node_decision::normal;
  std::int64_t until_ms = 0;  ///< log time at which maintenance ends; 0 for none
  friend bool operator==(const node_entry&, const node_entry&) = default;
};

/// What is wanted of the rebalance, or how the last one ended.
struct rebalance_entry {
  rebalance_phase phase = rebalance_phase::none;  ///< none: none was ever asked for
  std::uint32_t threshold_permille = 0;           ///< of the mean share; 0 with none only
  /// It goes on when a master starts; a paused one waits for an operator.
  [[nodiscard]] bool active() const noexcept {
    return phase == rebalance_phase::running || phase == rebalance_phase::paused;
  }
  friend bool operator==(const rebalance_entry&, const rebalance_entry&) = default;
};
/// Whether it can be in a record or an image.
[[nodiscard]] bool is_possible(const rebalance_entry& entry) noexcept;

/// Replayed state.
///
/// Operation: apply() is the only way in which durable state changes, live and in replay alike, so
/// a master, its backup and a restarted master agree. A change is made in three steps on the
/// namespace strand: a function of commands.hpp checks a request and builds a record; the journal
/// takes the record (append) and says the CRC of its line; apply() changes the state. The answer
/// leaves when the record is durable.
///
/// apply() is total for records that were built by commands.hpp on an equal state. A record that
/// does not fit is a divergence: errc::damaged with the txid and what does not fit; the state may
/// then be half changed and must not be used any more.
///
/// Concurrency: single-threaded, on the namespace strand.
///
/// Limitation: the chunks of removed directories reach the volumes' queues of freed chunks bit by
/// bit, by reclaim_step(), whose timing is not logged. So the order of these queues is not part of
/// the durable state; which chunks are live, queued or waiting together is.
class state {
 public:
  state();

  // --- Change ---

  /// Applies one record. `line_crc` is the CRC of its line: the chain value behind it.
  result<void> apply(const record& r, std::uint32_t line_crc);

  /// Moves chunks of removed directories to the queues of their volumes: at most about `budget`
  /// entries and chunks. False when nothing is left to do. To be called now and then whenever
  /// anything is waiting (tree::detached()), with budgets that keep the strand responsive.
  bool reclaim_step(std::size_t budget);

  /// Volatile, see volume_table.
  void confirm_removals(volume_slot slot, std::uint64_t number) {
    volumes_.confirm_removals(slot, number);
  }
  /// Volatile, see operation_results. To be called with every refusal of a client's mutation.
  void remember_failure(const operation& op, const failure& why) {
    results_.remember_failure(op, log_time_ms_, why);
  }

  // --- Position in the log ---

  [[nodiscard]] ssdfs::txid last_txid() const noexcept { return last_txid_; }
  /// Time of the last record.
  [[nodiscard]] std::int64_t log_time_ms() const noexcept { return log_time_ms_; }
  /// CRC of the last record's line; 0 before the first.
  [[nodiscard]] std::uint32_t chain() const noexcept { return chain_; }

  // --- Who leads ---

  /// Nil before the first START.
  [[nodiscard]] const cluster_id& cluster() const noexcept { return cluster_; }
  /// 0 before the first START.
  [[nodiscard]] epoch_t epoch() const noexcept {
    return epochs_.empty() ? epoch_t{} : epochs_.back().epoch;
  }
  [[nodiscard]] const std::vector<epoch_entry>& epochs() const noexcept { return epochs_; }
  /// The epoch that the record `id` belongs to; 0 if it is older than all.
  [[nodiscard]] epoch_t epoch_of(ssdfs::txid id) const noexcept;
  /// The id that the next new volume gets.
  [[nodiscard]] volume_id next_volume() const noexcept {
    return volume_id((std::uint64_t{epoch().value} << 32) | volume_counter_);
  }

  // --- Parts ---

  [[nodiscard]] const tree& names() const noexcept { return names_; }
  /// Of an entry, wherever they are kept. Views are valid until the next change.
  [[nodiscard]] access_view access_of(inode entry) const;
  [[nodiscard]] std::string_view content_type_of(inode file) const;
  [[nodiscard]] const access_table& access() const noexcept { return access_; }
  [[nodiscard]] const content_type_table& types() const noexcept { return types_; }
  [[nodiscard]] const volume_table& volumes() const noexcept { return volumes_; }
  [[nodiscard]] const operation_results& results() const noexcept { return results_; }
  /// Nodes about which something other than `normal` is decided.
  [[nodiscard]] const std::map<node_id, node_entry>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const rebalance_entry& rebalance() const noexcept { return rebalance_; }

  /// Digest of namespace, volumes and position-independent rest: equal for equal contents. O(number
  /// of volumes). What MARK records hold.
  [[nodiscard]] std::uint64_t digest() const;

 private:
  friend class image_loader;
  class applier;

  tree names_;
  access_table access_;
  content_type_table types_;
  volume_table volumes_;
  operation_results results_;
  std::map<node_id, node_entry> nodes_;
  rebalance_entry rebalance_;
  std::vector<epoch_entry> epochs_;
  cluster_id cluster_;
  std::uint32_t volume_counter_ = 1;
  ssdfs::txid last_txid_;
  std::int64_t log_time_ms_ = 0;
  std::uint32_t chain_ = 0;
  std::vector<chunk_ref> scratch_;  ///< chunks being freed; kept for its memory
};

/// The answer that a client's mutation gets once `r` is applied.
[[nodiscard]] outcome outcome_of(const record& r);

}  // namespace ssdfs::meta
