// The time that records carry: follows the wall clock, but never goes back and never jumps.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ssdfs::meta {

/// Slews instead of stepping, because expiries (trash, grace times, results) run on log time: a
/// wall clock that jumps ahead by a year must not empty the trash. Between two ticks log time
/// advances by at least half and at most twice what a steady clock says, whatever the wall clock
/// shows; in between it follows the wall clock.
///
/// Limitation: how long the process was down is only known from the wall clock, so at a start up
/// to max_start_jump_ms of it are believed and the rest is caught up at double speed.
///
/// Single-threaded; times are arguments.
class log_clock {
 public:
  static constexpr std::int64_t max_start_jump_ms = std::int64_t{24} * 3600 * 1000;

  /// `last_ms` is the time of the last record in the log, 0 if there is none.
  log_clock(std::int64_t last_ms, std::int64_t wall_ms, std::int64_t steady_ms)
      : now_(last_ms == 0 ? wall_ms : std::clamp(wall_ms, last_ms, last_ms + max_start_jump_ms)),
        steady_(steady_ms) {}

  /// The log time of now; changes in steps of some milliseconds.
  std::int64_t tick(std::int64_t wall_ms, std::int64_t steady_ms) {
    const std::int64_t elapsed = steady_ms - steady_;
    if (elapsed < granularity_ms) return now_;  // too short to tell a jump from rounding
    steady_ = steady_ms;
    now_ = std::clamp(wall_ms, now_ + elapsed / 2, now_ + elapsed * 2);
    return now_;
  }
  [[nodiscard]] std::int64_t now_ms() const noexcept { return now_; }

 private:
  static constexpr std::int64_t granularity_ms = 10;
  std::int64_t now_;
  std::int64_t steady_;
};

}  // namespace ssdfs::meta
