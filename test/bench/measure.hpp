// What micro-benchmarks measure with: times on the wall and on a processor, latencies, reports as
// JSON lines.
#pragma once

#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace ssdfs::bench {

using steady = std::chrono::steady_clock;

/// Speed of the processor's clock, which costs less to read than the system's.
inline double ticks_per_ns() {
  const auto begin = steady::now();
  const std::uint64_t first = __rdtsc();
  while (steady::now() - begin < std::chrono::milliseconds(20)) {
  }
  const std::uint64_t ticks = __rdtsc() - first;
  return static_cast<double>(ticks) /
         static_cast<double>(std::chrono::nanoseconds(steady::now() - begin).count());
}

/// Latencies in ticks, counted in powers of two divided into 8.
class latencies {
 public:
  explicit latencies(double per_ns) : ticks_per_us_(per_ns * 1000) {}

  void add(std::uint64_t ticks) {
    const std::uint64_t v = std::max<std::uint64_t>(ticks, 8);
    const auto high = static_cast<unsigned>(std::bit_width(v)) - 4;
    ++counts_[high * 8 + (v >> high & 7)];
    ++total_;
    max_ = std::max(max_, v);
  }
  [[nodiscard]] double quantile_us(double q) const {
    auto left = static_cast<std::uint64_t>(q * static_cast<double>(total_));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (left < counts_[i]) return static_cast<double>((i % 8 + 9) << (i / 8)) / ticks_per_us_;
      left -= counts_[i];
    }
    return max_us();
  }
  [[nodiscard]] double max_us() const { return static_cast<double>(max_) / ticks_per_us_; }

 private:
  double ticks_per_us_;
  std::array<std::uint64_t, 8 * 64> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

/// Times of the calling thread since it was made, but for pauses: on the wall, and on a processor.
/// They differ when others use the machine, too.
class stopwatch {
 public:
  [[nodiscard]] double seconds() const { return wall_ + (running_ ? wall_now() - wall_begin_ : 0); }
  [[nodiscard]] double cpu_seconds() const {
    return cpu_ + (running_ ? cpu_now() - cpu_begin_ : 0);
  }

  /// `resume` goes on where `pause` stopped.
  void pause() {
    wall_ = seconds();
    cpu_ = cpu_seconds();
    running_ = false;
  }
  void resume() {
    running_ = true;
    wall_begin_ = wall_now();
    cpu_begin_ = cpu_now();
  }

 private:
  static double wall_now() {
    return std::chrono::duration<double>(steady::now().time_since_epoch()).count();
  }
  static double cpu_now() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  }
  bool running_ = true;
  double wall_ = 0;
  double cpu_ = 0;
  double wall_begin_ = wall_now();
  double cpu_begin_ = cpu_now();
};

inline void report_rate(const char* op, std::uint64_t count, const stopwatch& watch) {
  const auto n = static_cast<double>(count);
  std::printf(
      "{\"op\":\"%s\",\"count\":%llu,\"seconds\":%.3f,\"per_s\":%.0f,"
      "\"cpu_seconds\":%.3f,\"per_cpu_s\":%.0f}\n",
      op, static_cast<unsigned long long>(count), watch.seconds(), n / watch.seconds(),
      watch.cpu_seconds(), n / watch.cpu_seconds());
  std::fflush(stdout);
}

inline void report_latency(const char* op, const latencies& l) {
  std::printf(
      "{\"op\":\"%s latency\",\"p50_us\":%.2f,\"p99_us\":%.2f,\"p9999_us\":%.1f,"
      "\"p999999_us\":%.1f,\"max_us\":%.1f}\n",
      op, l.quantile_us(0.5), l.quantile_us(0.99), l.quantile_us(0.9999), l.quantile_us(0.999999),
      l.max_us());
}

}  // namespace ssdfs::bench
