#include "cluster/leader_side.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::cluster {
namespace {

constexpr std::int64_t brisk_poll_ms = 50;
constexpr std::uint32_t brisk_promise_ms = 10;

}  // namespace

leader_side::leader_side(member_core& core, const register_value& won, time_ms may_from,
                         time_ms now)
    : core_(core),
      epoch_(won.epoch),
      first_nonce_(won.nonce),
      may_from_(may_from),
      table_(core.self(), core.timing, core.config.min_sync, won.insync, core.log.committed, now),
      turned_at_(now),
      unserved_since_(now) {
  core_.editor.abandon();
  core_.timing = core_.config.timing;  // its own hold for all from now on
  core_.hear(epoch_);
}

// ---- the log ----

void leader_side::log_durable(time_ms now) {
  const auto& reigns = core_.log.reigns;
  if (start_ == txid() && !reigns.empty() && reigns.back().epoch == epoch_) {
    start_ = reigns.back().start;
  }
  if (ended_ || start_ == txid()) return;
  table_.durable_here(core_.log.durable.last, now);
  settle(now);
}

bool leader_side::healthy(time_ms now) const {
  return now - turned_at_ <= stuck_ms &&
         (unsynced_since_ == never || now - unsynced_since_ <= stuck_ms);
}

// ---- standbys ----

promise_reply leader_side::promised(const promise_request& q, std::uint64_t line, time_ms now) {
  promise_reply r;
  r.epoch = epoch_;
  r.node = core_.self();
  r.process = core_.config.process;
  if (!ended_ && q.heard > epoch_) {
    core_.hear(q.heard);
    replaced({});
  }
  if (ended_) return r;
  const bool ours = q.echo.epoch == epoch_ && q.echo.process == core_.config.process;
  switch (table_.promised(q, line, ours, now)) {
    case standby_table::hearing::duplicate: r.answer = promise_answer::duplicate; return r;
    case standby_table::hearing::full:
    case standby_table::hearing::outdated: return r;
    case standby_table::hearing::fine: break;
  }
  core_.know(q.from);
  settle(now);
  r.answer = promise_answer::leads;
  r.committed = committed();
  r.serving = may_show(now);
  r.in_sync = table_.sets().required(q.from.node);
  r.timing = core_.timing;
  for (const auto& [node, s] : table_.all()) r.members.push_back(s.who);
  if (handover_.active()) {
    r.again_ms = brisk_promise_ms;
    r.hint = address_of(handover_.to());
  }
  if (handover_.released()) {
    // Nobody gets a stamp, and the successor learns which ones are void.
    if (q.from.node == handover_.to()) {
      r.answer = promise_answer::released;
      r.given = {epoch_, core_.config.process, table_.book().newest()};
    }
  } else if (healthy(now) && !read_only_) {
    r.given = {epoch_, core_.config.process, table_.book().give(now)};
  }
  return r;
}

history_answer leader_side::history(const log_history& h, std::uint64_t pull, chain_check chain,
                                    time_ms now) {
  history_answer a;
  a.epoch = epoch_;
  if (ended_) return a;
  if (h.heard > epoch_ || h.durable.epoch > epoch_) {
    core_.hear(std::max(h.heard, h.durable.epoch));
    replaced({});
    return a;
  }
  if (table_.greeted(h, pull, now) != standby_table::hearing::fine) return a;
  a.verdict = history_verdict::wait;
  if (start_ == txid()) return a;
  descent kin =
      chain == chain_check::wrong
          ? after_wrong_chain(core_.log.reigns, h, core_.log.accepted)
          : compare_histories(core_.log.reigns, core_.log.durable.last, h, core_.log.accepted);
  if (chain == chain_check::unreachable && kin.what == ancestry::prefix) {
    kin.what = ancestry::unrelated;
  }
  switch (kin.what) {
    case ancestry::replaced: break;
    case ancestry::prefix: a.verdict = history_verdict::follow; break;
    case ancestry::lost_here:
      lost("a standby, " + to_string(h.node) + ", knows txid " +
           std::to_string(std::max(h.committed, kin.common.next()).value) + " of epoch " +
           std::to_string(h.durable.epoch.value) + ", which this log does not hold");
      a.verdict = history_verdict::refused;
      break;
    case ancestry::diverged:
    case ancestry::unrelated: {
      // Committed records may be given up only by who can not take over: first it leaves the set.
      const bool image = kin.what == ancestry::unrelated;
      if (table_.sets().required(h.node) && (image || kin.common < committed())) {
        table_.find(h.node)->short_of_log = true;
        break;
      }
      a.verdict = image ? history_verdict::image : history_verdict::cut;
      a.common = kin.common;
      a.loss_accepted = h.durable.epoch <= core_.log.accepted;
      break;
    }
  }
  return a;
}

void leader_side::matched(node_id node, std::uint64_t pull, txid durable, time_ms now) {
  if (ended_ || start_ == txid()) return;
  table_.matched(node, pull, durable, now);
  settle(now);
}

void leader_side::acknowledged(node_id node, std::uint64_t pull, txid durable, time_ms now) {
  if (ended_) return;
  table_.acknowledged(node, pull, durable, now);
  settle(now);
  send_change(now);
}

void leader_side::closed(node_id node, std::uint64_t connection, time_ms now) {
  table_.closed(node, connection, now);
}

// ---- what is committed and shown ----

bool leader_side::may_answer(time_ms now) const {
  return !ended_ && start_ != txid() && committed() >= start_ && now >= may_from_;
}

bool leader_side::may_show(time_ms now) const {
  return may_answer(now) && !handover_.stops() && serve_until() > now;
}

time_ms leader_side::serve_until() const {
  if (ended_ || start_ == txid() || committed() < start_ || handover_.stops()) return 0;
  return table_.promised_until();
}

void leader_side::settle(time_ms now) {
  if (ended_) return;
  table_.settle();
  if (committed() > core_.log.committed) core_.log.committed = committed();
  if (!may_answer(now)) return;
  if (!announced_ && !read_only_) {
    announced_ = true;
    core_.act(member_action::start_serving{epoch_});
  }
  if (committed() > told_) {
    told_ = committed();
    core_.act(member_action::committed{told_});
  }
  if (handover_.active()) {
    handover_.progress(table_.gate().here(), committed(), table_.gate().held(handover_.to()), now);
    flush_handover();
  }
}

// ---- the register ----

void leader_side::look_at_register(time_ms now) {
  core_.editor.timer(now, handover_.released() ? brisk_poll_ms : register_editor::poll_ms, true);
  core_.move_register_actions();
  take_settled(now);
  const auto& view = core_.editor.view();
  if (ended_ || !view || core_.editor.missing() || !core_.editor.trouble().empty()) return;
  const register_value& v = view->value;
  const bool own =
      v.writer == core_.self() && v.nonce >= first_nonce_ && v.nonce < core_.editor.next_nonce();
  if (own) {
    if (!core_.editor.busy()) table_.sets().nothing_else();
    return;
  }
  if (v.epoch >= epoch_) {
    core_.hear(v.epoch);
    member_address by;
    for (const auto& m : v.insync) {
      if (m.node == v.leader) by = m;
    }
    return replaced(by);
  }
  // It was put back to an earlier state: its members may take over by it.
  core_.set_problem("the register shows epoch " + std::to_string(v.epoch.value) +
                    ", before this leader's");
  table_.sets().perhaps(v.insync);
  if (!core_.editor.busy() && healthy(now) && now >= next_change_at_) {
    change_ = set_change{table_.sets().confirmed(), {}, never};
    core_.editor.prepare(now);
  }
}

void leader_side::take_settled(time_ms now) {
  const auto settled = core_.editor.take_settled();
  if (!settled) return;
  if (settled->made) {
    table_.sets().confirm(settled->value.insync);
  } else {
    if (change_) table_.sets().refuse(change_->target);
    next_change_at_ = now + pause_ms;
  }
  change_.reset();
}

// One change at a time; none by a leader that is stuck, for to such a one everybody looks silent.
void leader_side::plan_change(time_ms now) {
  if (core_.editor.busy() || now < next_change_at_ || !healthy(now) || !core_.editor.reaches(now) ||
      read_only_) {
    return;
  }
  if (core_.editor.missing()) {
    change_ = set_change{table_.sets().confirmed(), {}, never};
    return core_.editor.prepare(now, true);
  }
  if (!core_.editor.trouble().empty()) return;
  set_change next{table_.sets().confirmed(), {}, never};
  const auto gone = table_.to_remove(now);
  if (!gone.empty()) {
    for (const node_id n : gone) next.target = without(std::move(next.target), n);
  } else if (announced_ && !handover_.active() && !core_.editor.slow()) {
    const auto fresh = table_.to_add(now);
    if (!fresh) return;
    next.added = fresh->node;
    next.until = now + joining_ms;
    next.target.push_back(*fresh);
    // Required from now on, so that what is committed waits for it, and it can catch up.
    table_.sets().perhaps(next.target);
  } else {
    return;
  }
  change_ = std::move(next);
  core_.editor.prepare(now);
}

void leader_side::give_up_change(time_ms now) {
  next_change_at_ = now + pause_ms;
  table_.sets().refuse(change_->target);
  change_.reset();
  core_.editor.abandon();
}

void leader_side::send_change(time_ms now) {
  if (!core_.editor.ready() || !change_) return;
  if (change_->added != node_id()) {
    if (now >= change_->until || !table_.fits(change_->added, now)) return give_up_change(now);
    if (!table_.caught_up(change_->added)) return;
  }
  table_.sets().perhaps(change_->target);
  register_value v;
  v.epoch = epoch_;
  v.leader = core_.self();
  v.insync = change_->target;
  core_.editor.send(std::move(v));
}

// ---- time ----

void leader_side::timer(time_ms now) {
  if (ended_) return;
  table_.tick(now);
  if (!read_only_) core_.set_problem(core_.editor.trouble());
  look_at_register(now);
  if (ended_) return;
  plan_change(now);
  send_change(now);
  if (handover_.timer(now)) {
    flush_handover();
    if (exiting_) core_.act(member_action::may_exit{});
  }
  settle(now);
  watch_service(now);
}

// A leader that cannot serve because a standby is gone, and cannot change its set because it does
// not reach the register, would stall for ever while another standby listens to it.
void leader_side::watch_service(time_ms now) {
  if (may_show(now)) unserved_since_ = never;
  if (!may_show(now) && unserved_since_ == never) unserved_since_ = now;
  if (handover_.active() || now < may_from_) return;
  if (unserved_since_ != never && now - unserved_since_ > resign_ms && !core_.editor.reaches(now)) {
    const auto to = table_.successor({}, now);
    if (to) handover_.begin_release(*to, now);
    unserved_since_ = now;  // not again at once
  } else if (core_.log.reluctant && announced_ && now >= next_reluctant_at_) {
    next_reluctant_at_ = now + reluctant_pause_ms;
    const auto to = table_.successor({}, now);
    if (to && !table_.find(*to)->reluctant && may_show(now)) handover_.begin(*to, now);
  }
  flush_handover();
}

// ---- wishes ----

result<void> leader_side::hand_over(node_id to, time_ms now) {
  if (ended_ || handover_.active() || !may_show(now)) {
    return failure(errc::busy, "the leader is not able to hand over now");
  }
  const auto chosen = table_.successor(to, now);
  if (!chosen) {
    return failure(errc::unavailable, to == node_id()
                                          ? "no member of the in-sync set is able to take over"
                                          : to_string(to) + " is not able to take over");
  }
  handover_.begin(*chosen, now);
  flush_handover();
  return {};
}

result<void> leader_side::keep_out(node_id node, bool out) {
  standby_record* s = table_.find(node);
  if (s == nullptr) return failure(errc::unknown_node, to_string(node) + " is no standby");
  s->kept_out = out;
  return {};
}

void leader_side::shutdown(time_ms now) {
  exiting_ = true;
  if (handover_.active()) return;
  if (!hand_over({}, now)) core_.act(member_action::may_exit{});
}

void leader_side::requests_held(txid last, time_ms now) {
  handover_.requests_held(last);
  settle(now);
}

void leader_side::serving_stopped(time_ms now) {
  if (!ended_ && handover_.serving_stopped(now)) table_.book().void_all();
}

void leader_side::flush_handover() {
  for (auto& a : handover_.take_actions()) core_.act(std::move(a));
}

// ---- the end ----

void leader_side::replaced(const member_address& by) {
  const bool expected = handover_.released();
  step_down(expected ? step_down_reason::handed_over : step_down_reason::replaced,
            "epoch " + std::to_string(core_.heard.value) + " is known",
            by.address.empty() && expected ? address_of(handover_.to()) : by);
}

void leader_side::lost(const std::string& why) {
  if (ended_ || read_only_) return;
  core_.set_problem("history is lost: " + why);
  if (table_.sets().required().empty()) {
    read_only_ = true;
    core_.act(member_action::serve_reads_only{why});
    return;
  }
  core_.act(member_action::remember_loss{true});
  step_down(step_down_reason::lost_history, why);
}

void leader_side::step_down(step_down_reason reason, std::string why, const member_address& hint) {
  if (ended_) return;
  ended_ = true;
  core_.act(member_action::step_down{reason, std::move(why), hint});
}

member_address leader_side::address_of(node_id node) const {
  const standby_record* s = table_.find(node);
  return s == nullptr ? member_address{node, {}} : s->who;
}

}  // namespace ssdfs::cluster
