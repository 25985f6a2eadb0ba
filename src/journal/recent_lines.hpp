// The last durable lines of the log, kept in memory for backups that are close behind.
#pragma once

#include "base/ids.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

namespace ssdfs::journal {

/// Batches of lines, the oldest of which are forgotten beyond a number of bytes. Thread-safe.
class recent_lines {
 public:
  explicit recent_lines(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Records must follow those added before.
  void add(std::string_view lines, ssdfs::txid first, ssdfs::txid last);

  /// Appends lines from `from` on to `out` until about `max_bytes` are there, at least one.
  /// Returns the txid of the last one; 0 if `from` is not held.
  [[nodiscard]] ssdfs::txid read(ssdfs::txid from, std::size_t max_bytes, std::string& out) const;

 private:
  struct batch {
    ssdfs::txid first;
    ssdfs::txid last;
    std::string text;
  };
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::deque<batch> batches_;
  std::size_t bytes_ = 0;
};

}  // namespace ssdfs::journal
