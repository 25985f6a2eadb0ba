#include "cluster/takeover.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::cluster {
namespace {

epoch_t next_promotion(epoch_t above) {
  return epoch_t((above.value / promotion_step + 1) * promotion_step);
}

}  // namespace

void takeover::step(bool wanted, bool at_once, time_ms now) {
  take_settled(now);
  if (core_.editor.open() || won_) return;
  if (!wanted || now < rest_until_) {
    if (phase_ == phase::checking) core_.editor.abandon();
    phase_ = phase::idle;
    return;
  }
  switch (phase_) {
    case phase::idle:
      turn_at_ = now + (at_once ? 0 : delay_ms());
      phase_ = phase::waiting;
      [[fallthrough]];
    case phase::waiting:
      if (at_once) turn_at_ = std::min(turn_at_, now);
      if (now >= turn_at_ && core_.editor.reaches(now) && !core_.editor.busy()) ask_all(now);
      break;
    case phase::asking: asking(now); break;
    case phase::checking:
      if (core_.editor.ready()) send();
      break;
  }
}

// In the order of the set without the old leader.
std::int64_t takeover::delay_ms() const {
  const auto& view = core_.editor.view();
  std::int64_t rank = 0;
  if (view) {
    for (const auto& m : view->value.insync) {
      if (m.node == core_.self()) break;
      if (m.node != view->value.leader) ++rank;
    }
  }
  return rank * turn_ms + (core_.log.reluctant ? last_ms : 0);
}

void takeover::ask_all(time_ms now) {
  held_back_.clear();
  asked_.clear();
  phase_ = phase::asking;
  ask_until_ = now + ask_ms;
  std::vector<member_address> all = core_.known;
  if (core_.editor.view()) {
    for (const auto& m : core_.editor.view()->value.insync) {
      if (!names(all, m.node)) all.push_back(m);
    }
  }
  for (const auto& m : all) {
    if (m.node == core_.self()) continue;
    asked& a = asked_[m.node];
    a.who = m;
    ask(a);
  }
  asking(now);
}

void takeover::ask(asked& a) {
  a.id = next_id_++;
  a.again_at = never;
  core_.act(member_action::send_greeting{a.id, a.who});
}

void takeover::greeted(std::uint64_t id, greeting_outcome what, const member_greeting& told,
                       time_ms now) {
  if (phase_ != phase::asking) return;
  const auto at = std::find_if(asked_.begin(), asked_.end(),
                               [&](const auto& entry) { return entry.second.id == id; });
  if (at == asked_.end()) return;
  asked& a = at->second;
  a.id = 0;
  switch (what) {
    case greeting_outcome::refused:
      if (++a.refusals < 2) {
        a.again_at = now + again_ms;
      } else {
        a.given_up = true;
      }
      return;
    case greeting_outcome::silent: a.given_up = true; return;
    case greeting_outcome::answered: break;
  }
  a.answered = true;
  core_.hear(told.heard);
  const auto& view = core_.editor.view();
  if (view && told.heard > view->value.epoch) {
    core_.editor.hint();
    return stand_back(to_string(told.node) + " has heard of epoch " +
                          std::to_string(told.heard.value) + ", which the register does not show",
                      now);
  }
  if (forced_) {
    if (told.leads) stand_back("the leader answers", now);
    return;
  }
  if (told.committed > core_.log.durable.last) {
    stand_back(to_string(told.node) + " knows txid " + std::to_string(told.committed.value) +
                   " as committed, which this log does not hold",
               now);
  }
}

void takeover::asking(time_ms now) {
  bool waits = false;
  for (auto& [node, a] : asked_) {
    if (now >= a.again_at) ask(a);
    waits = waits || (!a.answered && !a.given_up);
  }
  if (waits && now < ask_until_) return;
  phase_ = phase::checking;
  core_.editor.prepare(now);
}

void takeover::stand_back(std::string why, time_ms now) {
  held_back_ = std::move(why);
  rest_until_ = now + rest_ms;
  phase_ = phase::idle;
}

register_value takeover::candidate() const {
  const register_value& old = core_.editor.view()->value;
  register_value v;
  v.leader = core_.self();
  const epoch_t top = std::max({old.epoch, core_.heard, core_.log.durable.epoch});
  const auto& reigns = core_.log.reigns;
  // Its own reign goes on only if the log holds the begin of the last one that the register gave.
  const bool own = !forced_ && old.leader == core_.self() && !reigns.empty() &&
                   reigns.back().leader == core_.self() && reigns.back().epoch == old.epoch;
  v.epoch = own ? epoch_t(top.value + 1) : next_promotion(top);
  if (forced_) {
    v.insync = {core_.config.self};
    return v;
  }
  for (const auto& m : old.insync) {
    if (m.node == core_.self()) {
      v.insync.push_back(core_.config.self);
    } else if (m.node != old.leader) {
      const auto at = asked_.find(m.node);
      if (at == asked_.end() || at->second.refusals < 2) v.insync.push_back(m);
    }
  }
  return v;
}

void takeover::send() {
  phase_ = phase::idle;
  const auto& view = core_.editor.view();
  if (core_.editor.missing() || !view || !core_.editor.trouble().empty() ||
      core_.heard > view->value.epoch) {
    return core_.editor.abandon();
  }
  sent_forced_ = forced_;
  core_.editor.send(candidate());
}

void takeover::take_settled(time_ms now) {
  const auto settled = core_.editor.take_settled();
  if (!settled) return;
  phase_ = phase::idle;
  if (!settled->made) {
    rest_until_ = now + turn_ms;
    return;
  }
  // It may have followed somebody newer since.
  if (settled->value.epoch <= std::max(core_.heard, core_.log.durable.epoch)) return;
  if (sent_forced_) accepted_ = std::max(core_.heard, core_.log.durable.epoch);
  won_ = settled->value;
}

}  // namespace ssdfs::cluster
