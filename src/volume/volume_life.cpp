// State, generation, removals: the records that are no chunks, each durable before it takes effect.
#include "base/log.hpp"
#include "volume/append_scratch.hpp"
#include "volume/volume.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace ssdfs::volume {
namespace {

failure stale(generation_t given, generation_t own) {
  return {errc::stale_generation,
          "generation " + std::to_string(given) + "; this replica is at " + std::to_string(own)};
}

}  // namespace

std::string fence_path(const std::string& volume_path) { return volume_path + ".damaged"; }

// Returns `why`, so that callers can pass it on.
failure volume::fence(const failure& why) {
  if (fenced_.exchange(true)) return why;
  if (why == errc::io && env_.space != nullptr) env_.space->trouble();
  SSDFS_LOG(error) << path_ << ": no more changes: " << why.message();
  // What the kernel dropped may still look whole after a restart, so the verdict has to last. On a
  // disk that takes no more files it cannot, and needs not: there the restart fails as well.
  auto marker = env_.fs->open(fence_path(path_), io::open_mode::create);
  if (!marker) SSDFS_LOG(error) << marker.error().message();
  return why;
}

result<void> volume::check_usable() const {
  if (retired_) return failure(errc::shutting_down, path_ + ": closed or dropped");
  if (fenced_) return failure(errc::damaged, path_ + ": damaged, see the log");
  return {};
}

replica_status volume::status_locked() const {
  return {state_, generation_, removal_number_, index_.highest_key(), index_.digest()};
}

replica_report volume::report_locked() const {
  replica_report r;
  r.id = id_;
  r.generation = generation_;
  r.state = fenced_ ? replica_state::damaged : state_;
  r.length = length_;
  r.removal_number = removal_number_;
  const std::uint64_t kept = superblock_size + index_.extent_bytes() + pending_bytes_;
  r.dead_bytes = (r.length > kept ? r.length - kept : 0) + expired_bytes_;
  r.bad_records = static_cast<std::uint32_t>(bad_.size());
  r.digest = index_.digest();
  return r;
}

replica_report volume::report() const {
  const guard lock(index_mutex_);
  return report_locked();
}

// Appends the record and waits until it is durable. Under append_mutex_.
result<void> volume::append_status(const replica_status& status) {
  std::array<std::byte, status_size> payload;
  encode(status, payload.data());
  auto number = append_control(record_kind::state, payload);
  if (!number) return number.error();
  auto durable = sync_.wait(*number);
  if (!durable) return fence(durable.error());
  return durable;
}

// Makes a new state durable, then true. Under append_mutex_.
result<void> volume::change_status(replica_state state, generation_t generation,
                                   std::uint64_t removal_number) {
  SSDFS_TRY(check_usable());
  replica_status status;
  {
    const guard lock(index_mutex_);
    status = status_locked();
  }
  status.state = state;
  status.generation = generation;
  status.removal_number = removal_number;
  SSDFS_TRY(append_status(status));
  const guard lock(index_mutex_);
  state_ = state;
  generation_ = generation;
  removal_number_ = removal_number;
  ++version_;
  if (state == replica_state::open) {
    // Grants of earlier generations have ended: what they left untried stays untried.
    index_.burn_gaps();
    compaction_void_ = true;
  }
  return {};
}

result<replica_report> volume::seal(generation_t generation) {
  {
    const guard lock(append_mutex_);
    const replica_report now = report();
    if (generation != now.generation) return stale(generation, now.generation);
    if (now.state == replica_state::sealed) return now;
    if (now.state == replica_state::recovering) {
      return failure(errc::precondition, "the copy is not complete");
    }
    SSDFS_TRY(check_usable());
    give_up_large();
    SSDFS_TRY(change_status(replica_state::sealed, generation, now.removal_number));
  }
  // The seal stands; the checkpoint only saves memory and the next start's time.
  if (auto done = write_checkpoint(); !done) {
    SSDFS_LOG(warning) << path_ << ": no checkpoint: " << done.error().message();
  }
  return report();
}

result<replica_report> volume::reopen(generation_t generation, chunk_key first_key) {
  const guard lock(append_mutex_);
  const replica_report now = report();
  if (now.state == replica_state::open && now.generation == generation) return now;
  if (generation <= now.generation) return stale(generation, now.generation);
  if (now.state != replica_state::sealed) {
    return failure(errc::precondition, "only a sealed volume is reopened");
  }
  SSDFS_TRY(change_status(replica_state::open, generation, now.removal_number));
  if (first_key != 0) {
    const guard index(index_mutex_);
    index_.burn_below(first_key);
  }
  return report();
}

result<replica_report> volume::set_generation(generation_t generation) {
  const guard lock(append_mutex_);
  const replica_report now = report();
  if (generation < now.generation) return stale(generation, now.generation);
  if (now.state != replica_state::sealed) {
    return failure(errc::precondition, "only a sealed volume changes its members");
  }
  if (generation == now.generation) return now;
  SSDFS_TRY(change_status(replica_state::sealed, generation, now.removal_number));
  return report();
}

result<replica_report> volume::adopt(generation_t generation, std::uint64_t removal_number) {
  {
    const guard lock(append_mutex_);
    const replica_report now = report();
    if (generation < now.generation) return stale(generation, now.generation);
    if (removal_number < now.removal_number) {
      return failure(errc::precondition,
                     "removals up to " + std::to_string(now.removal_number) + " are applied");
    }
    if (now.state == replica_state::open) {
      return failure(errc::precondition, "the volume is not sealed");
    }
    give_up_large();
    SSDFS_TRY(change_status(replica_state::sealed, generation, removal_number));
  }
  if (auto done = write_checkpoint(); !done) {
    SSDFS_LOG(warning) << path_ << ": no checkpoint: " << done.error().message();
  }
  return report();
}

result<void> volume::remove_keys(std::uint64_t number, std::span<const chunk_key> keys) {
  if (keys.size() > max_batch_keys) return errc::too_large;
  const guard lock(append_mutex_);
  SSDFS_TRY(check_usable());
  const std::uint64_t applied = report().removal_number;
  if (number <= applied) return {};
  if (number != applied + 1) {
    return failure(errc::precondition, "removal " + std::to_string(number) + "; expected " +
                                           std::to_string(applied + 1));
  }
  auto written = append_control(record_kind::removals, encode_keys(number, keys));
  if (!written) return written.error();
  if (auto durable = sync_.wait(*written); !durable) return fence(durable.error());
  // Digest and number change together, so that no report shows one without the other.
  const guard index(index_mutex_);
  for (const chunk_key key : keys) {
    index_.remove(key);
    bad_.erase(key);
    if (compacting_) removed_meanwhile_.push_back(key);
  }
  removal_number_ = number;
  ++version_;
  return {};
}

result<void> volume::tombstone_keys(std::int64_t now_ms, std::span<const chunk_key> keys) {
  return set_aside(record_kind::tombstone, {.ms = now_ms}, keys);
}

result<void> volume::discard_keys(std::int64_t from_ms, std::span<const chunk_key> keys) {
  return set_aside(record_kind::tombstone, {.ms = from_ms, .settled = true}, keys);
}

result<void> volume::revive_keys(std::span<const chunk_key> keys) {
  return set_aside(record_kind::revive, {}, keys);
}

result<void> volume::set_aside(record_kind kind, const aside_time& at,
                               std::span<const chunk_key> keys) {
  if (keys.size() > max_batch_keys) return errc::too_large;
  const guard lock(append_mutex_);
  SSDFS_TRY(check_usable());
  auto written = append_control(kind, encode_keys(number_of(at), keys));
  if (!written) return written.error();
  if (auto durable = sync_.wait(*written); !durable) return fence(durable.error());
  const guard index(index_mutex_);
  for (const chunk_key key : keys) {
    if (kind == record_kind::tombstone) {
      index_.set_aside(key, at);
      bad_.erase(key);  // nothing is lacking any more; a revived one is read again
    } else {
      index_.revive(key);
    }
  }
  compaction_void_ = true;
  ++version_;
  return {};
}

volume::orphan_state volume::orphans_locked() const {
  orphan_state out;
  std::uint64_t unsettled_bytes = 0;
  for (const auto& [key, t] : index_.tombstones()) {
    ++out.chunks;
    out.bytes += t.chunk.size;
    if (t.at.settled) continue;
    ++out.waiting;
    unsettled_bytes += t.chunk.size;
  }
  if (unsettled_bytes <= length_ / 100) out.waiting = 0;
  return out;
}

volume::orphan_state volume::orphans() const {
  const guard lock(index_mutex_);
  return orphans_locked();
}

result<void> volume::release_orphans() {
  std::vector<chunk_key> keys;
  {
    const guard lock(index_mutex_);
    for (const auto& [key, t] : index_.tombstones()) {
      if (!t.at.settled) keys.push_back(key);
    }
  }
  for (std::span<const chunk_key> left = keys; !left.empty();) {
    const std::size_t count = std::min(left.size(), max_batch_keys);
    SSDFS_TRY(discard_keys(0, left.first(count)));
    left = left.subspan(count);
  }
  return {};
}

std::int64_t volume::tombstone_age_ms() const {
  constexpr std::int64_t usual_ms = 24LL * 3600 * 1000;
  return orphans().waiting != 0 ? std::numeric_limits<std::int64_t>::max() : usual_ms;
}

void volume::expire_orphans(std::int64_t now_ms) {
  const std::int64_t age = tombstone_age_ms();
  const guard lock(index_mutex_);
  std::uint64_t bytes = 0;
  for (const auto& [key, t] : index_.tombstones()) {
    if (t.at.ms <= (t.at.settled ? now_ms : now_ms - age)) bytes += extent_of(t.chunk.size);
  }
  expired_bytes_ = bytes;
}

std::vector<live_chunk> volume::tombstoned() const {
  std::vector<live_chunk> out;
  const guard lock(index_mutex_);
  for (const auto& [key, t] : index_.tombstones()) {
    out.push_back({key, t.chunk.size, t.chunk.crc});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

}  // namespace ssdfs::volume
