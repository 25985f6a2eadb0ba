#include "master/checkpointer.hpp"

#include "base/log.hpp"
#include "io/background.hpp"
#include "io/bulk.hpp"
#include "io/clock.hpp"
#include "journal/image_store.hpp"
#include "master/core.hpp"

#include <boost/asio/post.hpp>

namespace ssdfs::master {
namespace {

constexpr std::int64_t pursue_ms = 60'000;  // a backup is reminded
// At which an image is checked: behind what serves callers, and done in a minute at 100 million
// files.
constexpr std::uint64_t check_rate = std::uint64_t{64} << 20;

}  // namespace

checkpointer::checkpointer(core& shared)
    : core_(shared),
      files_(shared.options().files != nullptr ? *shared.options().files : io::system_files()) {}

checkpointer::~checkpointer() { stop(); }

void checkpointer::start() {
  {
    const std::lock_guard lock(mutex_);
    status_.image = core_.loaded_image();
    if (status_.image != txid()) {
      newest_ = core_.options().data_dir + "/" + journal::image_name(status_.image);
    }
  }
  last_ms_ = io::steady_ms();
  worker_ = std::thread([this] {
    io::run_in_background();
    run();
  });
}

checkpoint_status checkpointer::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::string checkpointer::newest_image() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

bool checkpointer::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

// --- What is wanted ---

result<txid> checkpointer::request() {
  {
    const std::lock_guard lock(mutex_);
    status_.failure.clear();
    if (status_.wanted != txid()) {
      pursue_at_ms_ = 0;
      return status_.wanted;
    }
  }
  auto mark = core_.mark();
  if (!mark) return mark.error();
  core_.flush();
  {
    const std::lock_guard lock(mutex_);
    if (status_.image == mark->txid) return mark->txid;  // nothing has changed since
    status_.wanted = mark->txid;
    if (status_.stage.empty()) status_.stage = "writing";
  }
  SSDFS_LOG(info) << "checkpoint wanted at txid " << mark->txid;
  pursue(mark->txid, io::steady_ms());
  return mark->txid;
}

bool checkpointer::due(std::int64_t now_ms) const {
  const txid image = status().image;
  if (core_.last_change() <= image || now_ms < retry_at_ms_) return false;
  if (failed_) return true;
  const std::int64_t interval = core_.options().checkpoint_interval_ms;
  const std::uint64_t txns = core_.options().checkpoint_txns;
  return (interval > 0 && now_ms - last_ms_ >= interval) ||
         (txns > 0 && core_.state().last_txid().value - image.value >= txns);
}

void checkpointer::tick(std::int64_t now_ms) {
  const txid wanted = status().wanted;
  if (wanted != txid()) {
    if (now_ms >= pursue_at_ms_) pursue(wanted, now_ms);
    return;
  }
  if (core_.options().checkpoint_program.empty() || (has_backup && has_backup())) return;
  if (!due(now_ms) || !core_.may_change()) return;
  if (auto begun = request(); !begun) finished(begun, true);
}

// Asks a backup, or has a child do it.
void checkpointer::pursue(txid wanted, std::int64_t now_ms) {
  pursue_at_ms_ = now_ms + pursue_ms;
  if (child_wanted_) return;
  if (ask_backup && ask_backup(wanted)) return;
  if (core_.options().checkpoint_program.empty()) {
    return finished(failure(errc::unsupported, "no backup is connected"), true);
  }
  // The child reads files: it has to wait for the MARK's sync, and a segment that ends there can be
  // dropped one day.
  if (core_.edits().durable() < wanted) {
    pursue_at_ms_ = now_ms;
    return;
  }
  core_.edits().roll();
  child_wanted_ = true;
  enqueue([this, wanted] { make_in_child(wanted); });
}

// `for_good`: what was wanted is given up; an image is due again after a pause.
void checkpointer::finished(const result<txid>& made, bool for_good) {
  last_ms_ = io::steady_ms();
  if (!made && made.error() == errc::shutting_down) return;
  failed_ = !made && !(made.error() == errc::unsupported);
  if (!made) {
    SSDFS_LOG(warning) << "checkpoint failed: " << made.error().message();
    retry_at_ms_ = last_ms_ + core_.options().checkpoint_retry_ms;
  }
  const std::lock_guard lock(mutex_);
  if (!made) {
    status_.failure = made.error().message();
    if (for_good) status_.wanted = txid();
  } else {
    status_.failure.clear();
    if (*made >= status_.wanted) status_.wanted = txid();
  }
  // What is still wanted is begun again.
  status_.stage = status_.wanted != txid() ? "writing" : "";
  status_.bytes_done = status_.bytes_total = 0;
}

void checkpointer::set_stage(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  status_.stage = stage;
  status_.bytes_done = done;
  status_.bytes_total = total;
}

void checkpointer::note_upload(std::uint64_t received, std::uint64_t size) {
  set_stage("sending", received, size);
}

// --- Adopting ---

void checkpointer::adopt(std::string path, callback done) {
  enqueue([this, path = std::move(path), done = std::move(done)]() mutable {
    check(std::move(path), std::move(done));
  });
}

// 0 if it cannot be told: whoever reads the file finds out why.
std::uint64_t checkpointer::size_of(const std::string& path) const {
  const auto file = files_.open(path, io::open_mode::read);
  if (!file) return 0;
  const auto size = (*file)->size();
  return size ? *size : 0;
}

// Reads everything; what the head says must be known on the strand.
void checkpointer::check(std::string path, callback done) {
  journal::load_hooks hooks;
  hooks.stop = [this] { return stopping(); };
  hooks.rate = check_rate;
  hooks.progress = [this, bytes = size_of(path)](double share) {
    set_stage("checking", static_cast<std::uint64_t>(share * static_cast<double>(bytes)), bytes);
  };
  auto head = journal::check_image(files_, path, std::move(hooks));
  if (!head) {
    static_cast<void>(io::remove_bulk(files_, path).has_value());
    return answer(std::move(done), head.error());
  }
  boost::asio::post(core_.strand(), [this, path = std::move(path), head = *head,
                                     done = std::move(done)]() mutable {
    const known_state* mark = core_.marks().find(head.txid);
    const bool known = mark != nullptr && mark->chain == head.chain &&
                       mark->digest == head.digest && head.cluster == core_.state().cluster();
    enqueue([this, path = std::move(path), known, head, done = std::move(done)]() mutable {
      if (known) return place(path, {head.txid, head.chain, head.digest}, std::move(done));
      static_cast<void>(io::remove_bulk(files_, path).has_value());
      answer(std::move(done),
             failure(errc::precondition, "the image at txid " + std::to_string(head.txid.value) +
                                             " is not the state of a MARK that this log has"));
    });
  });
}

void checkpointer::place(const std::string& path, const known_state& at, callback done) {
  if (at.txid <= status().image) {
    static_cast<void>(io::remove_bulk(files_, path).has_value());
    if (at.txid == status().image) return answer(std::move(done), at.txid);
    return answer(std::move(done),
                  failure(errc::precondition, "the image at txid " + std::to_string(at.txid.value) +
                                                  " is no newer than what is there"));
  }
  if (stopping()) return answer(std::move(done), errc::shutting_down);
  auto placed = journal::place_image(files_, core_.options().data_dir, path, at.txid);
  if (!placed) {
    // If it has its name already it is an image that a later one, or the next start, finds.
    static_cast<void>(io::remove_bulk(files_, path).has_value());
    return answer(std::move(done), placed.error());
  }
  {
    const std::lock_guard lock(mutex_);
    status_.image = at.txid;
    newest_ = placed->path;
  }
  SSDFS_LOG(info) << "image at txid " << at.txid << " adopted, " << placed->bytes << " bytes";
  answer(std::move(done), at.txid);
  prune();
}

void checkpointer::prune() const {
  const std::string& directory = core_.options().data_dir;
  if (auto done = journal::prune_images(files_, directory, 2); !done) {
    SSDFS_LOG(warning) << "old images stay: " << done.error().message();
  }
  const auto dropped =
      journal::prune_segments(files_, directory, io::wall_ms(), core_.options().segment_age_ms);
  if (!dropped) {
    SSDFS_LOG(warning) << "old segments of the edits log stay: " << dropped.error().message();
  } else if (*dropped > 0) {
    SSDFS_LOG(info) << "edits log: " << *dropped << " old segments dropped";
  }
}

void checkpointer::answer(callback done, result<txid> outcome) {
  boost::asio::post(core_.strand(),
                    [this, done = std::move(done), outcome = std::move(outcome)]() mutable {
                      // Nobody waits for the child; what a backup has failed with, it may try
                      // again.
                      const bool by_child = !done;
                      if (by_child) child_wanted_ = false;
                      finished(outcome, by_child);
                      if (done) done(std::move(outcome));
                    });
}

// --- The child ---

void checkpointer::make_in_child(txid mark) {
  const std::string path = core_.options().data_dir + "/" + journal::image_name(mark) + ".tmp";
  if (auto made = run_child(mark); !made) {
    if (!stopping()) static_cast<void>(io::remove_bulk(files_, path).has_value());
    return answer({}, made.error());
  }
  check(path, {});
}

result<void> checkpointer::run_child(txid mark) {
  const auto& options = core_.options();
  auto started = io::child_process::start(
      options.checkpoint_program,
      {"image", "checkpoint", options.data_dir, std::to_string(mark.value)});
  if (!started) return started.error();
  const std::shared_ptr<io::child_process> child = std::move(*started);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return errc::shutting_down;  // the destructor ends the child
    child_ = child;
  }
  auto ended = child->wait();
  const std::lock_guard lock(mutex_);
  child_.reset();
  if (stopping_) return errc::shutting_down;
  return ended;
}

// --- The thread ---

void checkpointer::enqueue(job next) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(next));
  wake_.notify_one();
}

void checkpointer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    job next = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    next();
    next.reset();
    lock.lock();
  }
}

void checkpointer::stop() {
  std::shared_ptr<io::child_process> child;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    child = child_;
    wake_.notify_one();
  }
  if (child) child->kill();
  if (worker_.joinable()) worker_.join();
}

void checkpointer::prepare_stop() {
  // A master that may not change anything, or does not lead any more, leaves its log as it is.
  stop_image_ = core_.last_change() > status().image && !(has_backup && has_backup()) &&
                core_.may_change() && !core_.nodes().deposed_by();
  if (!stop_image_) return;
  if (auto mark = core_.mark(); !mark) {
    SSDFS_LOG(warning) << "no image at this stop: " << mark.error().message();
    stop_image_ = false;
  }
  core_.flush();
}

result<void> checkpointer::save_at_stop() {
  if (!stop_image_) return {};
  const meta::state& s = core_.state();
  auto saved = journal::save_image(files_, core_.options().data_dir, s);
  if (!saved) return saved.error();
  SSDFS_LOG(info) << "image at txid " << saved->txid << " saved, " << saved->bytes << " bytes";
  prune();
  return {};
}

}  // namespace ssdfs::master
