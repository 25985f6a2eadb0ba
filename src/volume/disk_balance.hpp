// Which volume goes to which disk of a node, so that the disks fill up alike.
#pragma once

#include "base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ssdfs::volume {

/// One disk as the planner sees it.
struct disk_load {
  std::uint64_t capacity = 0;  ///< bytes; 0: out of use
  std::uint64_t free = 0;      ///< bytes that nothing uses
  std::uint64_t room = 0;      ///< bytes that a volume may take there
};

/// A volume that may be moved.
struct disk_volume {
  volume_id id;
  std::size_t disk = 0;  ///< index of its disk
  std::uint64_t bytes = 0;
};

struct disk_move {
  volume_id volume;
  std::size_t to = 0;
  friend bool operator==(const disk_move&, const disk_move&) = default;
};

/// Moving begins when the used shares of two disks differ by more than this many percent of a disk,
inline constexpr double disk_gap_begin = 10;
/// and ends when they differ by no more than this.
inline constexpr double disk_gap_end = 5;

/// Largest difference of the used shares, percentage points; 0 with fewer than two disks in use.
[[nodiscard]] double disk_gap(std::span<const disk_load> disks);

/// The next move, or none: the largest volume of the fullest disk that fits onto the emptiest and
/// does not make that one the fuller of the two; if there is none, the next pair of disks whose
/// difference is above `gap`. Every move brings the shares nearer to each other, so moves end.
/// Pure.
[[nodiscard]] std::optional<disk_move> plan_disk_move(std::span<const disk_load> disks,
                                                      std::span<const disk_volume> volumes,
                                                      double gap);

}  // namespace ssdfs::volume
