// What is committed: durable at the master, and at as many backups as have to hold it.
#pragma once

#include "base/ids.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <vector>

namespace ssdfs::cluster {

/// Operation: the highest txid that is durable here and was acknowledged by at least `needed`
/// backups. It never goes back: what was shown to somebody stays committed.
/// Concurrency: single-threaded. Cost: O(backups).
class commit_gate {
 public:
  explicit commit_gate(std::size_t needed) : needed_(needed) {}

  void durable_here(txid upto) {
    here_ = std::max(here_, upto);
    settle();
  }
  /// The backup holds everything up to `upto` durably. A lower one than before changes nothing.
  void acknowledged(node_id backup, txid upto) {
    txid& held = held_[backup];
    held = std::max(held, upto);
    settle();
  }
  /// The backup's copy was replaced, or it is gone for good: it holds nothing until it says so.
  void forget(node_id backup) { held_.erase(backup); }

  [[nodiscard]] txid committed() const noexcept { return committed_; }
  [[nodiscard]] txid here() const noexcept { return here_; }
  [[nodiscard]] std::size_t needed() const noexcept { return needed_; }

 private:
  void settle() {
    txid upto = here_;
    if (needed_ > 0) {
      std::vector<txid> acks;
      for (const auto& [backup, held] : held_) acks.push_back(held);
      if (acks.size() < needed_) return;
      std::nth_element(acks.begin(), acks.begin() + static_cast<std::ptrdiff_t>(needed_ - 1),
                       acks.end(), std::greater<>());
      upto = std::min(upto, acks[needed_ - 1]);
    }
    committed_ = std::max(committed_, upto);
  }

  std::size_t needed_;
  txid here_;
  txid committed_;
  std::map<node_id, txid> held_;
};

}  // namespace ssdfs::cluster
