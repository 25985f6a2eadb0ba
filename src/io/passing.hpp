// Failures that pass: telling them from others, and waiting for their end.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <thread>

namespace ssdfs::io {

/// True if the failure of a call to the disk says nothing about what is stored: the disk is full or
/// has no inodes left, or the process is out of descriptors or memory. The call has had no effect
/// but, for a write, a prefix of it; the same call made again later may succeed. Not for
/// file::sync(): there a full disk has lost what was to be synced.
[[nodiscard]] inline bool passes(const failure& why) noexcept {
  return why == errc::no_space || why == errc::busy;
}

/// How long, and how often, a call is made again.
struct patience {
  std::int64_t limit_ms = 10'000;
  std::int64_t pause_ms = 100;
};

/// Calls `step` until it succeeds, fails with what does not pass, or the patience ends; returns its
/// last result. `go_on(failure)` is asked before each pause; false ends it early. Blocks.
template <class Step, class GoOn>
result<void> patiently(const patience& how, Step step, GoOn go_on) {
  using clock = std::chrono::steady_clock;
  const auto limit = clock::now() + std::chrono::milliseconds(how.limit_ms);
  for (;;) {
    result<void> done = step();
    if (done || !passes(done.error()) || clock::now() >= limit || !go_on(done.error())) {
      return done;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(how.pause_ms));
  }
}

}  // namespace ssdfs::io
