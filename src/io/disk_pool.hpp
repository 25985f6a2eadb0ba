// Threads for calls that block on a disk, so that no network thread ever does.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>

namespace ssdfs::io {

struct disk_pool_options {
  std::size_t threads = 4;
  /// Tasks accepted and not yet finished, at most.
  std::size_t queue_limit = 4096;
};

/// A bounded pool.
///
/// Operation: every accepted task runs exactly once, on one of the pool's threads, in no
/// particular order. Tasks must not throw.
/// Concurrency: all functions are thread-safe; stop() and the destructor must not be called from
/// a task.
class disk_pool {
 public:
  explicit disk_pool(disk_pool_options options);
  /// As stop().
  ~disk_pool();
  disk_pool(const disk_pool&) = delete;
  disk_pool& operator=(const disk_pool&) = delete;

  /// Queues `task`. errc::busy when the bound is reached, errc::shutting_down after stop(); then
  /// the task has not run and never will.
  result<void> submit(unique_function<void()> task);

  /// Refuses new tasks, runs those accepted and joins the threads. May be called again.
  void stop();

  /// Tasks accepted and not yet finished.
  [[nodiscard]] std::size_t pending() const noexcept {
    return pending_.load(std::memory_order_relaxed);
  }

 private:
  const disk_pool_options options_;
  std::atomic<std::size_t> pending_{0};
  std::mutex mutex_;       // orders submit against stop
  bool stopping_ = false;  // under mutex_
  boost::asio::thread_pool threads_;
};

}  // namespace ssdfs::io
