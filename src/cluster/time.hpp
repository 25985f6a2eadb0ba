// Time in this room: an argument, never read from a clock.
#pragma once

#include <cstdint>
#include <limits>

namespace ssdfs::cluster {

/// Milliseconds of a monotonic clock with any origin. All times that one object of this room is
/// given must come from the same clock and never go back.
using time_ms = std::int64_t;

/// Later than every deadline.
inline constexpr time_ms never = std::numeric_limits<time_ms>::max();

}  // namespace ssdfs::cluster
