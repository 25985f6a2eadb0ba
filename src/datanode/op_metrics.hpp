// Latencies of the node's operations, and log lines for the slow ones.
#pragma once

#include "base/histogram.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "datanode/datanode.hpp"
#include "wire/opcodes.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace ssdfs::datanode {

/// When an operation passed its stages, CLOCK_MONOTONIC nanoseconds; 0 for a stage it did not have.
struct op_times {
  std::int64_t received = 0;   ///< frame was read
  std::int64_t started = 0;    ///< its work on the disk began
  std::int64_t stored = 0;     ///< ... and ended
  std::int64_t forwarded = 0;  ///< the rest of the chain answered
};

/// What an operation was about, for a log line.
struct op_subject {
  wire::opcode code{};
  volume_id volume;
  chunk_key key = 0;
  std::uint32_t bytes = 0;
};

/// Thread-safe.
class op_metrics {
 public:
  explicit op_metrics(std::int64_t slow_op_ms) : slow_op_ms_(slow_op_ms) {}

  /// Slow operations told one by one; when a disk or a peer hangs, all are slow.
  static constexpr std::uint64_t slow_lines_a_second = 10;

  /// Counts an operation that is being answered now; `failed` is null if it succeeded.
  void finished(const op_subject& what, const op_times& times, const failure* failed);

  void set_slow_op_ms(std::int64_t ms) noexcept {
    slow_op_ms_.store(ms, std::memory_order_relaxed);
  }
  [[nodiscard]] std::vector<operation_stats> summary() const;

 private:
  static constexpr auto first = wire::opcode::write_chunk;
  static constexpr auto last = wire::opcode::replica_chunks;
  static constexpr std::size_t operations =
      static_cast<std::size_t>(last) - static_cast<std::size_t>(first) + 1;
  struct entry {
    histogram latency_us;
    std::atomic<std::uint64_t> errors{0};
  };

  [[nodiscard]] bool may_log(std::int64_t now_ns);

  std::array<entry, operations> entries_;
  std::atomic<std::int64_t> slow_op_ms_;
  std::mutex log_mutex_;
  std::int64_t log_second_ = 0;  // under log_mutex_
  std::uint64_t logged_ = 0;     // lines in that second; under log_mutex_
  std::uint64_t kept_back_ = 0;  // lines that were too many; under log_mutex_
};

}  // namespace ssdfs::datanode
