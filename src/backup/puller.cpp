#include "backup/puller.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"
#include "io/epoch_file.hpp"
#include "net/address.hpp"
#include "net/await.hpp"

#include <algorithm>
#include <chrono>

namespace ssdfs::backup {
namespace {

constexpr std::uint32_t pull_bytes = 1U << 20;
constexpr std::int64_t answer_ms = 15'000;  // beyond the time that the master may hold a pull
constexpr std::int64_t sync_wait_ms = 60'000;
constexpr std::uint32_t unapplied_wait_ms = 100;

}  // namespace

puller::puller(boost::asio::io_context& io, io::file_system& fs, puller_options options,
               cluster_id cluster)
    : io_(io), fs_(fs), options_(std::move(options)), cluster_(cluster) {}

result<void> puller::start() {
  const auto heard_before =
      io::read_epoch_file(fs_, options_.copy.directory + "/" + io::heard_epoch_file);
  if (!heard_before) return heard_before.error();
  heard(*heard_before);
  SSDFS_TRY(open_copy(options_.on_progress));
  status_.problem = "no master has answered yet";
  thread_ = std::thread([this] { run(); });
  return {};
}

void puller::stop() {
  std::shared_ptr<net::channel> open;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    open = channel_;
  }
  wake_.notify_all();
  if (open) open->stop();
  if (thread_.joinable()) thread_.join();
  close_copy();
}

// ---- what others ask ----

pull_status puller::status() const {
  const std::lock_guard lock(mutex_);
  pull_status out = status_;
  if (copy_ && copy_->applied() >= out.master_durable) {
    out.lag_ms = 0;
  } else if (behind_since_ms_ != 0) {
    out.lag_ms = std::max<std::int64_t>(1, io::steady_ms() - behind_since_ms_);
  }
  return out;
}

std::shared_ptr<replica> puller::copy() const {
  const std::lock_guard lock(mutex_);
  return copy_;
}

cluster_id puller::cluster() const {
  const std::lock_guard lock(mutex_);
  return cluster_;
}

epoch_t puller::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

void puller::told(std::string advertised, const std::string& bound) {
  advertised_ = std::move(advertised);
  const auto at = net::parse_host_port(bound);
  if (!at) return;
  port_ = at->port;
  const bool wildcard =
      at->host.empty() || at->host == "*" || at->host == "0.0.0.0" || at->host == "::";
  if (advertised_.empty() && !wildcard) advertised_ = bound;
}

std::string puller::advertised() const {
  if (!advertised_.empty()) return advertised_;
  const std::lock_guard lock(mutex_);
  const auto own = net::parse_host_port(local_);
  if (!own) return {};
  return net::format_host_port({own->host, port_});
}

bool puller::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

// True unless stop() was called meanwhile.
bool puller::pause(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return stopping_; });
  return !stopping_;
}

void puller::heard(epoch_t epoch) {
  const std::lock_guard lock(mutex_);
  if (epoch <= epoch_) return;
  epoch_ = epoch;
  leader_ = {};
}

// ---- the copy ----

result<void> puller::open_copy(std::function<void(int percent)> on_progress) {
  replica_options how = options_.copy;
  how.on_progress = std::move(on_progress);
  how.stop = [this] { return options_.stop.stop_requested() || stopping(); };
  replica_callbacks on;
  on.on_durable = [this](txid upto) { durable_moved(upto); };
  on.on_image = [this](const journal::image_file& made) {
    if (options_.on_image) options_.on_image(made);
  };
  on.on_failed = [this](const failure& why) {
    if (options_.on_fatal) options_.on_fatal(why);
  };
  auto opened = replica::open(fs_, std::move(how), std::move(on));
  if (!opened) return opened.error();
  const cluster_id logged = (*opened)->cluster();
  if (logged != cluster_id() && cluster() != cluster_id() && logged != cluster()) {
    return failure(errc::wrong_cluster, options_.copy.directory + ": the directory belongs to " +
                                            to_string(cluster()) + ", its edits log to " +
                                            to_string(logged));
  }
  const std::lock_guard lock(mutex_);
  copy_ = std::move(*opened);
  acked_ = {};
  if (cluster_ == cluster_id()) cluster_ = logged;
  if (copy_->place().epoch >= epoch_) {
    epoch_ = copy_->place().epoch;
    leader_ = copy_->leader();
  }
  return {};
}

void puller::close_copy() {
  std::shared_ptr<replica> old;
  {
    const std::lock_guard lock(mutex_);
    old = std::exchange(copy_, nullptr);
  }
  if (!old) return;
  if (auto done = old->stop(); !done) SSDFS_LOG(error) << "backup: " << done.error().message();
}

// What was appended becomes durable, so that the next pull can name its place.
result<void> puller::settle_log() {
  if (copy()->wait_durable(sync_wait_ms)) return {};
  return failure(errc::io, "the log of the backup was not synced in time");
}

// ---- following ----

void puller::run() {
  std::size_t next = 0;
  std::string hint;
  std::int64_t retry_ms = options_.retry_min_ms;
  while (!stopping()) {
    const std::string address =
        hint.empty() ? options_.masters[next++ % options_.masters.size()] : hint;
    session s;
    const failure why = follow(address, s);
    hint = std::move(s.hint);
    if (stopping()) return;
    set_problem(address, why);
    // All masters are tried before a pause; one that was followed is tried again at once.
    if (s.matched) {
      retry_ms = options_.retry_min_ms;
    } else if (hint.empty() && next % options_.masters.size() == 0) {
      retry_ms = std::min(2 * retry_ms, options_.retry_max_ms);
    }
    if (!pause(retry_ms)) return;
  }
}

void puller::set_problem(const std::string& address, const failure& why) {
  const std::lock_guard lock(mutex_);
  std::string text = why.message();
  // Some say themselves whom they are about.
  if (!text.starts_with(address + ":")) text.insert(0, address + ": ");
  if (text != status_.problem) SSDFS_LOG(warning) << "backup: not following: " << text;
  status_.problem = text;
  status_.connected = false;
}

failure puller::follow(const std::string& address, session& s) {
  if (!copy()) {
    if (auto opened = open_copy(); !opened) return opened.error();
  }
  if (auto settled = settle_log(); !settled) return settled.error();
  net::channel_options to;
  to.hello.role = wire::peer_role::backup;
  to.hello.cluster = cluster();
  to.hello.node = options_.node;
  to.hello.software = "ssdfs " SSDFS_VERSION;
  s.channel = net::channel::make(io_.get_executor(), address, to);
  {
    const std::lock_guard lock(mutex_);
    channel_ = s.channel;
    matched_ = false;
    ack_on_way_ = false;
    acked_ = {};
    status_.master = address;
    if (stopping_) return errc::aborted;
  }
  result<void> done;
  while (done && !stopping()) done = pull_once(s);
  {
    const std::lock_guard lock(mutex_);
    channel_ = nullptr;
    matched_ = false;
  }
  s.channel->stop();
  if (done) return errc::aborted;
  if (done.error() == errc::not_active) s.hint = done.error().hint;
  return done.error();
}

result<void> puller::pull_once(session& s) {
  const auto copy = this->copy();
  if (!copy) return failure(errc::internal, "no copy");
  // What was taken could not be made durable: the log would fail instead of waiting.
  if (const std::string full = copy->room_problem(); !full.empty()) {
    return failure(errc::no_space, options_.copy.directory + ": its disk " + full);
  }
  wire::pull_edits_request q;
  q.node = options_.node;
  q.incarnation = options_.incarnation;
  q.epoch = epoch();
  q.durable = copy->durable_place();
  q.from = copy->place().last.next();
  q.offset = static_cast<std::uint32_t>(s.line.size());
  q.applied = copy->applied();
  q.max_bytes = pull_bytes;
  // The first answer tells whether the master accepts us, and should not be waited for.
  q.wait_ms = s.matched ? options_.wait_ms : 0;
  // Only a pull tells what is applied. While something is not, the next one comes soon, or a quiet
  // master would take a copy that has caught up for one that is seconds behind.
  if (q.applied < copy->place().last) q.wait_ms = std::min(q.wait_ms, unapplied_wait_ms);
  q.want_mark = copy->checkpoint_due();
  const std::string address = advertised();
  q.name = options_.name;
  q.address = address;
  q.http = options_.http;
  net::call_options with;
  with.timeout_ms = q.wait_ms + answer_ms;
  auto answer = net::await_answer(*s.channel, q, std::move(with));
  if (!answer) return answer.error();
  return take(s, answer->message, answer->body);
}

// A master of an older epoch was replaced, and of two in one epoch only the first is followed.
result<void> puller::check_reign(const wire::pull_edits_reply& answer) {
  // Kept before anything of that reign is: whoever promotes this copy has to go beyond it.
  if (answer.epoch > epoch()) {
    SSDFS_TRY(io::write_epoch_file(fs_, options_.copy.directory + "/" + io::heard_epoch_file,
                                   answer.epoch));
  }
  const std::lock_guard lock(mutex_);
  if (answer.epoch < epoch_) {
    return failure(errc::stale_epoch,
                   "this master is of epoch " + std::to_string(answer.epoch.value) +
                       ", the backup has followed epoch " + std::to_string(epoch_.value));
  }
  if (answer.epoch == epoch_ && leader_ != node_id() && leader_ != answer.leader) {
    return failure(errc::stale_epoch, "two masters lead in epoch " + std::to_string(epoch_.value) +
                                          ": " + to_string(leader_) + " was followed, " +
                                          to_string(answer.leader) + " is refused");
  }
  epoch_ = answer.epoch;
  leader_ = answer.leader;
  return {};
}

result<void> puller::take(session& s, const wire::pull_edits_reply& answer, bytes_view body) {
  SSDFS_TRY(check_reign(answer));
  const cluster_id theirs = s.channel->server().cluster;
  if (cluster() == cluster_id()) {
    if (options_.joined) SSDFS_TRY(options_.joined(theirs));
    const std::lock_guard lock(mutex_);
    cluster_ = theirs;
  }
  {
    const std::lock_guard lock(mutex_);
    local_ = s.channel->local_address();
    if (!status_.connected) SSDFS_LOG(info) << "backup: following " << s.channel->address();
    status_.connected = true;
    status_.problem.clear();
  }
  switch (answer.advice) {
    case wire::pull_advice::append: return append(s, answer, body);
    case wire::pull_advice::truncate: return truncate(answer.truncate_to);
    case wire::pull_advice::fetch_image: return fetch_image(s);
  }
  return failure(errc::protocol, "unknown advice");
}

result<void> puller::append(session& s, const wire::pull_edits_reply& answer, bytes_view body) {
  const auto copy = this->copy();
  s.matched = true;
  {
    const std::lock_guard lock(mutex_);
    matched_ = true;
  }
  if (!body.empty()) {
    if (answer.first != copy->place().last.next()) {
      return failure(errc::protocol, "the master sent other records than those asked for");
    }
    if (answer.rest > 0 || !s.line.empty()) {
      if (s.line.size() + body.size() > meta::max_line_bytes) {
        return failure(errc::protocol, "the master sent a line that is too long");
      }
      s.line.append(as_chars(body));
      if (answer.rest == 0) {
        const std::string whole = std::exchange(s.line, {});
        SSDFS_TRY(copy->append(whole));
      }
    } else {
      SSDFS_TRY(copy->append(as_chars(body)));
    }
  }
  if (answer.checkpoint != txid()) copy->want_checkpoint(answer.checkpoint);
  copy->commit(answer.committed);
  note_lag(answer.durable);
  return {};
}

void puller::note_lag(txid master_durable) {
  const auto copy = this->copy();
  const txid applied = copy ? copy->applied() : txid();
  const std::lock_guard lock(mutex_);
  status_.master_durable = std::max(status_.master_durable, master_durable);
  if (applied >= status_.master_durable) {
    behind_since_ms_ = 0;
  } else if (behind_since_ms_ == 0) {
    behind_since_ms_ = io::steady_ms();
  }
}

// ---- acknowledgements ----

// On the journal's thread.
void puller::durable_moved(txid upto) {
  static_cast<void>(upto);
  send_ack();
}

// At most one is on its way; the next tells what came meanwhile.
void puller::send_ack() {
  std::shared_ptr<net::channel> to;
  wire::ack_edits_request q;
  {
    const std::lock_guard lock(mutex_);
    if (!matched_ || ack_on_way_ || !channel_ || !copy_ || stopping_) return;
    q.durable = copy_->durable();
    if (q.durable <= acked_) return;
    q.applied = copy_->applied();
    q.node = options_.node;
    q.incarnation = options_.incarnation;
    q.epoch = epoch_;
    acked_ = q.durable;
    ack_on_way_ = true;
    to = channel_;
  }
  net::call_options with;
  with.timeout_ms = answer_ms;
  to->call(q, std::move(with),
           [weak = weak_from_this(), to](result<net::response<wire::ack_edits_reply>> answer) {
             const auto self = weak.lock();
             if (!self) return;
             {
               const std::lock_guard lock(self->mutex_);
               if (self->channel_ != to) return;  // an answer of an earlier connection
               self->ack_on_way_ = false;
             }
             // A lost one is made up for by the next pull, which says the same.
             if (!answer) return;
             if (const auto copy = self->copy()) copy->commit(answer->message.committed);
             self->send_ack();
           });
}

}  // namespace ssdfs::backup
