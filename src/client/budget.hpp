// A bound on memory that is shared by many transfers.
#pragma once

#include "base/assert.hpp"

#include <cstddef>
#include <cstdint>
#include <list>

namespace ssdfs::detail {

/// Somebody who waits for a share of a budget.
class budget_waiter {
 public:
  /// The share was given.
  virtual void on_budget() = 0;

 protected:
  ~budget_waiter() = default;

 private:
  friend class budget;
  std::size_t wanted_ = 0;
  bool waiting_ = false;
};

/// A number of bytes, handed out in shares, first come first served. Used on one strand.
class budget {
 public:
  explicit budget(std::size_t bytes) : total_(bytes) {}

  /// Takes a share if there is one now and nobody waits for one. A share larger than the whole
  /// budget is given when nothing else is out.
  [[nodiscard]] bool try_take(std::size_t bytes) {
    if (!queue_.empty() || !fits(bytes)) return false;
    out_ += bytes;
    return true;
  }
  /// Calls waiter.on_budget() when its share can be had (from give_back(), later).
  void wait(budget_waiter& waiter, std::size_t bytes) {
    waiter.wanted_ = bytes;
    waiter.waiting_ = true;
    queue_.push_back(&waiter);
  }
  /// Stops waiting; harmless if it does not wait.
  void forget(budget_waiter& waiter) {
    if (!waiter.waiting_) return;
    waiter.waiting_ = false;
    queue_.remove(&waiter);
    serve();
  }
  void give_back(std::size_t bytes) {
    SSDFS_ASSERT(out_ >= bytes);
    out_ -= bytes;
    serve();
  }

 private:
  [[nodiscard]] bool fits(std::size_t bytes) const noexcept {
    return out_ == 0 || (out_ < total_ && bytes <= total_ - out_);
  }
  void serve() {
    while (!queue_.empty() && fits(queue_.front()->wanted_)) {
      budget_waiter* const next = queue_.front();
      queue_.pop_front();
      next->waiting_ = false;
      out_ += next->wanted_;
      next->on_budget();
    }
  }

  std::size_t total_;
  std::size_t out_ = 0;
  std::list<budget_waiter*> queue_;
};

}  // namespace ssdfs::detail
