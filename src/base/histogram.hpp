// Distribution of a non-negative number (mostly microseconds), cheap enough for every operation.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ssdfs {

/// What a histogram held at one moment.
struct histogram_summary {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t p50 = 0;
  std::uint64_t p95 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t p999 = 0;
  std::uint64_t max = 0;  ///< exact
};

/// Counts in buckets of logarithmic width: exact below 16, then 16 buckets a power of two, so that
/// a percentile is at most 1/16 too high. Values of 2^40 and more share the last bucket. 4.7 KiB.
///
/// Concurrency: record() from any thread, without locks; a summary taken meanwhile counts each
/// value once or not yet.
class histogram {
 public:
  void record(std::uint64_t value) noexcept {
    counts_[bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
    std::uint64_t seen = max_.load(std::memory_order_relaxed);
    while (value > seen && !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }

  [[nodiscard]] histogram_summary summary() const noexcept {
    std::array<std::uint64_t, buckets> counts;
    histogram_summary out;
    for (std::size_t i = 0; i < buckets; ++i) {
      counts[i] = counts_[i].load(std::memory_order_relaxed);
      out.count += counts[i];
    }
    out.sum = sum_.load(std::memory_order_relaxed);
    out.max = max_.load(std::memory_order_relaxed);
    const auto percentile = [&](std::uint64_t per_mille) {
      const std::uint64_t rank = (out.count * per_mille + 999) / 1000;
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < buckets && rank > 0; ++i) {
        below += counts[i];
        if (below >= rank) return highest_of(i) < out.max ? highest_of(i) : out.max;
      }
      return out.count == 0 ? std::uint64_t{0} : out.max;
    };
    out.p50 = percentile(500);
    out.p95 = percentile(950);
    out.p99 = percentile(990);
    out.p999 = percentile(999);
    return out;
  }

  /// Values below 2^(first + i) in out[i], as of now; the sum of all is `sum()`. For formats that
  /// want cumulative buckets.
  void count_below_powers(unsigned first, std::span<std::uint64_t> out) const noexcept {
    std::uint64_t below = 0;
    std::size_t bucket = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t limit = std::uint64_t{1} << (first + i);
      for (; bucket < buckets && highest_of(bucket) < limit; ++bucket) {
        below += counts_[bucket].load(std::memory_order_relaxed);
      }
      out[i] = below;
    }
  }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  static constexpr unsigned sub_bits = 4;
  static constexpr std::size_t per_power = std::size_t{1} << sub_bits;
  static constexpr unsigned top_bit = 40;
  static constexpr std::size_t buckets = (top_bit - sub_bits + 1) * per_power;

  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < per_power) return static_cast<std::size_t>(value);
    const unsigned power = static_cast<unsigned>(std::bit_width(value)) - 1;
    if (power >= top_bit) return buckets - 1;
    const unsigned shift = power - sub_bits;
    return (shift + 1) * per_power + static_cast<std::size_t>((value >> shift) - per_power);
  }
  // The largest value that a bucket counts.
  static constexpr std::uint64_t highest_of(std::size_t bucket) noexcept {
    if (bucket < per_power) return bucket;
    const std::size_t shift = bucket / per_power - 1;
    const std::uint64_t first = (per_power + bucket % per_power) << shift;
    return first + (std::uint64_t{1} << shift) - 1;
  }

  std::array<std::atomic<std::uint64_t>, buckets> counts_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace ssdfs
