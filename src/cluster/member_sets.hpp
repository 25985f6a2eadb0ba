// Which standbys a leader depends on, and what is committed by them.
#pragma once

#include "cluster/register_value.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

namespace ssdfs::cluster {

/// The sets that the register may hold. While a change is on the way, or its outcome is not known,
/// or the register was put back to an earlier state, these are several: what holds for one must
/// hold for the others. Concurrency: single-threaded. Bounds: a handful of sets of max_members.
class member_sets {
 public:
  member_sets(node_id self, std::vector<member_address> confirmed) : self_(self) {
    possible_.push_back(std::move(confirmed));
  }

  /// The register may hold this, or will: a change to it is about to be sent.
  void perhaps(std::vector<member_address> set) {
    if (std::find(possible_.begin(), possible_.end(), set) == possible_.end()) {
      possible_.push_back(std::move(set));
    }
  }
  /// This process has written exactly this, and nothing of what was possible before can come back.
  void confirm(std::vector<member_address> set) {
    possible_.clear();
    possible_.push_back(std::move(set));
  }
  /// The change to `set` was not made, and never will be.
  void refuse(const std::vector<member_address>& set) {
    possible_.erase(std::remove(possible_.begin() + 1, possible_.end(), set), possible_.end());
  }
  /// Nothing is on the way, and the register shows the confirmed set.
  void nothing_else() { possible_.resize(1); }

  [[nodiscard]] const std::vector<member_address>& confirmed() const { return possible_.front(); }
  /// In one of the sets, and not this process.
  [[nodiscard]] bool required(node_id node) const {
    return node != self_ && std::any_of(possible_.begin(), possible_.end(),
                                        [&](const auto& set) { return names(set, node); });
  }
  [[nodiscard]] std::vector<node_id> required() const {
    std::vector<node_id> out;
    for (const auto& set : possible_) {
      for (const auto& m : set) {
        if (m.node != self_ && std::find(out.begin(), out.end(), m.node) == out.end()) {
          out.push_back(m.node);
        }
      }
    }
    return out;
  }
  /// In all of the sets: whichever the register holds, this member may take over.
  [[nodiscard]] bool certain(node_id node) const {
    return std::all_of(possible_.begin(), possible_.end(),
                       [&](const auto& set) { return names(set, node); });
  }

 private:
  node_id self_;
  std::vector<std::vector<member_address>> possible_;  ///< the first is confirmed
};

/// Committed is what is durable at the leader, at every required standby, and at `min_sync` members
/// that are in every set that the register may hold.
/// Operation: it begins with what the leader was told to be committed, and never goes back.
/// Concurrency: single-threaded. Cost: O(members).
class set_gate {
 public:
  set_gate(std::size_t min_sync, txid told) : min_sync_(min_sync), committed_(told) {}

  void durable_here(txid upto) { here_ = std::max(here_, upto); }
  /// The standby's log matched in this reign, and is durable up to `upto`.
  void acknowledged(node_id standby, txid upto) {
    txid& held = held_[standby];
    held = std::max(held, upto);
  }
  /// What it holds counts only after it has matched again.
  void forget(node_id standby) { held_.erase(standby); }
  [[nodiscard]] txid held(node_id standby) const {
    const auto at = held_.find(standby);
    return at == held_.end() ? txid() : at->second;
  }

  /// To be called after each change of the above or of `sets`.
  void settle(const member_sets& sets) {
    txid upto = here_;
    for (const node_id n : sets.required()) upto = std::min(upto, held(n));
    if (min_sync_ > 0) {
      std::vector<txid> certain;
      for (const auto& [n, upto_there] : held_) {
        if (sets.certain(n)) certain.push_back(upto_there);
      }
      if (certain.size() < min_sync_) return;
      std::sort(certain.begin(), certain.end(), std::greater<>());
      upto = std::min(upto, certain[min_sync_ - 1]);
    }
    committed_ = std::max(committed_, upto);
  }

  [[nodiscard]] txid committed() const noexcept { return committed_; }
  [[nodiscard]] txid here() const noexcept { return here_; }

 private:
  std::size_t min_sync_;
  txid here_;
  txid committed_;
  std::map<node_id, txid> held_;
};

}  // namespace ssdfs::cluster
