#include "master/core.hpp"

#include "base/assert.hpp"
#include "base/log.hpp"
#include "cluster/lineage.hpp"
#include "io/clock.hpp"
#include "io/file.hpp"
#include "journal/restore.hpp"
#include "net/server.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace ssdfs::master {

core::core(boost::asio::io_context& io, const master_options& options)
    : strand_(boost::asio::make_strand(io)), options_(options) {
  context_.replication = options.replication;
  context_.trash_expiry_ms = options.trash_expiry_ms;
  context_.delete_grace_ms = options.delete_grace_ms;
  context_.permissions = options.permissions;
}

std::int64_t core::steady_now_ms() { return io::steady_ms(); }

meta::context& core::context() {
  context_.wall_ms = io::wall_ms();
  context_.now_ms = clock_->tick(context_.wall_ms, io::steady_ms());
  view_->set_log_time(context_.now_ms);
  return context_;
}

namespace {

// Lets start-up wait for the first record without an io_context that runs already.
class first_sync {
 public:
  /// True for the first batch, which start-up waits for.
  bool durable(txid id) {
    const std::lock_guard lock(mutex_);
    if (durable_ != txid()) return false;
    durable_ = id;
    changed_.notify_all();
    return true;
  }
  void failed(const failure& why) {
    const std::lock_guard lock(mutex_);
    failure_ = why;
    changed_.notify_all();
  }
  result<void> wait_for(txid id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || durable_ >= id; });
    if (failure_) return *failure_;
    return {};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  txid durable_;
  std::optional<failure> failure_;
};

}  // namespace

// Forgets nothing that an operator has to know, and gets damaged images out of the way.
result<void> core::restore(io::file_system& files) {
  journal::restore_options from;
  from.directory = options_.data_dir;
  from.hooks.progress = [this, last = -1](double share) mutable {
    const int percent = static_cast<int>(share * 100);
    if (percent == last) return;
    last = percent;
    if (options_.on_progress) options_.on_progress(percent);
  };
  from.hooks.stop = [stop = options_.stop] { return stop.stop_requested(); };
  from.on_record = [this](const meta::record& r, const meta::state& s) { note_record(r, s); };
  auto found = journal::restore(files, std::move(from));
  if (!found) return found.error();
  if (found->log.cut) {
    SSDFS_LOG(warning) << "edits log: a torn tail was cut at txid " << found->log.cut->txid << " ("
                       << found->log.cut->segment << ", offset " << found->log.cut->offset << ")";
  }
  for (const auto& refusal : found->refused) {
    if (refusal.why == errc::io) {
      SSDFS_LOG(warning) << "the image " << refusal.image.path
                         << " could not be read; an older one and the edits log have given "
                            "everything back";
      continue;
    }
    SSDFS_LOG(warning) << "the damaged image " << refusal.image.path
                       << " is kept with .damaged behind its name; an older one and the edits log "
                          "have given everything back";
    SSDFS_TRY(journal::set_aside(files, refusal.image));
  }
  SSDFS_LOG(info) << (found->image.value != 0
                          ? "image at txid " + std::to_string(found->image.value) + " loaded; "
                          : std::string())
                  << "edits log: " << found->log.records << " records replayed, last txid "
                  << found->log.end.last;
  loaded_image_ = found->image;
  state_ = std::move(found->state);
  view_.emplace(*state_, options_.delete_grace_ms);
  leader::edits& log = *this;
  leader::answers& answers = *this;
  commits_.emplace(*state_, log, answers);
  return {};
}

void core::note_record(const meta::record& r, const meta::state& s) {
  if (const auto* mark = std::get_if<meta::mark_record>(&r.body)) {
    marks_.add({s.last_txid(), s.chain(), mark->digest.value});
  } else if (!std::holds_alternative<meta::start_record>(r.body)) {
    last_change_ = r.txid;
  }
}

result<known_state> core::mark(std::int64_t max_age_ms) {
  const known_state* newest = marks_.newest();
  const bool young =
      max_age_ms > 0 && marked_ms_ != 0 && steady_now_ms() - marked_ms_ <= max_age_ms;
  if (newest != nullptr && (newest->txid == state_->last_txid() || young)) return *newest;
  auto record = meta::make_mark(*state_, context());
  SSDFS_TRY(log(record));
  marked_ms_ = steady_now_ms();
  return *marks_.newest();
}

result<void> core::open(const beginning& how) {
  node_ = how.node;
  const cluster_id expected = how.cluster;
  io::file_system& files = options_.files != nullptr ? *options_.files : io::system_files();
  SSDFS_TRY(restore(files));
  if (options_.stop.stop_requested()) return errc::shutting_down;
  const journal::log_position end{state_->last_txid(), state_->chain()};
  cluster_id cluster = state_->cluster();
  if (cluster != cluster_id() && expected != cluster_id() && cluster != expected) {
    return failure(errc::wrong_cluster, options_.data_dir + ": the directory belongs to cluster " +
                                            to_string(expected) + ", its edits log to " +
                                            to_string(cluster));
  }
  clock_.emplace(state_->log_time_ms(), io::wall_ms(), io::steady_ms());

  const auto first = std::make_shared<first_sync>();
  journal::journal_options to;
  to.directory = options_.data_dir;
  journal::journal::callbacks on;
  on.on_durable = [this, first](txid upto) {
    // The first batch is START alone. Start-up goes on with it on its own thread, so the strand
    // must not see it.
    if (first->durable(upto)) return;
    if (on_log_durable) on_log_durable(upto);
    boost::asio::post(strand_, [this, upto] { durable(upto); });
  };
  on.on_failed = [this, first](const failure& why) {
    first->failed(why);
    if (options_.on_fatal) options_.on_fatal(why);
  };
  auto started = journal::journal::start(files, std::move(to), end, std::move(on));
  if (!started) return started.error();
  journal_ = std::move(*started);

  if (cluster == cluster_id()) cluster = expected;
  if (cluster == cluster_id()) cluster = cluster_id(io::random_uuid());
  const bool promotion = how.promotion && (!how.again || how.heard >= state_->epoch());
  auto begun = meta::make_start(*state_, {how.node, cluster, promotion}, context());
  if (!begun) return begun.error();
  auto& start = std::get<meta::start_record>(begun->body);
  if (promotion && start.epoch <= how.heard) {
    start.epoch =
        epoch_t((how.heard.value / cluster::promotion_step + 1) * cluster::promotion_step);
  }
  SSDFS_TRY(log(*begun));
  flush();
  SSDFS_TRY(first->wait_for(begun->txid));
  // What is only here may be lost with this disk: backups have to hold it first, if any must.
  if (options_.min_sync_backups == 0) commits_->committed(begun->txid);
  return {};
}

void core::begin() {
  cluster::controller_settings to;
  to.nodes.heartbeat_interval_ms = options_.heartbeat_interval_ms;
  to.nodes.stale_after_ms = options_.stale_after_ms;
  to.nodes.dead_after_ms = options_.dead_after_ms;
  to.nodes.accepted_epoch = accepted_loss_;
  to.life.volume_size = options_.volume_size;
  to.announced.heartbeat_interval_ms = options_.heartbeat_interval_ms;
  to.announced.volume_size = options_.volume_size;
  to.announced.repair_rate = options_.repair_rate;
  to.announced.scrub_rate = options_.scrub_rate;
  to.rebalance_rate = options_.rebalance_rate;
  to.replication = options_.replication;
  to.min_replication = options_.min_replication;
  to.safemode_max_ms = options_.safemode_max_ms;
  to.random_seed = io::random_u64();
  for (const auto& e : state_->epochs()) to.history.push_back({e.epoch, e.leader, e.first});
  context();  // the view's clock
  const auto now = steady_now_ms();
  controller_ = std::make_unique<cluster::controller>(std::move(to), *view_, now);
  controller_->committed(committed(), now);

  leader::grant_settings granting;
  granting.session_ms = options_.session_ms;
  for (std::size_t at = 0; at < granting.root.size(); at += sizeof(std::uint64_t)) {
    store_le(granting.root.data() + at, io::random_u64());
  }
  grants_.emplace(*state_, *controller_, *this, granting, now);
}

result<void> core::may_change() const {
  const auto& reason = controller_->read_only_reason();
  if (reason) return failure(errc::read_only, *reason);
  if (!sync_problem_.empty()) return failure(errc::busy, sync_problem_);
  if (!journal_->has_room()) {
    return failure(errc::no_space, "the master's log disk " + journal_->room_problem());
  }
  return {};
}

result<void> core::log(meta::record& change) {
  const auto crc = journal_->append(change);
  if (!crc) return crc.error();
  if (grants_) grants_->about_to_apply(change);  // none yet for START
  const auto applied = state_->apply(change, *crc);
  if (!applied) {
    // The log holds a record that the state cannot follow: a defect. Going on would serve a tree
    // that no replay produces.
    SSDFS_LOG(error) << "txid " << change.txid << ": " << applied.error().message();
    SSDFS_ASSERT(applied.has_value());
  }
  note_record(change, *state_);
  return {};
}

witness core::reign() const { return {state_->epoch(), node_, committed()}; }

client_id core::caller_of(const net::request& r) { return r.from().peer().client; }

std::int64_t core::since_of(const net::request& r) { return r.received_ns() / 1'000'000; }

void core::refuse(net::request r, failure why) {
  if (!behind()) return r.fail(why);
  const std::int64_t since_ms = since_of(r);
  commits_->refuse(waiting_.add({std::move(r), {}, {}}), std::move(why), since_ms);
}

void core::when_committed(net::request r, unique_function<void(net::request&)> answer) {
  if (!behind()) return answer(r);
  const std::int64_t since_ms = since_of(r);
  commits_->show(waiting_.add({std::move(r), std::move(answer), {}}), since_ms);
}

void core::when_committed(unique_function<void(bool)> then) {
  if (!behind()) return then(true);
  commits_->show(waiting_.add({{}, {}, std::move(then)}), steady_now_ms());
}

void core::changed(leader::token asked, const meta::outcome& what) {
  waiting_answer w = waiting_.take(asked);
  note_delay(*w.request);
  wire::mutation_reply reply;
  reply.txid = what.txid;
  reply.replaced = what.replaced;
  reply.path = what.path;
  w.request->reply(reply);
}

void core::refused(leader::token asked, const failure& why) {
  waiting_answer w = waiting_.take(asked);
  note_delay(*w.request);
  w.request->fail(why);
}

void core::shown(leader::token asked) {
  waiting_answer w = waiting_.take(asked);
  if (!w.request) return w.then(true);
  note_delay(*w.request);
  w.show(*w.request);
}

void core::given_up(leader::token asked, doubt why) {
  waiting_answer w = waiting_.take(asked);
  if (!w.request) return w.then(false);
  if (why == doubt::closed) {
    w.request->from().close();
    return w.request->fail(errc::shutting_down);
  }
  w.request->fail(
      failure(errc::timed_out, "logged, but not confirmed by enough backups" +
                                   (sync_problem_.empty() ? "" : ": " + sync_problem_)));
}

void core::note_delay(const net::request& r) {
  if (delay_.now_ns == 0) return;
  const std::int64_t taken_ns = delay_.now_ns - r.received_ns();
  delay_.longest_ns = std::max(delay_.longest_ns, taken_ns);
  const std::int64_t slow_ns = slow_op_ms.load(std::memory_order_relaxed) * 1'000'000;
  if (slow_ns > 0 && taken_ns > slow_ns) ++delay_.slow;
}

void core::abandon_answers() {
  if (commits_) commits_->close();
}

io::file_system& core::files() const noexcept {
  return options_.files != nullptr ? *options_.files : io::system_files();
}

void core::expire_answers(std::int64_t after_ms) { commits_->expire(steady_now_ms() - after_ms); }

void core::durable(txid upto) {
  if (options_.min_sync_backups == 0) commit(upto);
}

void core::commit(txid upto) {
  if (upto <= committed()) return;
  delay_.now_ns = io::steady_ns();
  commits_->committed(upto);
  // One line a batch: a disk that stalls delays thousands of answers at once.
  if (delay_.slow > 0) {
    SSDFS_LOG(warning) << "slow edits log: " << delay_.slow
                       << " answers waited for the sync of txid " << committed() << ", the longest "
                       << delay_.longest_ns / 1000 << " us since receipt";
  }
  delay_ = {};
  if (controller_) controller_->committed(committed(), steady_now_ms());
  if (on_committed) on_committed();
}

}  // namespace ssdfs::master
