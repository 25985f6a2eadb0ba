// Which volumes have to be looked at: at once, when a time has come, or when the log has got so
// far.
#pragma once

#include "base/ids.hpp"
#include "cluster/time.hpp"

#include <map>
#include <set>
#include <unordered_map>
#include <utility>

namespace ssdfs::cluster {

/// The agenda of one controller. It only holds numbers: a volume that is gone by the time its turn
/// comes is for the caller to leave out.
///
/// Invariant: a volume has at most one wake-up, the earliest that was asked for since the last one
/// passed.
class volume_agenda {
 public:
  /// The volume is looked at in this event.
  void mark(volume_id id) { marked_.insert(id); }
  [[nodiscard]] bool empty() const noexcept { return marked_.empty(); }
  /// The marked volume with the lowest number; its mark is gone. Only while !empty().
  [[nodiscard]] volume_id take() { return marked_.extract(marked_.begin()).value(); }

  /// The volume is looked at again at `when`, or earlier if it has an earlier wake-up.
  void wake_at(volume_id id, time_ms when) {
    const auto [at, added] = wake_of_.try_emplace(id, when);
    if (!added) {
      if (at->second <= when) return;
      wakes_.erase({at->second, id});
      at->second = when;
    }
    wakes_.emplace(when, id);
  }
  /// Drops the volume's wake-up.
  void forget(volume_id id) {
    const auto at = wake_of_.find(id);
    if (at == wake_of_.end()) return;
    wakes_.erase({at->second, id});
    wake_of_.erase(at);
  }
  /// Marks those whose time has come.
  void mark_due(time_ms now) {
    while (!wakes_.empty() && wakes_.begin()->first <= now) {
      const volume_id id = wakes_.begin()->second;
      wakes_.erase(wakes_.begin());
      wake_of_.erase(id);
      mark(id);
    }
  }

  /// The volume is looked at when everything up to `at` is committed.
  void await(txid at, volume_id id) { waiting_.emplace(at, id); }
  /// Marks those that waited for `committed` or less. True if there were any.
  bool mark_committed(txid committed) {
    const auto end = waiting_.upper_bound(committed);
    if (end == waiting_.begin()) return false;
    for (auto at = waiting_.begin(); at != end; ++at) mark(at->second);
    waiting_.erase(waiting_.begin(), end);
    return true;
  }

 private:
  std::set<volume_id> marked_;
  std::set<std::pair<time_ms, volume_id>> wakes_;
  std::unordered_map<volume_id, time_ms> wake_of_;
  std::multimap<txid, volume_id> waiting_;
};

}  // namespace ssdfs::cluster
