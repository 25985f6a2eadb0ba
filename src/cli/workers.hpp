// A bounded pool of threads for commands that handle many files.
#pragma once

#include "base/unique_function.hpp"

#include <algorithm>
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

/// Bounds the memory that jobs use together: each enters with what it is going to need and waits
/// until so much is free.
class gate {
 public:
  explicit gate(std::size_t bytes) : all_(bytes), free_(bytes) {}

  /// A share of the gate's bytes, given back by the destructor. More than there is counts as all.
  class pass {
   public:
    pass(gate& through, std::size_t bytes) : gate_(through), bytes_(std::min(bytes, through.all_)) {
      std::unique_lock lock(gate_.mutex_);
      gate_.changed_.wait(lock, [this] { return gate_.free_ >= bytes_; });
      gate_.free_ -= bytes_;
    }
    ~pass() {
      {
        const std::lock_guard lock(gate_.mutex_);
        gate_.free_ += bytes_;
      }
      gate_.changed_.notify_all();
    }
    pass(const pass&) = delete;
    pass& operator=(const pass&) = delete;

   private:
    gate& gate_;
    std::size_t bytes_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::size_t all_;
  std::size_t free_;
};

}  // namespace ssdfs::cli
