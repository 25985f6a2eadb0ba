// A bound on the memory of writes that wait for a disk or for the rest of their chain.
#pragma once

#include "wire/chain.hpp"

#include <array>
#include <atomic>
#include <cstddef>

namespace ssdfs::datanode {

/// Bytes in memory, counted apart for every distance from the end of a chain. A write that still
/// has n hops before it waits only for writes with n-1, so a full budget at one distance never
/// keeps those from finishing that it waits for: chains that cross cannot block each other.
/// Thread-safe.
class byte_budget {
 public:
  explicit byte_budget(std::size_t limit_each) : limit_(limit_each) {}

  /// False, without taking anything, if it would exceed the bound. One write always fits.
  [[nodiscard]] bool take(std::size_t hops, std::size_t bytes) noexcept {
    std::atomic<std::size_t>& used = used_[hops];
    const std::size_t before = used.fetch_add(bytes, std::memory_order_relaxed);
    if (before == 0 || before + bytes <= limit_) return true;
    used.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void give_back(std::size_t hops, std::size_t bytes) noexcept {
    used_[hops].fetch_sub(bytes, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t used() const noexcept {
    std::size_t sum = 0;
    for (const auto& u : used_) sum += u.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  const std::size_t limit_;
  std::array<std::atomic<std::size_t>, wire::max_chain> used_{};
};

}  // namespace ssdfs::datanode
