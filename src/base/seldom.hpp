// Saying once in a while what happens often.
#pragma once

#include <cstdint>
#include <utility>

namespace ssdfs {

/// Lets a line that could come any number of times a second be logged at most once in `pause_ms`.
/// Not thread-safe.
class seldom {
 public:
  explicit seldom(std::int64_t pause_ms) noexcept : pause_ms_(pause_ms) {}

  /// How often it has happened since it was said last, this time included; 0 while it is too soon
  /// to say so. `now_ms` is of a clock that does not go back.
  [[nodiscard]] std::uint64_t happened(std::int64_t now_ms) noexcept {
    ++since_;
    if (said_ && now_ms - said_ms_ < pause_ms_) return 0;
    said_ = true;
    said_ms_ = now_ms;
    return std::exchange(since_, 0);
  }

 private:
  std::int64_t pause_ms_;
  std::int64_t said_ms_ = 0;
  bool said_ = false;
  std::uint64_t since_ = 0;
};

}  // namespace ssdfs
