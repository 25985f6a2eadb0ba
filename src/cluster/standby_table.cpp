#include "cluster/standby_table.hpp"

#include <algorithm>

namespace ssdfs::cluster {

standby_table::standby_table(node_id self, const member_timing& timing, std::size_t min_sync,
                             const std::vector<member_address>& set, txid told, time_ms now)
    : timing_(timing), sets_(self, set), gate_(min_sync, told) {
  for (const auto& m : set) {
    if (m.node == self) continue;
    standby_record s;
    s.who = m;
    // They have to find the new leader first: a second in all.
    s.closed_since = now + lacking_ms - closed_ms;
    s.lacking_since = now;
    standbys_.emplace(m.node, std::move(s));
  }
}

// One that is silent and not required gives up its place.
bool standby_table::make_room() {
  if (standbys_.size() < max_members) return true;
  auto oldest = standbys_.end();
  for (auto at = standbys_.begin(); at != standbys_.end(); ++at) {
    const standby_record& s = at->second;
    if (s.line != 0 || s.pull != 0 || sets_.required(at->first)) continue;
    if (oldest == standbys_.end() || s.heard_at < oldest->second.heard_at) oldest = at;
  }
  if (oldest == standbys_.end()) return false;
  standbys_.erase(oldest);
  return true;
}

standby_table::hearing standby_table::hear(const member_address& who, std::uint64_t process,
                                           time_ms now) {
  auto at = standbys_.find(who.node);
  if (at == standbys_.end()) {
    if (!make_room()) return hearing::full;
    at = standbys_.emplace(who.node, standby_record{}).first;
    at->second.closed_since = at->second.lacking_since = now;
  }
  standby_record& s = at->second;
  if (s.process != process) {
    if (s.process != 0 && (s.line != 0 || s.pull != 0) && now - s.heard_at < duplicate_ms) {
      return hearing::duplicate;
    }
    // What an earlier process had is not what this one has, until it says so.
    s.process = process;
    s.line = s.pull = 0;
    s.matched = false;
    s.leaving = false;
    gate_.forget(who.node);
  }
  if (!who.address.empty()) s.who = who;
  s.heard_at = now;
  return hearing::fine;
}

standby_table::hearing standby_table::promised(const promise_request& q, std::uint64_t line,
                                               bool ours, time_ms now) {
  const hearing h = hear(q.from, q.process, now);
  if (h != hearing::fine) return h;
  standby_record& s = standbys_.at(q.from.node);
  if (line < s.line) return hearing::outdated;
  s.line = line;
  s.eligible = q.eligible;
  s.leaving = q.leaving;
  s.reluctant = q.reluctant;
  s.reaches_register = q.reaches_register;
  if (s.line != 0 && s.pull != 0) s.closed_since = never;
  if (ours && s.matched) book_.echoed(q.from.node, q.echo.number, q.lease_ms);
  return h;
}

standby_table::hearing standby_table::greeted(const log_history& q, std::uint64_t pull,
                                              time_ms now) {
  const hearing h = hear({q.node, {}}, q.process, now);
  if (h != hearing::fine) return h;
  standby_record& s = standbys_.at(q.node);
  if (pull < s.pull) return hearing::outdated;
  s.pull = pull;
  s.matched = false;
  gate_.forget(q.node);
  if (s.line != 0) s.closed_since = never;
  return h;
}

void standby_table::matched(node_id node, std::uint64_t pull, txid durable, time_ms now) {
  standby_record* s = find(node);
  if (s == nullptr || s->pull != pull) return;
  s->matched = true;
  // A member of the set holds all that is committed, unless its disk went back to an earlier state.
  s->short_of_log = sets_.required(node) && durable < gate_.committed();
  acknowledged(node, pull, durable, now);
}

void standby_table::acknowledged(node_id node, std::uint64_t pull, txid durable, time_ms now) {
  standby_record* s = find(node);
  if (s == nullptr || s->pull != pull || !s->matched) return;
  if (durable > gate_.held(node)) s->pace.took(marks_.age_ms(gate_.held(node), now));
  s->heard_at = now;
  gate_.acknowledged(node, durable);
  settle();
  if (durable >= gate_.committed()) s->short_of_log = false;  // it has caught up again
}

void standby_table::closed(node_id node, std::uint64_t connection, time_ms now) {
  standby_record* s = find(node);
  if (s == nullptr || connection == 0) return;
  if (s->line == connection) s->line = 0;
  if (s->pull == connection) {
    s->pull = 0;
    s->matched = false;
    gate_.forget(node);
  }
  if ((s->line == 0 || s->pull == 0) && s->closed_since == never) s->closed_since = now;
}

void standby_table::durable_here(txid upto, time_ms now) {
  marks_.durable(upto, now);
  gate_.durable_here(upto);
  settle();
}

void standby_table::tick(time_ms now) {
  for (auto& [node, s] : standbys_) {
    if (book_.until(node) > now) {
      s.lacking_since = never;
    } else if (s.lacking_since == never) {
      s.lacking_since = now;
    }
    s.pace.tick(now, s.matched ? marks_.age_ms(gate_.held(node), now) : 0);
    if (s.pace.kept_up_long()) s.penalty_ms = 0;
  }
}

void standby_table::paused(time_ms now) {
  no_removals_before_ = now + grace_ms;
  marks_.restart(now);
  for (auto& [node, s] : standbys_) {
    if (s.closed_since != never) s.closed_since = std::max(s.closed_since, now);
    if (s.lacking_since != never) s.lacking_since = now;
  }
}

// As the last standby, too.
bool standby_table::must_go(const standby_record& s, time_ms now) const {
  if (s.leaving || !s.eligible || s.kept_out || s.short_of_log) return true;
  if (s.closed_since != never && now - s.closed_since > closed_ms) return true;
  if (s.lacking_since != never && now - s.lacking_since > lacking_ms) return true;
  return marks_.age_ms(gate_.held(s.who.node), now) > timing_.sync_timeout_ms;
}

// If another one stays.
bool standby_table::should_go(const standby_record& s, time_ms now) const {
  // In the steady state a promise is renewed when nine tenths of a lease less two rounds of a
  // fifth, a trip and a tick are left of it: nearly half. It needs time for a change of the
  // register, too.
  const time_ms until = book_.until(s.who.node);
  return s.pace.slow() || (until != 0 && until - now < timing_.lease_ms / 4);
}

void standby_table::penalize(standby_record& s, time_ms now) const {
  s.penalty_ms = std::clamp(s.penalty_ms * 2, penalty_min_ms, penalty_max_ms);
  s.welcome_at = now + s.penalty_ms;
}

std::vector<node_id> standby_table::to_remove(time_ms now) {
  if (now < no_removals_before_) return {};
  std::vector<node_id> gone;
  std::vector<node_id> weak;
  bool another = false;
  for (const auto& m : sets_.confirmed()) {
    const standby_record* s = find(m.node);
    if (s == nullptr) continue;  // the leader itself
    if (must_go(*s, now)) {
      gone.push_back(m.node);
    } else if (should_go(*s, now)) {
      weak.push_back(m.node);
    } else {
      another = another || book_.until(m.node) > now;
    }
  }
  if (another) gone.insert(gone.end(), weak.begin(), weak.end());
  for (const node_id n : gone) {
    standby_record& s = standbys_.at(n);
    const bool late = s.matched && marks_.age_ms(gate_.held(n), now) > timing_.sync_timeout_ms;
    if (now >= s.welcome_at && (late || s.pace.slow())) penalize(s, now);
  }
  return gone;
}

bool standby_table::fits(node_id node, time_ms now) const {
  const standby_record* s = find(node);
  if (s == nullptr || s->line == 0 || s->pull == 0 || !s->matched || !s->eligible || s->leaving ||
      s->kept_out || s->short_of_log || now < s->welcome_at ||
      (s->penalty_ms > 0 && !s->pace.kept_up())) {
    return false;
  }
  return book_.until(node) - now > timing_.lease_ms / 4 &&
         marks_.age_ms(gate_.held(node), now) < slowness::slow_ms;
}

std::optional<member_address> standby_table::to_add(time_ms now) const {
  if (sets_.confirmed().size() >= max_members) return std::nullopt;
  for (const auto& [node, s] : standbys_) {
    if (!sets_.required(node) && !s.who.address.empty() && fits(node, now)) return s.who;
  }
  return std::nullopt;
}

std::optional<node_id> standby_table::successor(node_id wanted, time_ms now) const {
  std::optional<node_id> best;
  const auto rank = [&](node_id n) { return std::pair(!find(n)->reluctant, gate_.held(n).value); };
  for (const auto& m : sets_.confirmed()) {
    const standby_record* s = find(m.node);
    if (s == nullptr || !sets_.certain(m.node) || !s->matched || s->line == 0 || !s->eligible ||
        s->leaving || !s->reaches_register || now - s->heard_at > timing_.lease_ms) {
      continue;
    }
    if (wanted != node_id() && m.node != wanted) continue;
    if (!best || rank(m.node) > rank(*best)) best = m.node;
  }
  return best;
}

time_ms standby_table::promised_until() const {
  time_ms until = never;
  for (const node_id n : sets_.required()) {
    const standby_record* s = find(n);
    until = std::min(until, s != nullptr && s->matched ? book_.until(n) : 0);
  }
  return until;
}

standby_record* standby_table::find(node_id node) {
  const auto at = standbys_.find(node);
  return at == standbys_.end() ? nullptr : &at->second;
}

const standby_record* standby_table::find(node_id node) const {
  const auto at = standbys_.find(node);
  return at == standbys_.end() ? nullptr : &at->second;
}

}  // namespace ssdfs::cluster
