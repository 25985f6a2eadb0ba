// The answers of the journal's service, and what moves them: the log, acknowledgements, time.
#include "base/log.hpp"
#include "io/clock.hpp"
#include "master/journal_service.hpp"
#include "net/server.hpp"
#include "wire/frame.hpp"

#include <chrono>

namespace ssdfs::master {
namespace {

constexpr std::int64_t tick_ms = 100;
constexpr std::int64_t short_grace_ms = 3'000;  // too few backups for longer is a problem
constexpr std::int64_t mark_age_ms = 5'000;     // a MARK that is younger serves for the next wish
constexpr std::int64_t image_ms = 1'800'000;    // a backup that brings none so long has trouble

}  // namespace

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
    // An exchange, so that what the log's thread stored before it found this set is seen here.
    s.durable_posted_.exchange(false);
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

void journal_service::log_mark(bool fresh) {
  if (!fresh && mark_asked_.exchange(true)) return;
  on_namespace([fresh](journal_service& s) {
    s.mark_asked_ = false;
    if (!s.core_.may_change()) return;
    const auto marked = s.core_.mark(fresh ? 0 : mark_age_ms);
    if (!marked) SSDFS_LOG(warning) << "no MARK: " << marked.error().message();
    s.core_.flush();
  });
}

bool journal_service::ask_checkpoint(txid mark) {
  if (!connected()) return false;
  on_strand([mark](journal_service& s) {
    const std::int64_t now = io::steady_ms();
    const auto before = s.peers_.find(s.asked_);
    if (s.wanted_ == mark && before != s.peers_.end() && before->second.matched &&
        now - s.asked_ms_ < image_ms) {
      // It is at it, unless the MARK had passed when it was told.
      if (before->second.applied >= mark) s.log_mark(true);
      return;
    }
    // Another one then: the one before has gone, or has trouble.
    auto choice = s.peers_.upper_bound(s.wanted_ == mark ? s.asked_ : node_id());
    for (std::size_t i = 0; i < s.peers_.size(); ++i, ++choice) {
      if (choice == s.peers_.end()) choice = s.peers_.begin();
      if (choice->second.matched) break;
    }
    if (choice == s.peers_.end() || !choice->second.matched) return;
    s.wanted_ = mark;
    s.asked_ = choice->first;
    s.asked_ms_ = now;
    // It may be past that MARK, and needs one to come.
    if (choice->second.applied >= mark) s.log_mark(true);
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
