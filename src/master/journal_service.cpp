#include "master/journal_service.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"
#include "meta/record_codec.hpp"
#include "net/server.hpp"
#include "wire/frame.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <future>

namespace ssdfs::master {
namespace {

constexpr std::size_t max_backups = 16;
constexpr std::size_t max_text = 255;
constexpr std::uint32_t max_wait_ms = 30'000;
constexpr std::int64_t tick_ms = 100;
constexpr std::int64_t forget_ms = 3'600'000;  // a backup that is silent so long gives up its place
constexpr std::int64_t duplicate_ms = 5'000;   // as long two processes with one uuid are noticed
constexpr std::int64_t short_grace_ms = 3'000;  // too few backups for longer is a problem
constexpr std::int64_t mark_age_ms = 5'000;     // a MARK that is younger serves for the next wish

std::uint64_t connection_of(const net::request& r) {
  const auto* number = std::any_cast<std::uint64_t>(&r.from().attachment);
  return number == nullptr ? 0 : *number;
}

std::string describe(const backup_peer& peer) {
  return "backup " + (peer.name.empty() ? to_string(peer.node) : peer.name) + " (" + peer.address +
         ")";
}

}  // namespace

journal_service::journal_service(boost::asio::io_context& io, core& shared,
                                 checkpointer& checkpoints, journal_hooks hooks)
    : core_(shared),
      checkpoints_(checkpoints),
      hooks_(std::move(hooks)),
      strand_(boost::asio::make_strand(io)),
      timer_(strand_),
      pool_({.threads = 2, .queue_limit = 256}),
      images_(shared.files(), shared.options().data_dir, checkpoints),
      gate_(shared.options().min_sync_backups) {}

template <class Function>
void journal_service::on_strand(Function f) {
  boost::asio::post(strand_, [self = shared_from_this(), f = std::move(f)]() mutable {
    if (!self->stopped_) f(*self);
  });
}

template <class Function>
void journal_service::on_namespace(Function f) {
  boost::asio::post(core_.strand(),
                    [self = shared_from_this(), f = std::move(f)]() mutable { f(*self); });
}

bool journal_service::takes(wire::opcode code) noexcept {
  switch (code) {
    case wire::opcode::pull_edits:
    case wire::opcode::ack_edits:
    case wire::opcode::fetch_image:
    case wire::opcode::upload_image:
    case wire::opcode::finish_image: return true;
    default: return false;
  }
}

void journal_service::start() {
  for (const auto& e : core_.state().epochs()) history_.push_back({e.epoch, e.leader, e.first});
  durable_ = core_.edits().durable().value;
  on_strand([](journal_service& s) {
    s.gate_.durable_here(txid(s.durable_));
    s.short_since_ms_ = io::steady_ms();
    s.arm_tick();
  });
}

void journal_service::stop() {
  std::promise<void> quiet;
  auto done = quiet.get_future();
  boost::asio::post(strand_, [this, quiet = std::move(quiet)]() mutable {
    stopped_ = true;
    timer_.cancel();
    for (auto& [node, peer] : peers_) {
      if (peer.held) peer.held->request.fail(errc::shutting_down);
      peer.held.reset();
    }
    quiet.set_value();
  });
  done.wait();
  pool_.stop();
}

// ---- requests ----

void journal_service::handle(net::request r) {
  if (r.from().peer().role != wire::peer_role::backup) {
    return r.fail(failure(errc::invalid_argument, "only a backup asks for this"));
  }
  const auto code = r.code();
  if (code == wire::opcode::pull_edits || code == wire::opcode::ack_edits) {
    return on_strand([r = std::move(r)](journal_service& s) mutable { s.dispatch(std::move(r)); });
  }
  auto waiting = std::make_shared<net::request>(std::move(r));
  auto queued = pool_.submit([self = shared_from_this(), waiting] {
    net::request& q = *waiting;
    if (q.code() == wire::opcode::fetch_image) return self->images_.fetch(std::move(q));
    if (q.code() == wire::opcode::upload_image) return self->images_.upload(std::move(q));
    wire::finish_image_request finish;
    if (!q.decode(finish) || finish.node != q.from().peer().node) return q.fail(errc::protocol);
    auto path = self->images_.finish(finish);
    if (!path) return q.fail(path.error());
    self->on_namespace([waiting, path = std::move(*path)](journal_service& s) mutable {
      s.checkpoints_.adopt(std::move(path), [waiting](result<txid> adopted) {
        if (!adopted) return waiting->fail(adopted.error());
        waiting->reply(wire::finish_image_reply{*adopted});
      });
    });
  });
  if (!queued) waiting->fail(queued.error());
}

void journal_service::dispatch(net::request r) {
  if (r.code() == wire::opcode::ack_edits) return ack(std::move(r));
  pull(std::move(r));
}

void journal_service::closed(node_id node, std::uint64_t connection) {
  on_strand([node, connection](journal_service& s) {
    const auto at = s.peers_.find(node);
    if (at == s.peers_.end() || at->second.connection != connection) return;
    at->second.connection = 0;
    at->second.matched = false;
    at->second.held.reset();  // answers into a closed connection do nothing
    SSDFS_LOG(info) << describe(at->second) << " has gone";
    s.settle();
  });
}

result<backup_peer*> journal_service::peer_of(const wire::pull_edits_request& q,
                                              std::uint64_t connection) {
  const std::int64_t now = io::steady_ms();
  std::erase_if(peers_, [&](const auto& entry) {
    return entry.second.connection == 0 && now - entry.second.heard_ms > forget_ms;
  });
  auto at = peers_.find(q.node);
  if (at == peers_.end()) {
    if (peers_.size() >= max_backups) {
      return failure(errc::busy, "there are " + std::to_string(max_backups) + " backups already");
    }
    at = peers_.emplace(q.node, backup_peer{}).first;
    at->second.node = q.node;
  }
  backup_peer& peer = at->second;
  if (peer.connection != 0 && peer.connection != connection && peer.incarnation != q.incarnation &&
      now - peer.heard_ms < duplicate_ms) {
    return failure(errc::duplicate_node, "two processes use the identity " + to_string(q.node) +
                                             ": " + describe(peer) + " is live, the one at " +
                                             std::string(q.address) + " is refused");
  }
  if (peer.connection != connection) {
    // What an earlier process had is not what this one has, until it says so.
    if (peer.incarnation != q.incarnation) gate_.forget(q.node);
    peer.connection = connection;
    peer.incarnation = q.incarnation;
    peer.matched = false;
    peer.told_committed = peer.told_checkpoint = {};
    if (peer.held) peer.held->request.fail(errc::connection);
    peer.held.reset();
  }
  peer.name = q.name;
  peer.address = q.address;
  peer.http = q.http;
  peer.heard_ms = now;
  return &peer;
}

void journal_service::pull(net::request r) {
  wire::pull_edits_request q;
  if (!r.decode(q) || q.name.size() > max_text || q.address.size() > max_text ||
      q.http.size() > max_text || q.from.value == 0 || q.from <= q.durable.last ||
      q.node != r.from().peer().node) {
    return r.fail(errc::protocol);
  }
  auto known = peer_of(q, connection_of(r));
  if (!known) return r.fail(known.error());
  backup_peer& peer = **known;
  if (q.epoch > history_.back().epoch || q.durable.epoch > history_.back().epoch) {
    const epoch_t newer = std::max(q.epoch, q.durable.epoch);
    on_namespace([newer](journal_service& s) { s.hooks_.replaced(newer); });
    return r.fail(failure(errc::not_active, "this master was replaced: epoch " +
                                                std::to_string(newer.value) + " is known"));
  }
  if (!peer.matched) return greet(std::move(r), q);
  if (q.want_mark) log_mark();
  take_report(peer, q.durable.last, q.applied);
  held_pull next{std::move(r), q.from, std::min(q.max_bytes, wire::max_body), q.offset,
                 io::steady_ms() + std::min(q.wait_ms, max_wait_ms)};
  hold_or_serve(peer, std::move(next));
}

// The first pull of a connection: its log is compared with ours before anything else.
void journal_service::greet(net::request r, const wire::pull_edits_request& q) {
  backup_peer& peer = peers_.at(q.node);
  const auto kin = cluster::compare_logs(history_, txid(durable_), q.durable, q.epoch);
  if (kin.what != cluster::relation::begin) return advise(std::move(r), peer, q.durable, kin);
  auto waiting = std::make_shared<net::request>(std::move(r));
  auto queued = pool_.submit([self = shared_from_this(), waiting, place = q.durable] {
    const place_check found = self->check_place(place);
    self->on_strand([waiting, found](journal_service& s) {
      wire::pull_edits_request again;
      if (!waiting->decode(again)) return waiting->fail(errc::protocol);
      s.greeted(std::move(*waiting), again, found);
    });
  });
  if (!queued) waiting->fail(queued.error());
}

void journal_service::greeted(net::request r, const wire::pull_edits_request& q,
                              place_check found) {
  const auto at = peers_.find(q.node);
  if (at == peers_.end() || at->second.connection != connection_of(r)) {
    return r.fail(errc::connection);
  }
  backup_peer& peer = at->second;
  if (found == place_check::different) {
    return advise(std::move(r), peer, q.durable, cluster::after_wrong_chain(history_, q.durable));
  }
  if (found == place_check::unreachable) {
    peer.trouble = "its log ends before this one begins";
    auto reply = reply_for(peer);
    reply.advice = wire::pull_advice::fetch_image;
    SSDFS_LOG(info) << describe(peer) << " ends with txid " << q.durable.last
                    << ", which the segments do not reach any more: it needs an image";
    return r.reply(reply);
  }
  peer.matched = true;
  peer.trouble.clear();
  SSDFS_LOG(info) << describe(peer) << " follows from txid " << q.durable.last;
  take_report(peer, q.durable.last, q.applied);
  hold_or_serve(peer, {std::move(r), q.from, std::min(q.max_bytes, wire::max_body), q.offset,
                       io::steady_ms() + std::min(q.wait_ms, max_wait_ms)});
}

// Its log has what ours has not.
void journal_service::advise(net::request r, backup_peer& peer, const log_place& theirs,
                             const cluster::kinship& kin) {
  gate_.forget(peer.node);
  const std::string tail = describe(peer) + " has txid " + std::to_string(theirs.last.value) +
                           " of epoch " + std::to_string(theirs.epoch.value);
  if (kin.what == cluster::relation::lost_here && theirs.epoch > accepted_) {
    peer.trouble = "it has records that this master has lost";
    const std::string why = tail + ", which this master's edits log does not hold: history is lost";
    on_namespace([why](journal_service& s) { s.hooks_.lost_history(why); });
    return r.fail(failure(errc::read_only, why));
  }
  peer.trouble = "it has a tail that this log does not have";
  SSDFS_LOG(warning) << tail << ", which was given up: it is told to go back to txid "
                     << kin.common;
  auto reply = reply_for(peer);
  reply.advice = wire::pull_advice::truncate;
  reply.truncate_to = kin.common;
  r.reply(reply);
}

// In the pool. A place is told by the CRC of its line, or by that of the next, which is seeded with
// it.
journal_service::place_check journal_service::check_place(const log_place& theirs) {
  const auto crc_matches = [](std::string_view text, std::optional<std::uint32_t> seed,
                              std::uint32_t chain) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const auto stated = meta::stated_crc(line);
    if (!stated) return false;
    return seed ? meta::computed_crc(line, *seed) == *stated : *stated == chain;
  };
  if (theirs.last != txid()) {
    const auto own = core_.edits().read_from(theirs.last, 1);
    if (own) {
      return crc_matches(own->text, std::nullopt, theirs.chain) ? place_check::equal
                                                                : place_check::different;
    }
  }
  const auto next = core_.edits().read_from(theirs.last.next(), 1);
  if (!next) return place_check::unreachable;
  return crc_matches(next->text, theirs.chain, 0) ? place_check::equal : place_check::different;
}

void journal_service::ack(net::request r) {
  wire::ack_edits_request q;
  if (!r.decode(q) || q.node != r.from().peer().node) return r.fail(errc::protocol);
  const auto at = peers_.find(q.node);
  if (at == peers_.end() || at->second.connection != connection_of(r) ||
      at->second.incarnation != q.incarnation || !at->second.matched) {
    return r.fail(failure(errc::unknown_node, "a pull has to come first"));
  }
  if (q.epoch != history_.back().epoch || q.durable > txid(durable_)) {
    return r.fail(failure(errc::stale_epoch, "acknowledged to another master"));
  }
  at->second.heard_ms = io::steady_ms();
  take_report(at->second, q.durable, q.applied);
  r.reply(wire::ack_edits_reply{gate_.committed()});
}

void journal_service::take_report(backup_peer& peer, txid durable, txid applied) {
  // Taken before the report counts: how old the oldest missing record was.
  peer.lag_us.add(times_.age_ns(peer.applied, io::steady_ns()) / 1000);
  peer.durable = durable;
  peer.applied = applied;
  gate_.acknowledged(peer.node, durable);
  settle();
}

// ---- answers ----

wire::pull_edits_reply journal_service::reply_for(backup_peer& peer) {
  wire::pull_edits_reply reply;
  reply.epoch = history_.back().epoch;
  reply.leader = core_.node();
  reply.durable = txid(durable_);
  reply.committed = gate_.committed();
  peer.told_committed = reply.committed;
  if (peer.node == asked_) {
    reply.checkpoint = wanted_;
    peer.told_checkpoint = wanted_;
  }
  return reply;
}

void journal_service::hold_or_serve(backup_peer& peer, held_pull next) {
  const bool news = peer.told_committed < gate_.committed() ||
                    (peer.node == asked_ && peer.told_checkpoint != wanted_);
  if (next.from <= txid(durable_)) return serve(peer, std::move(next));
  if (news || next.deadline_ms <= io::steady_ms()) return next.request.reply(reply_for(peer));
  if (peer.held) peer.held->request.fail(errc::cancelled);  // it asks twice
  peer.held = std::move(next);
}

void journal_service::serve(backup_peer& peer, held_pull next) {
  auto waiting = std::make_shared<held_pull>(std::move(next));
  auto queued =
      pool_.submit([self = shared_from_this(), waiting, reply = reply_for(peer)]() mutable {
        net::request& r = waiting->request;
        auto lines = self->core_.edits().read_from(waiting->from, waiting->max_bytes);
        if (!lines && lines.error() == errc::not_found) {
          reply.advice = wire::pull_advice::fetch_image;
          return r.reply(reply);
        }
        if (!lines) return r.fail(lines.error());
        std::string_view text = lines->text;
        reply.first = lines->first;
        reply.last = lines->last;
        if (text.size() > wire::max_body) {
          // One line, longer than a body.
          if (waiting->offset >= text.size()) return r.fail(errc::protocol);
          text.remove_prefix(waiting->offset);
          const std::size_t part = std::min<std::size_t>(text.size(), wire::max_body);
          reply.rest = static_cast<std::uint32_t>(text.size() - part);
          text = text.substr(0, part);
        } else if (waiting->offset != 0) {
          return r.fail(errc::protocol);
        }
        r.reply(reply, copy_bytes(as_bytes(text)));
      });
  if (!queued) waiting->request.fail(queued.error());
}

void journal_service::release(backup_peer& peer) {
  if (!peer.held) return;
  held_pull next = std::move(*peer.held);
  peer.held.reset();
  hold_or_serve(peer, std::move(next));
}

void journal_service::release_all() {
  for (auto& [node, peer] : peers_) release(peer);
}

// ---- the log ----

void journal_service::log_durable(txid upto) {
  durable_.store(upto.value, std::memory_order_release);
  // Batches that come while this waits for its turn are handled in the same.
  if (durable_posted_.exchange(true)) return;
  on_strand([](journal_service& s) {
    s.durable_posted_ = false;
    const txid durable(s.durable_.load(std::memory_order_acquire));
    s.times_.add(durable, io::steady_ns());
    s.gate_.durable_here(durable);
    s.settle();
  });
}

// After anything that may have moved what is committed, or that held pulls wait for.
void journal_service::settle() {
  const txid committed = gate_.committed();
  if (gate_.needed() > 0 && committed > posted_) {
    posted_ = committed;
    on_namespace([committed](journal_service& s) { s.core_.commit(committed); });
  }
  std::size_t count = 0;
  for (const auto& [node, peer] : peers_) count += peer.connection != 0 && peer.matched;
  connected_ = count;
  txid held = txid(durable_);
  for (const auto& [node, peer] : peers_) {
    if (peer.connection != 0 && peer.matched) held = std::min(held, peer.durable);
  }
  {
    const std::lock_guard lock(mutex_);
    held_by_all_ = held;
  }
  caught_up_.notify_all();
  release_all();
}

void journal_service::wait_for_backups(std::int64_t timeout_ms) {
  // What the log's thread posted is handled first.
  on_strand([](journal_service& s) { s.settle(); });
  std::unique_lock lock(mutex_);
  caught_up_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                      [&] { return !connected() || held_by_all_ >= txid(durable_); });
}

void journal_service::in_background(std::function<void()> job) {
  if (!pool_.submit(job)) job();
}

void journal_service::log_mark() {
  if (mark_asked_.exchange(true)) return;
  on_namespace([](journal_service& s) {
    s.mark_asked_ = false;
    if (!s.core_.may_change()) return;
    const auto marked = s.core_.mark(mark_age_ms);
    if (!marked) SSDFS_LOG(warning) << "no MARK: " << marked.error().message();
    s.core_.flush();
  });
}

bool journal_service::ask_checkpoint(txid mark) {
  if (!connected()) return false;
  on_strand([mark](journal_service& s) {
    // Another one each time it is asked for again: the one before may have trouble.
    auto choice = s.peers_.upper_bound(s.wanted_ == mark ? s.asked_ : node_id());
    for (std::size_t i = 0; i < s.peers_.size(); ++i, ++choice) {
      if (choice == s.peers_.end()) choice = s.peers_.begin();
      if (choice->second.matched) break;
    }
    if (choice == s.peers_.end() || !choice->second.matched) return;
    s.wanted_ = mark;
    s.asked_ = choice->first;
    s.release(choice->second);
  });
  return true;
}

void journal_service::accept_loss(epoch_t upto) {
  on_strand([upto](journal_service& s) { s.accepted_ = std::max(s.accepted_, upto); });
}

// ---- time ----

void journal_service::arm_tick() {
  timer_.expires_after(std::chrono::milliseconds(tick_ms));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
    if (ec || self->stopped_) return;
    self->tick();
    self->arm_tick();
  });
}

void journal_service::tick() {
  const std::int64_t now = io::steady_ms();
  release_all();  // those whose time is over are answered
  watch_backups(now);
  show(now);
}

// Too few backups for a while: answers cannot leave, and callers should hear why.
void journal_service::watch_backups(std::int64_t now_ms) {
  if (gate_.needed() == 0) return;
  const std::size_t count = connected_;
  if (count >= gate_.needed()) {
    short_since_ms_ = 0;
  } else if (short_since_ms_ == 0) {
    short_since_ms_ = now_ms;
  }
  const bool problem = short_since_ms_ != 0 && now_ms - short_since_ms_ >= short_grace_ms;
  if (!problem && !problem_shown_) return;
  std::string why;
  if (problem) {
    why = "changes need " + std::to_string(gate_.needed()) + " backups, " + std::to_string(count) +
          " follow";
  }
  problem_shown_ = problem;
  on_namespace([why](journal_service& s) { s.hooks_.sync_problem(why); });
}

void journal_service::show(std::int64_t now_ms) {
  std::vector<wire::backup_status> out;
  const std::int64_t now_ns = io::steady_ns();
  const txid durable(durable_.load());
  for (const auto& [node, peer] : peers_) {
    wire::backup_status status;
    status.node = node;
    status.name = peer.name;
    status.address = peer.address;
    status.http = peer.http;
    status.durable = peer.durable;
    status.applied = peer.applied;
    status.lag_ms = times_.age_ns(peer.applied, now_ns) / 1'000'000;
    status.lag_median_us = peer.lag_us.get();
    status.last_heard_ms = now_ms - peer.heard_ms;
    status.state = peer.connection == 0                             ? "gone"
                   : !peer.trouble.empty()                          ? peer.trouble
                   : !peer.matched                                  ? "comparing"
                   : peer.applied < durable && status.lag_ms > 1000 ? "catching up"
                                                                    : "following";
    out.push_back(std::move(status));
  }
  const std::lock_guard lock(mutex_);
  shown_ = std::move(out);
}

std::vector<wire::backup_status> journal_service::backups() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

}  // namespace ssdfs::master
