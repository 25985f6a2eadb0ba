// What a server of the protocol counts: requests with their latencies, errors, bytes, connections.
#pragma once

#include "base/histogram.hpp"
#include "wire/opcodes.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ssdfs::net {

/// Concurrency: everything from any thread; the figures are read while they change.
class server_metrics {
 public:
  static constexpr std::size_t max_opcodes = wire::opcode_limit;
  static constexpr std::size_t max_errors = 128;

  server_metrics() = default;
  ~server_metrics() {
    for (auto& h : latency_us_) delete h.load();
  }
  server_metrics(const server_metrics&) = delete;
  server_metrics& operator=(const server_metrics&) = delete;

  /// A request was answered, with an errc or 0, `took_ns` after it was received.
  void answered(std::uint16_t opcode, std::uint16_t status, std::int64_t took_ns) {
    if (status != 0) errors_[status % max_errors].fetch_add(1, std::memory_order_relaxed);
    latency_of(opcode % max_opcodes)
        .record(static_cast<std::uint64_t>(took_ns < 0 ? 0 : took_ns) / 1000);
  }

  /// From receipt to the answer being queued, in microseconds; null if none was ever answered.
  [[nodiscard]] const histogram* latency_us(std::size_t opcode) const noexcept {
    return latency_us_[opcode].load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t errors(std::size_t status) const noexcept {
    return errors_[status].load(std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> sent_bytes{0};
  std::atomic<std::uint64_t> accepted{0};  ///< connections
  std::atomic<std::uint64_t> refused{0};   ///< connections that were too many
  std::atomic<std::int64_t> open{0};       ///< connections
  std::atomic<std::int64_t> in_flight{0};  ///< requests that are not answered yet

 private:
  // Most servers answer a dozen of all opcodes: their histograms are made when they are needed.
  histogram& latency_of(std::size_t opcode) {
    auto& place = latency_us_[opcode];
    histogram* found = place.load(std::memory_order_acquire);
    if (found != nullptr) return *found;
    auto* fresh = new histogram;
    if (place.compare_exchange_strong(found, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;
    return *found;
  }

  std::array<std::atomic<histogram*>, max_opcodes> latency_us_{};
  std::array<std::atomic<std::uint64_t>, max_errors> errors_{};
};

}  // namespace ssdfs::net
