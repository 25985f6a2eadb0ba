#include "datanode/scrubber.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::uint64_t piece_bytes = 1 << 20;
constexpr std::uint64_t asked_rate = 20ULL << 20;  // of a pass that is asked for at rate 0
constexpr std::int64_t between_passes_ms = 10 * 60 * 1000;
constexpr std::int64_t store_every_ms = 30'000;
constexpr std::int64_t known_every_ms = 1000;
constexpr std::int64_t start_wait_ms = 1000;
constexpr std::int64_t first_retry_ms = 1000;
constexpr std::int64_t longest_retry_ms = 5 * 60 * 1000;
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

bool is_named(const suspect_volume& s) { return !s.whole; }

}  // namespace

scrubber::scrubber(parts p) : parts_(std::move(p)) {
  at_ = load_scrub_position(parts_.fs, parts_.directory);
  on_disk_ = load_suspects(parts_.fs, parts_.directory);
  unread_ = on_disk_.value_or(suspect_list{});
  named_read_ = std::none_of(unread_.begin(), unread_.end(), is_named);
  known_changed_ = !on_disk_;  // to be written anew
  if (!unread_.empty()) {
    SSDFS_LOG(info) << "records of " << unread_.size()
                    << " volumes were bad before the restart: they are read again";
  }
  // A pass that was under way goes on; else the next begins when its time has come.
  const std::int64_t now_wall = io::wall_ms();
  const std::int64_t since = at_.last_full_ms > 0 && at_.last_full_ms <= now_wall
                                 ? now_wall - at_.last_full_ms
                                 : between_passes_ms;
  const std::int64_t wait =
      at_.began_ms != 0 ? 0 : std::max<std::int64_t>(0, between_passes_ms - since);
  next_pass_ms_ = io::steady_ms() + wait;
  stored_ms_ = io::steady_ms();
}

void scrubber::start() {
  thread_ = std::thread([this] { run(); });
  lock_type lock(mutex_);
  wake_.wait_for(lock, std::chrono::milliseconds(start_wait_ms),
                 [this] { return named_read_ || stopping_; });
}

void scrubber::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void scrubber::set_rate(std::uint64_t scrub_bytes_per_s, std::uint64_t repair_bytes_per_s) {
  const std::lock_guard lock(mutex_);
  repair_rate_ = repair_bytes_per_s;
  if (rate_ == scrub_bytes_per_s) return;
  rate_ = scrub_bytes_per_s;
  pace_ = byte_rate(rate_ != 0 ? rate_ : asked_rate);
  paced_until_ms_ = 0;
  wake_.notify_all();
}

void scrubber::records_bad(volume_id id) {
  const auto v = parts_.volumes.find(id);
  const std::size_t bad = v ? v->store().report().bad_records : 0;
  const std::lock_guard lock(mutex_);
  const auto waiting = repairs_.find(id);
  // Two replicas that are bad in the same place find each other so at every try.
  if (waiting != repairs_.end() && waiting->second.pause_ms != 0 && bad <= waiting->second.known) {
    return;
  }
  repairs_[id].at_ms = 0;
  known_changed_ = true;
  wake_.notify_all();
}

void scrubber::repair_soon(volume_id id) {
  const std::lock_guard lock(mutex_);
  repairs_[id].at_ms = 0;  // also one that waits for its next try
  known_changed_ = true;
  wake_.notify_all();
}

std::uint64_t scrubber::begin_pass() {
  const std::lock_guard lock(mutex_);
  at_.volume = {};
  at_.key = 0;
  at_.began_ms = 0;
  bytes_done_ = 0;
  asked_ = true;
  next_pass_ms_ = 0;
  for (auto& [id, r] : repairs_) r.at_ms = 0;
  wake_.notify_all();
  return at_.pass;
}

scrub_state scrubber::state() const {
  scrub_state out;
  for (const auto& v : parts_.volumes.all()) {
    const replica_report r = v->store().report();
    out.bytes_total += r.digest.bytes;
    out.unrepaired += r.bad_records;
  }
  const std::lock_guard lock(mutex_);
  out.pass = at_.pass;
  out.running = at_.began_ms != 0;
  out.bytes_done = std::min(bytes_done_, out.bytes_total);
  out.last_full_ms = at_.last_full_ms;
  out.bad = at_.bad;
  out.repaired = at_.repaired;
  return out;
}

std::int64_t scrubber::next_work(std::int64_t now_ms, volume_id& repair) const {
  if (!named_read_ && paced_until_ms_ <= now_ms) return now_ms;
  std::int64_t next = never;
  for (const auto& [id, r] : repairs_) {
    if (r.at_ms >= next) continue;
    next = r.at_ms;
    repair = id;
  }
  if (next <= now_ms) return next;
  repair = {};
  if (!unread_.empty()) return std::min(next, paced_until_ms_);
  if (rate_ == 0 && !asked_) return next;
  return std::min(next, std::max(next_pass_ms_, paced_until_ms_));
}

void scrubber::run() {
  lock_type lock(mutex_);
  while (!stopping_) {
    const std::int64_t now = io::steady_ms();
    if (now >= store_due()) store(lock);
    if (stopping_) break;  // said while store() had let go of the lock
    volume_id to_repair;
    const std::int64_t next = next_work(now, to_repair);
    if (next > now) {
      const std::int64_t wait = std::min(next, store_due()) - now;
      wake_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(wait, 1)));
    } else if (to_repair != volume_id{}) {
      repair(lock, to_repair);
    } else if (!unread_.empty()) {
      read_suspects_again(lock);
    } else {
      step(lock);
    }
  }
  store(lock);
}

void scrubber::count_found() {
  for (auto& [id, r] : repairs_) {
    const auto v = parts_.volumes.find(id);
    const std::size_t bad = v ? v->store().report().bad_records : 0;
    if (bad <= r.known) continue;
    at_.bad += bad - r.known;
    r.known = bad;
  }
}

void scrubber::repair(lock_type& lock, volume_id id) {
  count_found();
  const std::int64_t pause =
      std::clamp(repairs_[id].pause_ms * 2, first_retry_ms, longest_retry_ms);
  const std::size_t known = repairs_[id].known;
  repairs_[id] = {never, pause, known};  // repair_soon() puts it first again
  const std::uint64_t rate = repair_rate_;
  lock.unlock();
  result<repair_counts> done = repair_counts{};
  const auto v = parts_.volumes.find(id);
  const std::size_t before = v ? v->store().bad_keys().size() : 0;
  if (before > 0) {
    // Others may take their time; what is found meanwhile has to be written down all the same.
    done = repair_records(v->store(), parts_.sources, rate, [&] {
      lock.lock();
      if (io::steady_ms() >= store_due()) store(lock);
      const bool go_on = !stopping_;
      lock.unlock();
      return go_on;
    });
  }
  if (!done) {
    SSDFS_LOG(warning) << "volume " << id << ": " << before
                       << " bad records are not replaced yet: " << done.error().message();
  } else if (before > 0) {
    SSDFS_LOG(warning) << "volume " << id << ": " << done->repaired << " of " << before
                       << " bad records replaced";
  }
  if (before > 0) parts_.changed(id);
  const std::size_t after = v ? v->store().report().bad_records : 0;
  lock.lock();
  if (before > 0) known_changed_ = true;
  if (done) at_.repaired += done->repaired;
  const auto entry = repairs_.find(id);
  const std::size_t repaired = done ? done->repaired : 0;
  entry->second.known -= std::min(entry->second.known, repaired);
  entry->second.known = std::min(entry->second.known, after);
  if (entry->second.at_ms != never) return;  // asked for again meanwhile
  if (done && done->left == 0) {
    repairs_.erase(entry);
  } else {
    entry->second.at_ms = io::steady_ms() + pause;
  }
}

// A piece of what was suspect before the restart; the records that are named come first.
void scrubber::read_suspects_again(lock_type& lock) {
  lock.unlock();
  auto s = std::find_if(unread_.begin(), unread_.end(), is_named);
  if (s == unread_.end()) s = unread_.begin();
  const volume_id id = s->id;
  const bool named = is_named(*s);
  const auto v = parts_.volumes.find(id);
  recheck_result done{.over = true};
  std::size_t bad = 0;
  if (v) {
    const std::size_t before = v->store().report().bad_records;
    done = recheck(v->store(), *s, unread_from_, piece_bytes);
    bad = v->store().report().bad_records;
    if (bad != before) parts_.changed(id);
  }
  if (done.over) {
    unread_.erase(s);
    unread_from_ = 0;
  }
  lock.lock();
  known_changed_ = true;
  if (bad > 0) {
    repairs_[id].at_ms = 0;
    repairs_[id].known = bad;  // counted before the restart
  }
  if (!named_read_ && std::none_of(unread_.begin(), unread_.end(), is_named)) {
    named_read_ = true;
    wake_.notify_all();  // start()
  }
  const std::uint64_t unpaced = named ? std::min(unpaced_left_, done.bytes) : 0;
  unpaced_left_ -= unpaced;
  const std::int64_t pause_ns = pace_.used(done.bytes - unpaced, io::steady_ns());
  if (done.bytes > unpaced) paced_until_ms_ = io::steady_ms() + pause_ns / 1'000'000;
}

std::shared_ptr<hosted_volume> scrubber::volume_from(volume_id id) const {
  std::shared_ptr<hosted_volume> best;
  for (auto& v : parts_.volumes.all()) {
    const volume_id candidate = v->store().id();
    if (candidate < id || (best && best->store().id() < candidate)) continue;
    best = std::move(v);
  }
  return best;
}

void scrubber::step(lock_type& lock) {
  if (at_.began_ms == 0) {
    at_.began_ms = io::wall_ms();
    bytes_done_ = 0;
  }
  const scrub_position from = at_;
  lock.unlock();
  const auto v = volume_from(from.volume);
  result<volume::scrub_result> done = volume::scrub_result{};
  volume_id id;
  if (v) {
    id = v->store().id();
    done = v->store().scrub(id == from.volume ? from.key : 0, piece_bytes);
    if (!done) SSDFS_LOG(warning) << "volume " << id << ": scrub: " << done.error().message();
    if (!done || done->bad > 0) parts_.changed(id);
  }
  lock.lock();
  const bool moved = at_.pass == from.pass && at_.volume == from.volume && at_.key == from.key &&
                     at_.began_ms == from.began_ms;
  if (done && done->bad > 0) {
    repairs_[id].at_ms = 0;
    known_changed_ = true;
  }
  if (!moved) return;  // a new pass has begun meanwhile
  if (!done && done.error() == errc::shutting_down) {
    // Dropped, or moving to another disk: in a moment this is seen here.
    paced_until_ms_ = io::steady_ms() + 100;
    return;
  }
  if (!v) return end_pass();
  at_.volume = done && done->next != 0 ? id : id.next();
  at_.key = done ? done->next : 0;
  const std::uint64_t bytes = done ? done->bytes : 0;
  bytes_done_ += bytes;
  const std::int64_t pause_ns = pace_.used(bytes, io::steady_ns());
  paced_until_ms_ = io::steady_ms() + pause_ns / 1'000'000;
}

void scrubber::end_pass() {
  SSDFS_LOG(debug) << "scrub pass " << at_.pass << " done: " << bytes_done_ << " bytes";
  ++at_.pass;
  at_.last_full_ms = io::wall_ms();
  at_.began_ms = 0;
  at_.volume = {};
  at_.key = 0;
  asked_ = false;
  next_pass_ms_ = io::steady_ms() + between_passes_ms;
  stored_ms_ = 0;  // soon
}

std::int64_t scrubber::store_due() const {
  const std::int64_t regular = stored_ms_ + store_every_ms;
  return known_changed_ ? std::min(regular, known_looked_ms_ + known_every_ms) : regular;
}

void scrubber::store(lock_type& lock) {
  const std::int64_t now_ms = io::steady_ms();
  const bool regular = stopping_ || now_ms - stored_ms_ >= store_every_ms;
  const bool look = stopping_ || now_ms - known_looked_ms_ >= known_every_ms;
  if (regular) stored_ms_ = now_ms;
  if (look) known_looked_ms_ = now_ms;
  known_changed_ = !look;
  count_found();
  const scrub_position position = at_;
  lock.unlock();
  const suspect_list suspects = look ? suspects_now() : suspect_list{};
  const bool changed = look && on_disk_ != suspects;
  if (regular || changed) {
    // First: what is a suspect counts as counted at the next start.
    const auto stored = store_scrub_position(parts_.fs, parts_.directory, position);
    if (!stored) SSDFS_LOG(warning) << "scrub position: " << stored.error().message();
  }
  if (changed) {
    const auto stored = store_suspects(parts_.fs, parts_.directory, suspects);
    if (stored) {
      on_disk_ = suspects;
    } else {
      SSDFS_LOG(warning) << "scrub suspects: " << stored.error().message();
    }
  }
  lock.lock();
}

suspect_list scrubber::suspects_now() const {
  suspect_list out = unread_;
  for (const auto& v : parts_.volumes.all()) {
    if (v->store().report().bad_records > 0) merge(out, known_bad(v->store()));
  }
  bound(out);
  return out;
}

}  // namespace ssdfs::datanode
