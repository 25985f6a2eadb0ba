#include "master/journal_service.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"
#include "meta/record_codec.hpp"
#include "net/await.hpp"
#include "net/server.hpp"
#include "wire/frame.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

#include <chrono>

namespace ssdfs::master {

std::uint64_t connection_of(const net::request& r) {
  const auto* number = std::any_cast<std::uint64_t>(&r.from().attachment);
  return number == nullptr ? 0 : *number;
}

namespace {

constexpr std::size_t max_backups = 16;
constexpr std::size_t max_text = 255;
constexpr std::uint32_t max_wait_ms = 30'000;
constexpr std::int64_t forget_ms = 3'600'000;  // a backup that is silent so long gives up its place
constexpr std::int64_t duplicate_ms = 5'000;   // as long two processes with one uuid are noticed

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
      image_pool_({.threads = 1, .queue_limit = 64}),
      images_(shared.files(), shared.options().data_dir, checkpoints),
      gate_(shared.options().min_sync_backups) {}

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
  net::run_and_wait(strand_, [this] {
    stopped_ = true;
    timer_.cancel();
    for (auto& [node, peer] : peers_) {
      if (peer.held) peer.held->request.fail(errc::shutting_down);
      peer.held.reset();
    }
  });
  image_pool_.stop();
  pool_.stop();
}

// ---- requests ----

void journal_service::handle(net::request r) {
  if (r.from().peer().role != wire::peer_role::backup) {
    return r.fail(failure(errc::invalid_argument, "only a backup asks for this"));
  }
  if (strand_answers::takes(r.code())) {
    return on_strand(
        [r = std::move(r)](journal_service& s) mutable { strand_answers::dispatch(r, s); });
  }
  auto waiting = std::make_shared<net::request>(std::move(r));
  auto queued = image_pool_.submit([self = shared_from_this(), waiting] {
    image_answers::dispatch(*waiting, *self, self->images_);
  });
  if (!queued) waiting->fail(queued.error());
}

void journal_service::finish_image(net::request r, const wire::finish_image_request& q) {
  if (q.node != r.from().peer().node) return r.fail(errc::protocol);
  auto path = images_.finish(q);
  if (!path) return r.fail(path.error());
  auto waiting = std::make_shared<net::request>(std::move(r));
  on_namespace([waiting, path = std::move(*path)](journal_service& s) mutable {
    s.checkpoints_.adopt(std::move(path), [waiting](result<txid> adopted) {
      if (!adopted) return waiting->fail(adopted.error());
      waiting->reply(wire::finish_image_reply{*adopted});
    });
  });
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

void journal_service::pull_edits(net::request r, const wire::pull_edits_request& q) {
  if (q.name.size() > max_text || q.address.size() > max_text || q.http.size() > max_text ||
      q.from.value == 0 || q.from <= q.durable.last || q.node != r.from().peer().node) {
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
  // A place beyond our log cannot be one that matched.
  if (!peer.matched || q.durable.last > txid(durable_)) {
    peer.matched = false;
    return greet(std::move(r), q);
  }
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

void journal_service::ack_edits(net::request r, const wire::ack_edits_request& q) {
  if (q.node != r.from().peer().node) return r.fail(errc::protocol);
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

}  // namespace ssdfs::master
