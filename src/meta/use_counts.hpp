// How many entries have each value of a table.
#pragma once

#include "base/assert.hpp"
#include "meta/entry_extra.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ssdfs::meta {

/// Counts by id; kept_id is of no table and not counted. Not thread-safe.
class use_counts {
 public:
  void add(std::uint16_t id) {
    if (id == kept_id) return;
    if (id >= counts_.size()) [[unlikely]]
      counts_.resize(std::size_t{id} + 1);
    ++counts_[id];
  }
  void remove(std::uint16_t id) {
    if (id == kept_id) return;
    SSDFS_ASSERT(id < counts_.size() && counts_[id] > 0);
    --counts_[id];
  }
  [[nodiscard]] std::uint32_t operator[](std::uint16_t id) const noexcept {
    return id < counts_.size() ? counts_[id] : 0;
  }
  friend bool operator==(const use_counts& a, const use_counts& b) noexcept {
    const std::size_t n = std::max(a.counts_.size(), b.counts_.size());
    for (std::size_t i = 0; i < n; ++i) {
      if (a[static_cast<std::uint16_t>(i)] != b[static_cast<std::uint16_t>(i)]) return false;
    }
    return true;
  }

 private:
  std::vector<std::uint32_t> counts_;
};

}  // namespace ssdfs::meta
