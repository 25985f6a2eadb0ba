// What every order that takes long has in common: it can be stopped, and it keeps to a rate.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "datanode/byte_rate.hpp"
#include "io/clock.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace ssdfs::datanode {

/// One order under way. Thread-safe; the work itself runs on one thread of the background pool.
class order_job {
 public:
  order_job(order what, std::uint64_t default_rate)
      : what_(std::move(what)),
        rate_(what_.rate_bytes_per_s != 0 ? what_.rate_bytes_per_s : default_rate) {}

  [[nodiscard]] const order& what() const noexcept { return what_; }

  // What a reconcile has to say, see order_result; for the thread that runs the work.
  std::vector<chunk_content> absent;
  std::vector<chunk_content> found;

  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    wake_.notify_all();
  }
  [[nodiscard]] bool cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }
  /// Waits; errc::cancelled if the work shall end.
  result<void> pause(std::int64_t ms) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return cancelled_; });
    if (cancelled_) return errc::cancelled;
    return {};
  }
  /// To be called by the work after each piece: pauses to keep the rate. errc::cancelled if the
  /// work shall end.
  result<void> moved(std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    const std::int64_t pause_ns = rate_.used(bytes, io::steady_ns());
    if (pause_ns > 0) {
      wake_.wait_for(lock, std::chrono::nanoseconds(pause_ns), [&] { return cancelled_; });
    }
    if (cancelled_) return errc::cancelled;
    return {};
  }

 private:
  const order what_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  byte_rate rate_;          // under mutex_
  bool cancelled_ = false;  // under mutex_
};

}  // namespace ssdfs::datanode
