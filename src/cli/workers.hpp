// A bounded pool of threads for commands that handle many files.
#pragma once

#include "base/unique_function.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace ssdfs::cli {

/// run() waits while more than twice as many jobs wait as there are threads, so a walk over a large
/// tree never gets far ahead. The destructor waits for all jobs.
class workers {
 public:
  explicit workers(std::size_t threads);
  ~workers();
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;

  void run(unique_function<void()> job);
  /// Waits until every job is done.
  void wait();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<unique_function<void()>> jobs_;
  std::size_t running_ = 0;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

/// Lets at most `count` holders in; for what needs much memory.
class gate {
 public:
  explicit gate(std::size_t count) : free_(count) {}
  void enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return free_ > 0; });
    --free_;
  }
  void leave() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t free_;
};

}  // namespace ssdfs::cli
