// What a service manager's watchdog wants to hear (WATCHDOG_USEC of sd_watchdog_enabled(3)).
#pragma once

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>

namespace ssdfs::cli {

/// Operation: each beat() posts a probe to the io_context, and says WATCHDOG=1 only if the probe of
/// the beat before has run and the roles say that they are alive: a process whose threads hang is
/// restarted, however well its main thread sleeps.
/// Concurrency: one thread, which is not one of the io_context's.
class watchdog {
 public:
  /// `alive` is called by beat().
  watchdog(boost::asio::io_context& io, std::function<bool()> alive);

  /// How long to wait between two beats; zero if nobody listens.
  [[nodiscard]] std::chrono::microseconds interval() const noexcept { return interval_; }
  void beat();

 private:
  boost::asio::io_context& io_;
  std::function<bool()> alive_;
  std::chrono::microseconds interval_{0};
  std::shared_ptr<std::atomic<bool>> answered_ = std::make_shared<std::atomic<bool>>(true);
};

/// The next of `signals`, which every thread has blocked; beats meanwhile. -1 if waiting fails.
[[nodiscard]] int wait_for_signal(const sigset_t& signals, watchdog& dog);

}  // namespace ssdfs::cli
