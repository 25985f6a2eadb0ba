// What an HTTP server counts.
#pragma once

#include "base/histogram.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace ssdfs::http {

/// Written by connections, read by whoever shows metrics; each number for itself.
struct server_stats {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};    ///< connections beyond the limit
  std::atomic<std::uint64_t> timed_out{0};  ///< connections cut because they were too slow
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> sent_bytes{0};
  std::atomic<std::uint64_t> malformed{0};               ///< requests that were no HTTP
  std::array<std::atomic<std::uint64_t>, 6> by_class{};  ///< answers by the status's first digit
  histogram latency_us;  ///< from a complete head to the answer's last byte handed to the system
};

}  // namespace ssdfs::http
