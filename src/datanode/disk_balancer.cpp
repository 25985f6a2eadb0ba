#include "datanode/disk_balancer.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::int64_t left_alone_ms = 10 * 60 * 1000;

std::vector<volume::disk_load> loads_of(const std::vector<volume::directory_status>& disks) {
  std::vector<volume::disk_load> out;
  for (const auto& d : disks) {
    out.push_back({d.problem.empty() ? d.capacity : 0, d.free, d.available});
  }
  return out;
}

}  // namespace

void disk_balancer::poll() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || running_ || bytes_per_s_ == 0) return;
    running_ = true;
  }
  const auto queued = parts_.background.submit([this] { run(); });
  if (queued) return;
  const std::lock_guard lock(mutex_);
  running_ = false;
}

void disk_balancer::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
}

void disk_balancer::set_rate(std::uint64_t bytes_per_s) {
  const std::lock_guard lock(mutex_);
  if (bytes_per_s == bytes_per_s_) return;
  bytes_per_s_ = bytes_per_s;
  rate_ = byte_rate(bytes_per_s);
}

disk_moves disk_balancer::moved() const {
  const std::lock_guard lock(mutex_);
  return moved_;
}

void disk_balancer::run() {
  // One, and the rest with the polls to come, which see what has become of the disks.
  if (const auto what = next()) move(*what);
  const std::lock_guard lock(mutex_);
  running_ = false;
}

std::optional<volume::disk_move> disk_balancer::next() {
  const auto disks = loads_of(parts_.set.status());
  const double allowed = balancing_ ? volume::disk_gap_end : volume::disk_gap_begin;
  const double gap = volume::disk_gap(disks);
  if (gap <= allowed) {
    if (balancing_) SSDFS_LOG(info) << "the disks' used shares differ by " << gap << " points now";
    balancing_ = false;
    return std::nullopt;
  }
  const std::int64_t now_ms = io::steady_ms();
  std::erase_if(not_before_ms_, [&](const auto& entry) { return entry.second <= now_ms; });
  std::vector<volume::disk_volume> movable;
  for (const auto& placed : parts_.set.placed()) {
    const replica_report& r = placed.report;
    if (r.state != replica_state::sealed || r.bad_records > 0 || not_before_ms_.contains(r.id)) {
      continue;
    }
    movable.push_back({r.id, placed.directory, r.length});
  }
  const auto what = volume::plan_disk_move(disks, movable, volume::disk_gap_end);
  if (what && !balancing_) {
    SSDFS_LOG(info) << "the disks' used shares differ by " << gap << " points: volumes move";
  }
  balancing_ = what.has_value();
  return what;
}

void disk_balancer::move(const volume::disk_move& what) {
  const std::int64_t began = io::steady_ms();
  volume::volume_set::move_options options;
  options.directory = what.to;
  options.go_on = [this](std::uint64_t n) { return keep_rate(n); };
  std::shared_ptr<volume::volume> moved;
  options.serve = [&](const std::shared_ptr<volume::volume>& v) {
    if (!v) return parts_.volumes.erase(what.volume);
    parts_.volumes.insert(std::make_shared<hosted_volume>(v, parts_.disk));
    moved = v;
  };
  const auto done = parts_.set.move(what.volume, std::move(options));
  if (!done) {
    SSDFS_LOG(info) << "volume " << what.volume << " was not moved: " << done.error().message();
    not_before_ms_[what.volume] = io::steady_ms() + left_alone_ms;
    parts_.changed(what.volume);
    return;
  }
  SSDFS_LOG(info) << "volume " << what.volume << " moved to " << moved->path() << " in "
                  << io::steady_ms() - began << " ms";
  {
    const std::lock_guard lock(mutex_);
    ++moved_.volumes;
    moved_.bytes += moved->length();
  }
  parts_.changed(what.volume);
}

/// False if the node shall end.
bool disk_balancer::keep_rate(std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  const std::int64_t pause_ns = rate_.used(bytes, io::steady_ns());
  if (pause_ns > 0) {
    wake_.wait_for(lock, std::chrono::nanoseconds(pause_ns), [&] { return stopping_; });
  }
  return !stopping_;
}

}  // namespace ssdfs::datanode
