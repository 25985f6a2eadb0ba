// What a standby notices of its leader, and how fresh its own tree is.
#pragma once

#include "base/ids.hpp"
#include "cluster/time.hpp"

#include <algorithm>
#include <deque>
#include <optional>

namespace ssdfs::cluster {

/// Silence is counted in ticks of this process: what it slept through is no silence of the leader.
/// Concurrency: single-threaded.
class leader_watch {
 public:
  static constexpr std::int64_t gap_ms = 500;  ///< between two ticks: the process did not run
  static constexpr int refusals_needed = 2;

  /// A new stamp came.
  void stamped() {
    silent_ms_ = 0;
    refusals_ = 0;
  }
  /// Another leader is followed now, or is named.
  void restart() { stamped(); }
  /// The leader's port refused, or a process answered there that does not lead: the old one is
  /// dead.
  void refused() { refusals_ = std::min(refusals_ + 1, refusals_needed); }
  /// True if this process did not run for a while.
  bool tick(time_ms now) {
    const std::int64_t passed = last_ == never ? 0 : now - last_;
    last_ = now;
    if (passed > gap_ms) {
      restart();
      return true;
    }
    silent_ms_ += passed;
    return false;
  }

  [[nodiscard]] bool dead() const noexcept { return refusals_ >= refusals_needed; }
  [[nodiscard]] std::int64_t silent_ms() const noexcept { return silent_ms_; }

 private:
  time_ms last_ = never;
  std::int64_t silent_ms_ = 0;
  int refusals_ = 0;
};

/// How old the state is that a standby shows. An answer that the leader gave while it was allowed
/// to show state speaks of what is committed at a time after the request was sent; once that much
/// is applied, the tree is as fresh as that request is old. Concurrency: single-threaded. Bounds:
/// max_pending answers wait to be applied.
class freshness {
 public:
  static constexpr std::size_t max_pending = 128;

  void answered(time_ms sent_at, txid committed) {
    if (pending_.size() < max_pending) pending_.push_back({committed, sent_at});
  }
  void applied(txid upto) {
    while (!pending_.empty() && pending_.front().committed <= upto) {
      as_of_ = std::max(as_of_.value_or(pending_.front().sent_at), pending_.front().sent_at);
      pending_.pop_front();
    }
  }
  /// Nothing that was told before counts: another leader.
  void restart() { pending_.clear(); }
  /// The tree shows the state of a time since then; empty: of any time.
  [[nodiscard]] std::optional<time_ms> as_of() const noexcept { return as_of_; }

 private:
  struct pending {
    txid committed;
    time_ms sent_at;
  };
  std::deque<pending> pending_;
  std::optional<time_ms> as_of_;
};

}  // namespace ssdfs::cluster
