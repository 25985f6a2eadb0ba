// Promises not to lead: the leader's book of those that it was given, and the standby's own.
#pragma once

#include "base/membership.hpp"
#include "cluster/time.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace ssdfs::cluster {

inline constexpr std::uint32_t max_lease_ms = 60'000;

/// The leader's side. A stamp is a number whose time of giving only the leader knows: the promise
/// that comes with its echo was made after that, so it lasts at least until then plus the stated
/// lease, less a tenth for the drift of the clocks.
/// Concurrency: single-threaded. Bounds: max_stamps are remembered; older ones count for nothing.
class promise_book {
 public:
  static constexpr std::size_t max_stamps = 1'024;

  /// A new stamp, given now.
  std::uint64_t give(time_ms now) {
    given_.push_back(now);
    if (given_.size() > max_stamps) {
      given_.pop_front();
      ++first_;
    }
    return first_ + given_.size() - 1;
  }
  /// A standby whose log has matched in this reign has sent this stamp, promising for `lease_ms`.
  void echoed(node_id standby, std::uint64_t number, std::uint32_t lease_ms) {
    if (number <= floor_ || number < first_ || number >= first_ + given_.size()) return;
    const auto lease = static_cast<std::int64_t>(std::min(lease_ms, max_lease_ms));
    time_ms& until = until_[standby];
    until = std::max(until, given_[static_cast<std::size_t>(number - first_)] + lease * 9 / 10);
  }
  /// A standby is released from its promise: no stamp that was given before counts any more,
  /// whenever its echo arrives, and no promise is held.
  void void_all() {
    floor_ = newest();
    until_.clear();
  }

  /// The number of the last stamp that was given; 0: none was.
  [[nodiscard]] std::uint64_t newest() const noexcept { return first_ + given_.size() - 1; }
  /// The promise lasts until just before this time; 0: there is none.
  [[nodiscard]] time_ms until(node_id standby) const {
    const auto at = until_.find(standby);
    return at == until_.end() ? 0 : at->second;
  }

 private:
  std::uint64_t first_ = 1;  ///< number of given_.front()
  std::uint64_t floor_ = 0;  ///< stamps up to this one are void
  std::deque<time_ms> given_;
  std::map<node_id, time_ms> until_;
};

/// The standby's side: until when it has promised not to lead, and the stamp that it has to echo.
/// Concurrency: single-threaded: the state machine that decides about taking over hands out echoes.
class promise_keeper {
 public:
  /// The process starts: what the one before it had promised is not known, so it counts as having
  /// promised now.
  promise_keeper(time_ms now, std::uint32_t lease_ms) { promise(now, lease_ms); }

  /// True if the stamp is new: a later one of the same leader process and reign, or another's.
  bool got(const stamp& s) {
    if (s.number == 0) return false;
    if (s.epoch == newest_.epoch && s.process == newest_.process && s.number <= newest_.number) {
      return false;
    }
    newest_ = s;
    return true;
  }
  /// The stamp to send now, for the first and only time; number 0 if there is none that was not
  /// sent. The promise is noted before this returns.
  stamp echo(time_ms now, std::uint32_t lease_ms) {
    if (newest_.number == 0 || newest_ == sent_) return {};
    sent_ = newest_;
    promise(now, lease_ms);
    return sent_;
  }
  /// The leader has released this standby, and counts no stamp up to `last` any more. False if a
  /// later one was echoed: then this is old news, and the promise holds.
  bool released(const stamp& last) {
    if (sent_.number > last.number && sent_.epoch == last.epoch && sent_.process == last.process) {
      return false;
    }
    until_ = 0;
    sent_ = newest_;  // what was got and not sent is void, too
    return true;
  }
  /// May lead from this time on.
  [[nodiscard]] time_ms until() const noexcept { return until_; }

 private:
  void promise(time_ms now, std::uint32_t lease_ms) {
    until_ = std::max(until_, now + static_cast<std::int64_t>(std::min(lease_ms, max_lease_ms)));
  }

  time_ms until_ = 0;
  stamp newest_;
  stamp sent_;
};

}  // namespace ssdfs::cluster
