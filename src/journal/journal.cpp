#include "journal/journal.hpp"

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/units.hpp"
#include "meta/record_codec.hpp"

#include <chrono>

namespace ssdfs::journal {
namespace {

// A buffer that one burst has made larger than this is given back.
constexpr std::size_t kept_buffer_bytes = std::size_t{8} << 20;
constexpr auto space_check_interval = std::chrono::seconds(1);

}  // namespace

journal::journal(io::file_system& fs, journal_options options, log_position end, callbacks on)
    : fs_(fs),
      options_(std::move(options)),
      on_(std::move(on)),
      last_(end.last),
      chain_(end.chain),
      writer_(fs, {options_.directory, options_.segment_bytes, options_.preallocate_bytes}),
      recent_(options_.recent_bytes),
      reader_(fs, options_.directory),
      durable_(end.last.value) {}

result<std::unique_ptr<journal>> journal::start(io::file_system& fs, journal_options options,
                                                log_position end, callbacks on) {
  std::unique_ptr<journal> j(new journal(fs, std::move(options), end, std::move(on)));
  j->check_space();
  j->syncer_ = std::thread([raw = j.get()] { raw->run(); });
  return j;
}

journal::~journal() {
  if (auto stopped = stop(); !stopped) {
    SSDFS_LOG(error) << "edits log: " << stopped.error().message();
  }
}

result<void> journal::may_append() const {
  if (fenced()) return failure(errc::read_only, "the edits log has failed");
  if (backlog() > options_.max_backlog_bytes) {
    return failure(errc::busy, "too much waits for the disk of the edits log");
  }
  if (stopping_) return errc::shutting_down;
  return {};
}

void journal::appended(std::size_t bytes, ssdfs::txid id, std::uint32_t crc) {
  if (current_.first.value == 0) current_.first = id;
  current_.last = id;
  last_ = id;
  chain_ = crc;
  backlog_.fetch_add(bytes, std::memory_order_relaxed);
}

result<std::uint32_t> journal::append(meta::record& r) {
  const std::lock_guard lock(mutex_);
  SSDFS_TRY(may_append());
  SSDFS_ASSERT(r.txid == last_.next());
  // A batch is written only after the one before is durable, so this is true when it is on disk.
  r.durable = current_.text.empty() ? last_ : ssdfs::txid{};
  const std::size_t before = current_.text.size();
  const std::uint32_t crc = meta::encode_line(r, chain_, current_.text);
  appended(current_.text.size() - before, r.txid, crc);
  return crc;
}

result<std::uint32_t> journal::append_line(std::string_view line) {
  const std::lock_guard lock(mutex_);
  SSDFS_TRY(may_append());
  if (line.empty() || line.back() != '\n' || line.size() > meta::max_line_bytes) {
    return failure(errc::damaged, "not a line of the edits log");
  }
  const std::string_view content = line.substr(0, line.size() - 1);
  const auto stated = meta::stated_crc(content);
  if (!stated || *stated != meta::computed_crc(content, chain_) ||
      meta::leading_txid(content) != last_.next()) {
    return failure(errc::damaged, "the line does not follow txid " + std::to_string(last_.value));
  }
  // What the line says to be durable before it must be so here, too.
  constexpr std::string_view claim = ",\"durable\":";
  if (content.substr(0, 128).find(claim) != content.npos && !current_.text.empty()) {
    current_.barriers.push_back({current_.text.size(), last_.next()});
  }
  current_.text.append(line);
  appended(line.size(), last_.next(), *stated);
  return *stated;
}

void journal::flush() {
  {
    const std::lock_guard lock(mutex_);
    if (current_.text.empty()) return;
    if (flushed_) return;
    flushed_ = true;
  }
  wake_.notify_one();
}

void journal::roll() {
  {
    const std::lock_guard lock(mutex_);
    current_.roll = true;
    flushed_ = true;
  }
  wake_.notify_one();
}

void journal::run() {
  auto next_space_check = std::chrono::steady_clock::now() + space_check_interval;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait_for(lock, space_check_interval, [&] { return flushed_ || stopping_; });
    const bool last_round = stopping_;
    const bool work = flushed_ || (stopping_ && !current_.text.empty());
    if (work) {
      std::swap(current_, writing_);
      flushed_ = false;
    }
    lock.unlock();
    result<void> done;
    if (work) done = write_batch(writing_);
    if (done && last_round) done = patiently([this] { return writer_.finalize(); });
    if (!done) return fence(std::move(done).error());
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_space_check) {
      check_space();
      if (roll_wanted_) done = roll_if_possible();
      if (!done) return fence(std::move(done).error());
      next_space_check = now + space_check_interval;
    }
    writing_.text.clear();
    writing_.barriers.clear();
    writing_.first = writing_.last = {};
    writing_.roll = false;
    if (last_round) return;
    lock.lock();
  }
}

result<void> journal::write_batch(pending& batch) {
  std::size_t done = 0;
  ssdfs::txid next = batch.first;
  const std::string_view text = batch.text.view();
  for (const barrier& b : batch.barriers) {
    SSDFS_TRY(write_piece(text.substr(done, b.offset - done), next, ssdfs::txid(b.next.value - 1)));
    done = b.offset;
    next = b.next;
  }
  SSDFS_TRY(write_piece(text.substr(done), next, batch.last));
  roll_wanted_ = roll_wanted_ || batch.roll || writer_.full();
  SSDFS_TRY(roll_if_possible());
  if (batch.text.capacity() > kept_buffer_bytes) meta::text_buffer().swap(batch.text);
  return {};
}

// Makes a call to the disk again that has failed without losing anything. Not before the first
// batch of this life is durable: whoever starts is told at once.
template <class Step>
result<void> journal::patiently(Step step) {
  const auto go_on = [this](const failure& why) {
    if (trouble_.empty()) SSDFS_LOG(warning) << "edits log: " << why.message() << "; tried again";
    trouble_ = why.message();
    set_problem("takes nothing: " + trouble_);
    return live_;
  };
  result<void> done = io::patiently(options_.patience, step, go_on);
  if (done && !trouble_.empty()) {
    trouble_.clear();
    check_space();
  }
  return done;
}

// A segment ends only when there is a file for the next: nothing that comes has to wait for one.
result<void> journal::roll_if_possible() {
  if (writer_.idle()) {
    roll_wanted_ = false;
    return {};
  }
  if (auto made = writer_.prepare(); !made) {
    if (spare_trouble_.empty()) {
      SSDFS_LOG(warning) << "edits log: no new segment: " << made.error().message();
    }
    spare_trouble_ = made.error().message();
    check_space();
    return {};
  }
  spare_trouble_.clear();
  if (roll_wanted_) SSDFS_TRY(patiently([this] { return writer_.finalize(); }));
  roll_wanted_ = false;
  return {};
}

result<void> journal::write_piece(std::string_view lines, ssdfs::txid first, ssdfs::txid last) {
  if (lines.empty()) return {};
  const auto began = std::chrono::steady_clock::now();
  SSDFS_TRY(patiently([&] { return writer_.write(lines, first, last); }));
  SSDFS_TRY(writer_.sync());
  const auto took = std::chrono::steady_clock::now() - began;
  sync_us_.record(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  recent_.add(lines, first, last);
  durable_.store(last.value, std::memory_order_release);
  live_ = true;
  backlog_.fetch_sub(lines.size(), std::memory_order_relaxed);
  if (on_.on_durable) on_.on_durable(last);
  return {};
}

void journal::fence(failure why) {
  fenced_.store(true, std::memory_order_release);
  SSDFS_LOG(error) << "edits log: " << why.message() << "; txid " << durable()
                   << " is the last durable one";
  failure_ = why;
  if (on_.on_failed) on_.on_failed(std::move(why));
}

// What stands against taking changes, as a remark on the disk.
std::string journal::space_problem() {
  if (roll_wanted_ && writer_.full() && !writer_.has_spare()) {
    return "takes no new segment: " + spare_trouble_;
  }
  const auto space = fs_.space(options_.directory);
  if (!space) {
    SSDFS_LOG(warning) << "edits log: free space unknown: " << space.error().message();
    return room_problem();
  }
  if (space->available < options_.reserve_bytes) {
    return "is nearly full: " + format_size(space->available) + " are free, " +
           format_size(options_.reserve_bytes) + " are kept";
  }
  if (space->inodes > 0 && space->inodes_available < options_.reserve_inodes) {
    return "is nearly full: " + std::to_string(space->inodes_available) + " inodes of " +
           std::to_string(space->inodes) + " are free, " + std::to_string(options_.reserve_inodes) +
           " are kept";
  }
  return {};
}

void journal::check_space() { set_problem(space_problem()); }

void journal::set_problem(std::string problem) {
  const bool room = problem.empty();
  {
    const std::lock_guard lock(mutex_);
    problem_ = problem;
  }
  if (room_.exchange(room) == room) return;
  SSDFS_LOG(warning) << "edits log: its disk "
                     << (room ? std::string("has room again") : problem + "; changes are refused");
}

std::string journal::room_problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

result<log_lines> journal::read_from(ssdfs::txid from, std::size_t max_bytes) {
  if (from.value == 0) return failure(errc::invalid_argument, "txids count from 1");
  log_lines out;
  if (from > durable()) return out;
  out.last = recent_.read(from, max_bytes, out.text);
  if (out.last.value == 0) return reader_.read(from, durable(), max_bytes);
  out.first = from;
  return out;
}

result<void> journal::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (syncer_.joinable()) syncer_.join();
  if (failure_) return *failure_;
  return {};
}

}  // namespace ssdfs::journal
