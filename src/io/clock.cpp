#include "io/clock.hpp"

#include "base/assert.hpp"

#include <sys/random.h>

#include <array>
#include <cstring>
#include <ctime>

namespace ssdfs::io {
namespace {

std::int64_t nanoseconds_of(clockid_t clock) {
  timespec t{};
  SSDFS_ASSERT(clock_gettime(clock, &t) == 0);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// getentropy fills up to 256 bytes whole or fails; without randomness ids would collide, so a
// kernel that has none stops the process.
template <class T>
T random_value() {
  T value{};
  SSDFS_ASSERT(getentropy(&value, sizeof value) == 0);
  return value;
}

}  // namespace

std::int64_t wall_ms() { return nanoseconds_of(CLOCK_REALTIME) / 1'000'000; }
std::int64_t steady_ns() { return nanoseconds_of(CLOCK_MONOTONIC); }
std::int64_t steady_ms() { return steady_ns() / 1'000'000; }

std::int64_t boot_ms() { return nanoseconds_of(CLOCK_BOOTTIME) / 1'000'000; }

std::uint64_t random_u64() { return random_value<std::uint64_t>(); }

uuid random_uuid() {
  auto bytes = random_value<std::array<std::uint8_t, 16>>();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 4122
  uuid id{};
  std::memcpy(id.data, bytes.data(), bytes.size());
  return id;
}

}  // namespace ssdfs::io
