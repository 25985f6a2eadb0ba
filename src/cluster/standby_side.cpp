#include "cluster/standby_side.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::cluster {
namespace {

constexpr std::int64_t retry_promise_ms = 100;
constexpr std::int64_t brisk_ms = 2'000;

member_timing sane(member_timing t) {
  t.lease_ms = std::clamp(t.lease_ms, 50U, max_lease_ms);
  t.failover_after_ms = std::clamp(t.failover_after_ms, 100U, 600'000U);
  t.sync_timeout_ms = std::clamp(t.sync_timeout_ms, 100U, 600'000U);
  return t;
}

}  // namespace

standby_side::standby_side(member_core& core, time_ms now)
    : core_(core), keeper_(now, core.timing.lease_ms), takeover_(core) {
  core_.lost_history = core_.config.lost_history;
  watch_.tick(now);
}

// ---- time ----

void standby_side::timer(time_ms now) {
  if (watch_.tick(now)) brisk_until_ = now + brisk_ms;
  const bool nobody = nobody_leads();
  const bool brisk = nobody || now < brisk_until_;
  core_.editor.timer(now, brisk ? brisk_poll_ms : register_editor::poll_ms, nobody);
  core_.set_problem(core_.editor.trouble());
  look_at_register();
  create_register(now);
  const bool named = core_.editor.view() && core_.editor.view()->value.leader == core_.self();
  takeover_.step(may_lead(now) && (nobody || takeover_.forced()),
                 named || released_ || takeover_.forced(), now);
  core_.move_register_actions();
  if (now >= next_promise_at_) send_promise(now);
  if (leave_until_ != never && now >= leave_until_) {
    leave_until_ = never;
    core_.act(member_action::may_exit{});
  }
}

bool standby_side::nobody_leads() const {
  const auto& view = core_.editor.view();
  return released_ || watch_.dead() || watch_.silent_ms() >= core_.timing.failover_after_ms ||
         (view && view->value.leader == core_.self() && view->value.epoch >= core_.heard);
}

bool standby_side::may_lead(time_ms now) const {
  const auto& view = core_.editor.view();
  if (!core_.config.eligible || leave_until_ != never || now < duplicate_until_ || !view ||
      core_.editor.missing() || !core_.editor.trouble().empty()) {
    return false;
  }
  // A register that shows less than was heard is stale, or was put back to an earlier state.
  if (view->value.epoch < core_.heard) return false;
  if (takeover_.forced()) return true;
  return !core_.lost_history && names(view->value.insync, core_.self()) &&
         core_.log.committed <= core_.log.durable.last;
}

void standby_side::look_at_register() {
  const auto& view = core_.editor.view();
  if (!view || core_.editor.missing() || !core_.editor.trouble().empty()) return;
  const register_value& v = view->value;
  for (const auto& m : v.insync) core_.know(m);
  if (v.epoch < core_.heard) {
    core_.set_problem("the register shows epoch " + std::to_string(v.epoch.value) + ", epoch " +
                      std::to_string(core_.heard.value) + " is known");
    return;
  }
  if (v.epoch == aimed_epoch_ || v.leader == core_.self()) return;
  aimed_epoch_ = v.epoch;
  core_.hear(v.epoch);
  for (const auto& m : v.insync) {
    if (m.node == v.leader) aim(m);
  }
}

void standby_side::aim(const member_address& leader) {
  leader_ = leader;
  target_ = leader.address;
  target_failures_ = 0;
  next_promise_at_ = 0;
  released_ = false;
  watch_.restart();
}

// ---- the register of a new cluster ----

void standby_side::create_register(time_ms now) {
  if (!core_.config.new_cluster || !core_.log.reigns.empty()) return;
  if (creating_ && core_.editor.ready()) {
    register_value v;
    v.epoch = epoch_t(promotion_step);
    v.leader = core_.self();
    v.insync = {core_.config.self};
    core_.editor.send(std::move(v));
  }
  creating_ = creating_ && core_.editor.busy();
  if (core_.editor.missing() && !core_.editor.busy()) {
    creating_ = true;
    core_.editor.prepare(now, true);
  }
}

// ---- promises ----

void standby_side::next_target() {
  std::vector<std::string> all;
  const auto add = [&](const std::string& address) {
    if (!address.empty() && address != core_.config.self.address &&
        std::find(all.begin(), all.end(), address) == all.end()) {
      all.push_back(address);
    }
  };
  if (leader_) add(leader_->address);
  for (const auto& m : core_.known) add(m.address);
  for (const auto& s : core_.config.seeds) add(s);
  target_failures_ = 0;
  target_ = all.empty() ? std::string() : all[rotation_++ % all.size()];
}

void standby_side::send_promise(time_ms now) {
  if (target_.empty() || target_failures_ >= 2) next_target();
  // By the plan, not by the tick that it came with.
  const std::int64_t every = core_.timing.lease_ms / 5;
  next_promise_at_ = std::max(now + every / 2, next_promise_at_ + every);
  if (target_.empty()) return;
  const bool to_leader = leader_ && leader_->address == target_;
  promise_request q;
  q.from = core_.config.self;
  q.process = core_.config.process;
  q.heard = core_.heard;
  q.lease_ms = core_.timing.lease_ms;
  if (to_leader && following_) q.echo = keeper_.echo(now, q.lease_ms);
  q.durable = core_.log.durable.last;
  q.committed = core_.log.committed;
  q.eligible = core_.config.eligible && !core_.lost_history;
  q.leaving = leave_until_ != never;
  q.reluctant = core_.log.reluctant;
  q.reaches_register = core_.editor.reaches(now);
  if (unanswered_.size() >= max_unanswered) unanswered_.erase(unanswered_.begin());
  const std::uint64_t id = next_id_++;
  unanswered_[id] = {now, target_, to_leader};
  core_.act(member_action::send_promise{id, target_, std::move(q)});
}

void standby_side::promise_failed(std::uint64_t id, promise_outcome what, time_ms now) {
  const auto at = unanswered_.find(id);
  if (at == unanswered_.end()) return;
  const sent_promise sent = at->second;
  unanswered_.erase(at);
  if (sent.address != target_) return;
  ++target_failures_;
  if (what == promise_outcome::silent) return;
  if (sent.to_leader) {
    if (what == promise_outcome::refused) watch_.refused();
    brisk_until_ = now + brisk_ms;
  }
  next_promise_at_ = std::min(next_promise_at_, now + retry_promise_ms);
}

void standby_side::promise_answered(std::uint64_t id, const promise_reply& reply, time_ms now) {
  const auto at = unanswered_.find(id);
  if (at == unanswered_.end()) return;
  const sent_promise sent = at->second;
  unanswered_.erase(at);
  if (id < answered_id_) return;  // overtaken
  answered_id_ = id;
  switch (reply.answer) {
    case promise_answer::leads: return follow(reply, sent, now);
    case promise_answer::released:
      if (reply.epoch == core_.heard && keeper_.released(reply.given)) released_ = true;
      return;
    case promise_answer::duplicate:
      duplicate_until_ = now + std::max<std::int64_t>(
                                   duplicate_ms, 2 * std::int64_t{core_.timing.failover_after_ms});
      core_.set_problem("another process uses the identity of this member");
      return;
    case promise_answer::not_leading: break;
  }
  core_.hear(reply.epoch);
  if (sent.to_leader) watch_.refused();
  if (sent.to_leader) brisk_until_ = now + brisk_ms;
  if (sent.address != target_) return;
  ++target_failures_;
  if (!reply.hint.address.empty() && reply.hint.node != core_.self()) {
    target_ = reply.hint.address;
    target_failures_ = 1;  // one try
  }
  next_promise_at_ = std::min(next_promise_at_, now + retry_promise_ms);
}

void standby_side::follow(const promise_reply& reply, const sent_promise& sent, time_ms now) {
  if (reply.epoch < core_.heard) {  // it was replaced, and learns that from the next promise
    if (sent.address == target_) ++target_failures_;
    return;
  }
  core_.hear(reply.epoch);
  leader_ = member_address{reply.node, sent.address};
  target_ = sent.address;
  target_failures_ = 0;
  duplicate_until_ = 0;
  if (!following_ || reply.epoch != leader_epoch_ || reply.process != leader_process_) {
    following_ = true;
    leader_epoch_ = reply.epoch;
    leader_process_ = reply.process;
    aimed_epoch_ = std::max(aimed_epoch_, reply.epoch);
    released_ = false;
    watch_.restart();
    fresh_.restart();
    core_.act(member_action::follow{reply.epoch, *leader_});
  }
  core_.timing = sane(reply.timing);
  for (const auto& m : reply.members) core_.know(m);
  in_sync_ = reply.in_sync;
  if (reply.serving) fresh_.answered(sent.at, reply.committed);
  fresh_.applied(core_.log.applied);
  if (keeper_.got(reply.given)) {
    watch_.stamped();
    released_ = false;
  }
  if (reply.again_ms != 0) {
    next_promise_at_ = std::min(next_promise_at_, now + reply.again_ms);
    brisk_until_ = now + brisk_ms;
  }
  if (leave_until_ != never && !in_sync_) {
    leave_until_ = never;
    core_.act(member_action::may_exit{});
  }
}

promise_reply standby_side::promised(const promise_request& q) const {
  promise_reply r;
  r.epoch = core_.heard;
  r.node = core_.self();
  r.process = core_.config.process;
  if (leader_ && leader_->node != q.from.node) r.hint = *leader_;
  return r;
}

// ---- the log ----

log_history standby_side::history() const {
  log_history h;
  h.node = core_.self();
  h.process = core_.config.process;
  h.heard = core_.heard;
  h.durable = core_.log.durable;
  h.committed = core_.log.committed;
  const auto& all = core_.log.reigns;
  const std::size_t first = all.size() > max_history_reigns ? all.size() - max_history_reigns : 0;
  h.reigns.assign(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
  return h;
}

void standby_side::history_answered(const history_answer& answer) {
  if (answer.epoch != core_.heard) return;
  switch (answer.verdict) {
    case history_verdict::cut:
      if (answer.common < core_.log.committed && !answer.loss_accepted) {
        core_.set_problem("the leader wants committed records to be given up");
        return;
      }
      return core_.act(member_action::cut_log{answer.common});
    case history_verdict::image: return core_.act(member_action::fetch_image{});
    case history_verdict::follow:
    case history_verdict::wait:
    case history_verdict::refused: return;
  }
}

void standby_side::matched() {
  if (!core_.lost_history) return;
  core_.lost_history = false;
  core_.act(member_action::remember_loss{false});
}

void standby_side::leave(time_ms now) {
  if (leave_until_ == never) leave_until_ = now + leave_ms;
  next_promise_at_ = 0;
}

}  // namespace ssdfs::cluster
