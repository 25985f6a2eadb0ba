#include "datanode/op_metrics.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::datanode {
namespace {

std::int64_t micros(std::int64_t from_ns, std::int64_t to_ns) {
  return from_ns == 0 || to_ns == 0 ? 0 : std::max<std::int64_t>(0, (to_ns - from_ns) / 1000);
}

void log_slow(const op_subject& what, const op_times& t, std::int64_t now_ns, const failure* why) {
  SSDFS_LOG(warning) << "slow " << wire::name_of(what.code) << " volume=" << what.volume
                     << " key=" << what.key << " bytes=" << what.bytes
                     << " total_us=" << micros(t.received, now_ns)
                     << " queued_us=" << micros(t.received, t.started)
                     << " disk_us=" << micros(t.started, t.stored)
                     << " chain_us=" << micros(t.received, t.forwarded)
                     << (why == nullptr ? "" : " error=") << (why == nullptr ? "" : why->message());
}

}  // namespace

void op_metrics::finished(const op_subject& what, const op_times& times, const failure* failed) {
  if (what.code < first || what.code > last) return;
  entry& e = entries_[static_cast<std::size_t>(what.code) - static_cast<std::size_t>(first)];
  const std::int64_t now = io::steady_ns();
  const std::int64_t took_us = micros(times.received, now);
  e.latency_us.record(static_cast<std::uint64_t>(took_us));
  if (failed != nullptr) e.errors.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t slow_ms = slow_op_ms_.load(std::memory_order_relaxed);
  if (slow_ms > 0 && took_us >= slow_ms * 1000 && may_log(now)) {
    log_slow(what, times, now, failed);
  }
}

bool op_metrics::may_log(std::int64_t now_ns) {
  const std::int64_t second = now_ns / 1'000'000'000;
  std::uint64_t kept_back = 0;
  {
    const std::lock_guard lock(log_mutex_);
    if (second == log_second_ && logged_ >= slow_lines_a_second) {
      ++kept_back_;
      return false;
    }
    if (second != log_second_) {
      log_second_ = second;
      logged_ = 0;
      kept_back = std::exchange(kept_back_, 0);
    }
    ++logged_;
  }
  if (kept_back > 0) SSDFS_LOG(warning) << kept_back << " more slow operations before this one";
  return true;
}

std::vector<operation_stats> op_metrics::summary() const {
  std::vector<operation_stats> out;
  for (std::size_t i = 0; i < operations; ++i) {
    const histogram_summary s = entries_[i].latency_us.summary();
    const auto code = static_cast<wire::opcode>(static_cast<std::size_t>(first) + i);
    out.push_back({std::string(wire::name_of(code)), s.count,
                   entries_[i].errors.load(std::memory_order_relaxed), s.sum, s.p50, s.p95, s.p99,
                   s.p999, s.max});
  }
  return out;
}

}  // namespace ssdfs::datanode
