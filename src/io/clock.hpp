// Time and randomness, as arguments to the rooms that must not ask for them.
#pragma once

#include "base/ids.hpp"

#include <cstdint>

namespace ssdfs::io {

/// Milliseconds since 1970-01-01 UTC by the system clock; may jump.
[[nodiscard]] std::int64_t wall_ms();
/// Nanoseconds and milliseconds of a clock that never goes back (CLOCK_MONOTONIC).
[[nodiscard]] std::int64_t steady_ns();
[[nodiscard]] std::int64_t steady_ms();
/// Milliseconds of a clock that never goes back and counts while the machine sleeps
/// (CLOCK_BOOTTIME); for leases.
[[nodiscard]] std::int64_t boot_ms();
/// 64 random bits from the kernel.
[[nodiscard]] std::uint64_t random_u64();
/// A random (version 4) uuid.
[[nodiscard]] uuid random_uuid();

}  // namespace ssdfs::io
