// Progress of long work: one line on a terminal, nothing elsewhere.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace ssdfs::cli {

/// What a line of progress tells.
struct progress_values {
  std::string what;  ///< the verb: "put"
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t total_files = 0;
  std::uint64_t total_bytes = 0;
  bool totals_known = false;
  double seconds = 0;  ///< since the work began
};

/// The line in at most `width` columns: the bar gives way first, figures are cut last.
[[nodiscard]] std::string progress_line(const progress_values& of, std::size_t width);

/// Redraws itself a few times a second while standard error is a terminal. Counters may be changed
/// from any thread. The line disappears at the end.
class progress {
 public:
  /// `what` is the verb of the line: "put".
  explicit progress(std::string what);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
  /// What there is to do as far as it is known; 0: unknown.
  std::atomic<std::uint64_t> total_files{0};
  std::atomic<std::uint64_t> total_bytes{0};
  /// Set once the totals are final: the remaining time is shown from then on.
  std::atomic<bool> totals_known{false};

  /// Takes the line away so that something else can be printed to standard error.
  void clear_line();

 private:
  void run();

  std::string what_;
  std::int64_t began_ms_;
  bool terminal_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace ssdfs::cli
