// Keeps background work below a rate.
#pragma once

#include <cstdint>

namespace ssdfs::datanode {

/// Operation: used() after every piece of work says how long to pause. A quarter of a second may be
/// made up for. Not thread-safe.
class byte_rate {
 public:
  /// 0 bytes per second: no bound.
  explicit byte_rate(std::uint64_t bytes_per_s) : bytes_per_s_(bytes_per_s) {}

  /// `bytes` were moved, and it is now `now_ns`. Nanoseconds to pause before going on.
  [[nodiscard]] std::int64_t used(std::uint64_t bytes, std::int64_t now_ns) noexcept {
    if (bytes_per_s_ == 0) return 0;
    constexpr std::int64_t slack_ns = 250'000'000;
    if (due_ns_ < now_ns - slack_ns) due_ns_ = now_ns - slack_ns;
    due_ns_ += static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 /
                                         static_cast<double>(bytes_per_s_));
    return due_ns_ > now_ns ? due_ns_ - now_ns : 0;
  }

 private:
  std::uint64_t bytes_per_s_;
  std::int64_t due_ns_ = 0;  // when the work so far would be done at exactly the rate
};

}  // namespace ssdfs::datanode
