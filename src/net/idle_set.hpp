// Which of many have nothing to do, one bit each.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace ssdfs::net {

/// All are busy at first. Thread-safe; an answer is true of some moment during the call.
class idle_set {
 public:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  explicit idle_set(std::size_t members) : words_((members + bits - 1) / bits) {}

  void set(std::size_t member, bool idle) noexcept {
    std::atomic<std::uint64_t>& word = words_[member / bits];
    const std::uint64_t bit = std::uint64_t{1} << (member % bits);
    if (idle) {
      word.fetch_or(bit, std::memory_order_relaxed);
    } else {
      word.fetch_and(~bit, std::memory_order_relaxed);
    }
  }

  /// The lowest that is idle, or none. One look tells of 64.
  [[nodiscard]] std::size_t first() const noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t word = words_[i].load(std::memory_order_relaxed);
      if (word != 0) return i * bits + static_cast<std::size_t>(std::countr_zero(word));
    }
    return none;
  }

 private:
  static constexpr std::size_t bits = 64;
  std::vector<std::atomic<std::uint64_t>> words_;
};

/// One member's place in a set, or nothing.
class idle_mark {
 public:
  idle_mark() = default;
  idle_mark(std::shared_ptr<idle_set> in, std::size_t member)
      : in_(std::move(in)), member_(member) {
    set(true);
  }
  void set(bool idle) const noexcept {
    if (in_) in_->set(member_, idle);
  }

 private:
  std::shared_ptr<idle_set> in_;
  std::size_t member_ = 0;
};

}  // namespace ssdfs::net
