#include "backup/replica.hpp"

#include "base/log.hpp"
#include "io/background.hpp"
#include "io/clock.hpp"
#include "journal/restore.hpp"

#include <chrono>
#include <thread>

namespace ssdfs::backup {
namespace {

constexpr std::size_t read_bytes = std::size_t{1} << 20;
constexpr std::size_t reclaim_budget = 2000;
constexpr std::size_t question_limit = 64;
constexpr std::size_t images_kept = 2;
constexpr std::int64_t rest_factor = 9;  // a checkpoint's time that passes until the next
constexpr std::int64_t segment_age_ms = 24LL * 3600 * 1000;
constexpr auto read_pause = std::chrono::milliseconds(500);
constexpr std::string_view start_kind = "\"op\":\"START\"";

// A record's kind stands behind its txid, within this many bytes of the line's begin.
constexpr std::size_t kind_within = 64;

bool is_start(std::string_view line) {
  return line.substr(0, kind_within).find(start_kind) != line.npos;
}

}  // namespace

replica::replica(io::file_system& fs, replica_options options, replica_callbacks on)
    : fs_(fs), options_(std::move(options)), on_(std::move(on)) {}

result<std::unique_ptr<replica>> replica::open(io::file_system& fs, replica_options options,
                                               replica_callbacks on) {
  std::unique_ptr<replica> out(new replica(fs, std::move(options), std::move(on)));
  SSDFS_TRY(out->load());
  out->thread_ = std::thread([raw = out.get()] { raw->run(); });
  return out;
}

result<void> replica::load() {
  journal::restore_options from;
  from.directory = options_.directory;
  if (options_.on_progress) {
    from.hooks.progress = [this, last = -1](double share) mutable {
      const int percent = static_cast<int>(share * 100);
      if (std::exchange(last, percent) != percent) options_.on_progress(percent);
    };
  }
  if (options_.stop) from.hooks.stop = [this] { return options_.stop(); };
  auto found = journal::restore(fs_, std::move(from));
  if (!found) return found.error();
  state_ = std::move(found->state);
  image_ = found->image;
  cluster_ = state_->cluster();
  applied_ = committed_ = state_->last_txid();
  changes_ = found->log.records;
  checkpoint_ms_ = io::steady_ms();
  place_ = {state_->last_txid(), state_->epoch(), state_->chain()};
  durable_place_ = place_;
  if (!state_->epochs().empty()) leader_ = state_->epochs().back().leader;
  SSDFS_LOG(info) << "backup: image at txid " << image_ << ", " << found->log.records
                  << " records replayed, the log ends with txid " << place_.last << " of epoch "
                  << place_.epoch;
  journal::journal_options to;
  to.directory = options_.directory;
  journal::journal::callbacks on;
  on.on_durable = [this](txid upto) { note_durable(upto); };
  on.on_failed = [this](const failure& why) { fail(why); };
  auto started =
      journal::journal::start(fs_, std::move(to), {place_.last, place_.chain}, std::move(on));
  if (!started) return started.error();
  journal_ = std::move(*started);
  return {};
}

replica::~replica() {
  if (auto done = stop(); !done) SSDFS_LOG(error) << "backup: " << done.error().message();
}

// ---- the log ----

void replica::note_durable(txid upto) {
  {
    // Taken so that a waiter cannot miss it.
    const std::lock_guard lock(mutex_);
  }
  wake_.notify_one();
  synced_.notify_all();
  if (on_.on_durable) on_.on_durable(upto);
}

void replica::note_start(std::string_view line) {
  meta::record r;
  if (!start_parser_.parse_unchecked(line, r)) return;
  if (const auto* start = std::get_if<meta::start_record>(&r.body)) {
    place_.epoch = start->epoch;
    leader_ = start->leader;
  }
}

result<void> replica::append(std::string_view lines) {
  result<void> done;
  while (!lines.empty() && done) {
    const std::size_t end = lines.find('\n');
    if (end == lines.npos) {
      done = failure(errc::protocol, "the master sent a line without an end");
      break;
    }
    const std::string_view line = lines.substr(0, end + 1);
    const auto crc = journal_->append_line(line);
    if (!crc) {
      done = crc.error();
      break;
    }
    if (is_start(line)) note_start(line.substr(0, end));
    place_.last = place_.last.next();
    place_.chain = *crc;
    lines.remove_prefix(end + 1);
  }
  if (places_.empty() || places_.back().last != place_.last) places_.push_back(place_);
  journal_->flush();
  return done;
}

log_place replica::durable_place() {
  const txid durable = journal_->durable();
  while (!places_.empty() && places_.front().last <= durable) {
    durable_place_ = places_.front();
    places_.pop_front();
  }
  return durable_place_;
}

bool replica::wait_durable(std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  return synced_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
    return failed_ || journal_->durable() >= place_.last;
  }) && !failed_;
}

// ---- the tree ----

void replica::commit(txid upto) {
  {
    const std::lock_guard lock(mutex_);
    if (upto <= committed_) return;
    committed_ = upto;
  }
  wake_.notify_one();
}

txid replica::applied() const {
  const std::lock_guard lock(mutex_);
  return applied_;
}

bool replica::checkpoint_failed() const {
  const std::lock_guard lock(mutex_);
  return retry_at_ms_ != 0;
}

std::string replica::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

txid replica::image() const {
  const std::lock_guard lock(mutex_);
  return image_;
}

cluster_id replica::cluster() const {
  const std::lock_guard lock(mutex_);
  return cluster_;
}

result<void> replica::ask(unique_function<void(const tree_status*)> answer) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || failed_) return errc::shutting_down;
    if (questions_.size() >= question_limit) return errc::busy;
    questions_.push_back(std::move(answer));
  }
  wake_.notify_one();
  return {};
}

void replica::want_checkpoint(txid mark) {
  const std::lock_guard lock(mutex_);
  if (mark > image_) wanted_mark_ = std::max(wanted_mark_, mark);
}

bool replica::checkpoint_due() const {
  const std::lock_guard lock(mutex_);
  if (changes_ == 0 || failed_) return false;
  if (retry_at_ms_ != 0) return io::steady_ms() >= retry_at_ms_;
  const std::int64_t since_ms = io::steady_ms() - checkpoint_ms_;
  // Else a large tree under many changes would never catch up.
  if (since_ms < rest_factor * took_ms_) return false;
  return changes_ >= options_.checkpoint_txns || since_ms >= options_.checkpoint_interval_ms;
}

// Under mutex_.
bool replica::work_to_do() const {
  if (stopping_ || failed_ || !questions_.empty()) return true;
  return applied_ < std::min(committed_, journal_->durable());
}

void replica::run() {
  for (;;) {
    bool idle = false;
    txid upto;
    {
      std::unique_lock lock(mutex_);
      const bool detached = !state_->names().detached().empty();
      if (!detached) {
        // Bounded, so that a notification that came too early costs no more than that.
        wake_.wait_for(lock, std::chrono::seconds(1), [&] { return work_to_do(); });
      }
      if (stopping_ || failed_) break;
      upto = std::min(committed_, journal_->durable());
      idle = applied_ >= upto;
    }
    answer_questions();
    if (idle) {
      // A wish may come when its MARK has been applied, and perhaps nothing follows it for hours.
      if (at_mark_ && checkpoint_wanted()) checkpoint();
      state_->reclaim_step(reclaim_budget);
      continue;
    }
    if (auto done = apply_some(upto); !done) {
      if (pause_after(done.error())) continue;
      fail(done.error());
      break;
    }
  }
  std::deque<unique_function<void(const tree_status*)>> unanswered;
  {
    const std::lock_guard lock(mutex_);
    unanswered.swap(questions_);
  }
  for (auto& answer : unanswered) answer(nullptr);
}

// A segment that could not be read is no damaged one: it is read again, while readiness and lag
// tell that the tree stands still. False: the failure is of another kind.
bool replica::pause_after(const failure& why) {
  if (!(why == errc::io || why == errc::busy || why == errc::no_space)) return false;
  std::unique_lock lock(mutex_);
  if (trouble_.empty()) {
    SSDFS_LOG(warning) << "backup: the log cannot be read: " << why.message() << "; tried again";
  }
  trouble_ = why.message();
  wake_.wait_for(lock, read_pause, [&] { return stopping_ || failed_; });
  return true;
}

result<void> replica::apply_some(txid upto) {
  auto read = journal_->read_from(state_->last_txid().next(), read_bytes);
  if (!read) return read.error();
  std::string_view lines = read->text;
  while (!lines.empty() && state_->last_txid() < upto) {
    const std::size_t end = lines.find('\n');
    if (end == lines.npos) return failure(errc::damaged, "a line of the log has no end");
    SSDFS_TRY(apply_line(lines.substr(0, end)));
    lines.remove_prefix(end + 1);
  }
  return {};
}

result<void> replica::apply_line(std::string_view line) {
  SSDFS_TRY(parser_.parse_unchecked(line, record_));
  const auto crc = meta::stated_crc(line);  // append() has compared it
  if (!crc) return failure(errc::damaged, "a line of the log has no CRC");
  SSDFS_TRY(state_->apply(record_, *crc));
  const bool mark = std::holds_alternative<meta::mark_record>(record_.body);
  const bool start = std::holds_alternative<meta::start_record>(record_.body);
  at_mark_ = mark;
  {
    const std::lock_guard lock(mutex_);
    trouble_.clear();
    applied_ = state_->last_txid();
    if (start) cluster_ = state_->cluster();
    if (!mark && !start) ++changes_;
  }
  if (mark && (checkpoint_wanted() || checkpoint_due())) checkpoint();
  return {};
}

bool replica::checkpoint_wanted() const {
  const std::lock_guard lock(mutex_);
  if (retry_at_ms_ != 0 && io::steady_ms() < retry_at_ms_) return false;
  const bool again = retry_at_ms_ != 0 && applied_ > image_;
  return (again || (wanted_mark_ != txid() && wanted_mark_ <= applied_)) && !failed_;
}

void replica::answer_questions() {
  std::deque<unique_function<void(const tree_status*)>> asked;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(questions_);
  }
  if (asked.empty()) return;
  const auto totals = state_->names().totals(meta::root_directory);
  const tree_status now{state_->last_txid(), state_->digest(), totals.files, totals.directories};
  for (auto& answer : asked) answer(&now);
}

void replica::checkpoint() {
  const std::int64_t began = io::steady_ms();
  // Applying waits for the image, so the tree stands still; a thread of its own because this one
  // must not stay slow.
  result<journal::image_file> made = failure(errc::aborted);
  std::thread writer([&] {
    io::run_in_background();
    made = journal::save_image(fs_, options_.directory, *state_,
                               {options_.checkpoint_rate, image_stop_.get_token()});
  });
  writer.join();
  const std::int64_t now = io::steady_ms();
  if (!made) {
    if (made.error() == errc::shutting_down) return;
    // Tried again here, or at the next MARK; the one before stays what a restart begins with.
    SSDFS_LOG(error) << "checkpoint failed: " << made.error().message();
    const std::lock_guard lock(mutex_);
    checkpoint_ms_ = now;
    took_ms_ = now - began;
    retry_at_ms_ = now + std::max(options_.retry_ms, rest_factor * took_ms_);
    return;
  }
  at_mark_ = false;
  SSDFS_LOG(info) << "checkpoint at txid " << made->txid << ": " << made->bytes << " bytes in "
                  << now - began << " ms";
  {
    const std::lock_guard lock(mutex_);
    image_ = made->txid;
    changes_ = 0;
    checkpoint_ms_ = now;
    took_ms_ = now - began;
    retry_at_ms_ = 0;
    if (wanted_mark_ <= image_) wanted_mark_ = {};
  }
  if (on_.on_image) on_.on_image(*made);
  // Takes its time, which the tree need not wait for.
  if (cleaner_.joinable()) cleaner_.join();
  cleaner_ = std::thread([this, log_time_ms = state_->log_time_ms()] {
    io::run_in_background();
    prune(log_time_ms);
  });
}

void replica::prune(std::int64_t log_time_ms) const {
  auto pruned = journal::prune_images(fs_, options_.directory, images_kept);
  if (pruned) {
    const auto dropped =
        journal::prune_segments(fs_, options_.directory, log_time_ms, segment_age_ms);
    if (!dropped) pruned = dropped.error();
  }
  if (!pruned) SSDFS_LOG(warning) << "checkpoint: " << pruned.error().message();
}

void replica::fail(const failure& why) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(failed_, true)) return;
  }
  wake_.notify_all();
  synced_.notify_all();
  if (on_.on_failed) on_.on_failed(why);
}

result<void> replica::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  image_stop_.request_stop();
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (cleaner_.joinable()) cleaner_.join();
  if (!journal_) return {};
  return journal_->stop();
}

}  // namespace ssdfs::backup
