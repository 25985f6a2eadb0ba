// Something done again and again.
#pragma once

#include "base/unique_function.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace ssdfs::datanode {

/// Operation: calls `tick` on a thread of the io_context, `interval_ms` after it returned the last
/// time; the first call comes after one interval.
/// Concurrency: start() once; stop() from any thread but the io_context's, returns when no tick
/// runs or will run any more.
class repeating_timer {
 public:
  repeating_timer(boost::asio::io_context& io, std::int64_t interval_ms,
                  unique_function<void()> tick)
      : timer_(io), interval_(interval_ms), tick_(std::move(tick)) {}
  ~repeating_timer() { stop(); }

  void start() {
    const std::lock_guard lock(mutex_);
    arm();
  }

  void stop() {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    timer_.cancel();
    idle_.wait(lock, [&] { return !armed_; });
  }

 private:
  // With mutex_ held.
  void arm() {
    armed_ = true;
    timer_.expires_after(interval_);
    timer_.async_wait([this](boost::system::error_code) { fired(); });
  }

  void fired() {
    bool over = false;
    {
      const std::lock_guard lock(mutex_);
      over = stopping_;
    }
    if (!over) tick_();
    const std::lock_guard lock(mutex_);
    if (!stopping_) return arm();
    armed_ = false;
    idle_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable idle_;
  boost::asio::steady_timer timer_;  // under mutex_
  const std::chrono::milliseconds interval_;
  unique_function<void()> tick_;
  bool armed_ = false;     // a wait or a tick is under way; under mutex_
  bool stopping_ = false;  // under mutex_
};

}  // namespace ssdfs::datanode
