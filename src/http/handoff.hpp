// Joins the start of something with its completion, whichever comes first, on whatever threads.
#pragma once

#include <atomic>

namespace ssdfs::http {

/// begin(), then start something that calls completed() once: inside the call, or later, or on
/// another thread before the call has returned. The starter calls returned() behind it. Exactly one
/// of the two gets true: that one goes on, and sees what the other did.
class handoff {
 public:
  void begin() noexcept { state_.store(started, std::memory_order_relaxed); }
  [[nodiscard]] bool returned() noexcept {
    return state_.exchange(left, std::memory_order_acq_rel) == finished;
  }
  [[nodiscard]] bool completed() noexcept {
    return state_.exchange(finished, std::memory_order_acq_rel) == left;
  }

 private:
  enum phase : int { started, left, finished };
  std::atomic<int> state_{started};
};

}  // namespace ssdfs::http
