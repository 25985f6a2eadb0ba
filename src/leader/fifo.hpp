// A queue that allocates nothing in the steady state.
#pragma once

#include "base/assert.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace ssdfs::leader {

/// First in, first out, in a ring that grows to the usual load and stays there: a std::deque of
/// large things allocates one block for each of them.
/// Concurrency: one thread or strand.
template <class T>
class fifo {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The oldest. Not of an empty queue; valid until the next push() or pop().
  [[nodiscard]] T& front() {
    SSDFS_ASSERT(size_ > 0);
    return ring_[first_];
  }
  void push(T thing) {
    if (size_ == ring_.size()) grow();
    ring_[(first_ + size_) & (ring_.size() - 1)] = std::move(thing);
    ++size_;
  }
  /// Takes the oldest out.
  [[nodiscard]] T pop() {
    T out = std::move(front());
    ring_[first_] = T();
    first_ = (first_ + 1) & (ring_.size() - 1);
    --size_;
    return out;
  }

 private:
  static constexpr std::size_t least = 16;

  void grow() {
    std::vector<T> larger(ring_.empty() ? least : ring_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) {
      larger[i] = std::move(ring_[(first_ + i) & (ring_.size() - 1)]);
    }
    ring_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> ring_;  // a power of two of them
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace ssdfs::leader
