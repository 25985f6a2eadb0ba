// The log's way to standard error.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace ssdfs::cli {

/// Writes lines to a descriptor from a thread of its own, so that nobody who has something to log
/// waits for whoever reads the log. A reader that stops reading, or a full disk, costs lines of the
/// log and nothing else: what does not fit into a buffer of 1 MiB is counted, and the number is
/// written once there is room again.
/// Concurrency: add() from any thread.
class log_writer {
 public:
  /// The line that tells that so many were lost.
  using loss_line = std::function<std::string(std::uint64_t lines)>;

  /// `fd` stays the caller's, and open as long as this lives.
  log_writer(int fd, loss_line tell_loss);
  /// Waits until all is written, at most a second.
  ~log_writer();
  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;

  /// `line` is without its end. Never waits.
  void add(std::string_view line);

 private:
  void run();
  [[nodiscard]] bool wait_for_room();
  /// Writes `lines`, each with its end; returns how many of them it could not.
  std::uint64_t write(std::string_view lines);

  const int fd_;
  const loss_line tell_loss_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::string pending_;
  std::uint64_t lost_ = 0;
  bool stopping_ = false;
  std::int64_t end_ms_ = 0;  // of the time for writing the rest, once stopping_
  std::thread thread_;
};

}  // namespace ssdfs::cli
