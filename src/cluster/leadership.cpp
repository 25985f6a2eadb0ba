#include "cluster/leadership.hpp"

#include <utility>

namespace ssdfs::cluster {

leadership::leadership(leadership_config config, member_log log, time_ms now)
    : core_(std::move(config), std::move(log)),
      standby_(std::make_unique<standby_side>(core_, now)),
      last_tick_(now) {}

// After each event that may have decided something.
void leadership::after(time_ms now) {
  core_.move_register_actions();
  if (!standby_) return;
  const auto won = standby_->take_won();
  if (!won) return;
  const auto accepted = standby_->accepted();
  const time_ms may_from = standby_->promised_until();
  core_.act(member_action::follow{});
  core_.act(member_action::begin_reign{won->epoch, accepted});
  // From here on no echo leaves.
  standby_.reset();
  leader_ = std::make_unique<leader_side>(core_, *won, may_from, now);
  if (leaving_) leader_->shutdown(now);
}

// ---- the register ----

void leadership::register_read(std::uint64_t id, read_outcome what, register_version version,
                               std::string_view bytes, time_ms now) {
  core_.editor.read(id, what, version, bytes, now);
  timer(now);
}

void leadership::register_changed(std::uint64_t id, change_outcome what, time_ms now) {
  core_.editor.changed(id, what, now);
  timer(now);
}

void leadership::register_hint(time_ms now) {
  core_.editor.hint();
  timer(now);
}

// ---- as a standby ----

void leadership::promise_answered(std::uint64_t id, const promise_reply& reply, time_ms now) {
  if (standby_) standby_->promise_answered(id, reply, now);
  after(now);
}

void leadership::promise_failed(std::uint64_t id, promise_outcome what, time_ms now) {
  if (standby_) standby_->promise_failed(id, what, now);
  after(now);
}

void leadership::greeted(std::uint64_t id, greeting_outcome what, const member_greeting& told,
                         time_ms now) {
  if (standby_) standby_->greeted(id, what, told, now);
  after(now);
}

log_history leadership::history() const { return standby_ ? standby_->history() : log_history{}; }

void leadership::history_answered(const history_answer& answer, time_ms now) {
  if (standby_) standby_->history_answered(answer);
  after(now);
}

void leadership::log_matched(time_ms now) {
  if (standby_) standby_->matched();
  after(now);
}

// ---- requests of other members ----

promise_reply leadership::promised(const promise_request& q, std::uint64_t connection,
                                   time_ms now) {
  if (standby_) return standby_->promised(q);
  promise_reply r = leader_->promised(q, connection, now);
  after(now);
  return r;
}

member_greeting leadership::greet() const {
  return {core_.self(),           core_.config.process, core_.heard, leader_ && !leader_->ended(),
          core_.log.durable.last, core_.log.committed};
}

history_answer leadership::compare(const log_history& theirs, std::uint64_t connection,
                                   chain_check chain, time_ms now) {
  history_answer a;
  a.epoch = core_.heard;
  if (leader_) a = leader_->history(theirs, connection, chain, now);
  after(now);
  return a;
}

void leadership::standby_matched(node_id node, std::uint64_t connection, txid durable,
                                 time_ms now) {
  if (leader_) leader_->matched(node, connection, durable, now);
  after(now);
}

void leadership::standby_holds(node_id node, std::uint64_t connection, txid durable, time_ms now) {
  if (leader_) leader_->acknowledged(node, connection, durable, now);
  after(now);
}

void leadership::standby_closed(node_id node, std::uint64_t connection, time_ms now) {
  if (leader_) leader_->closed(node, connection, now);
  after(now);
}

// ---- the log ----

void leadership::log_is(member_log log, time_ms now) {
  core_.log = std::move(log);
  core_.hear(core_.log.durable.epoch);
  if (leader_) leader_->log_durable(now);
  if (standby_) standby_->log_changed();
  after(now);
}

void leadership::log_grew(const log_place& durable, txid committed, txid applied, time_ms now) {
  core_.log.durable = durable;
  core_.log.committed = std::max(core_.log.committed, committed);
  core_.log.applied = applied;
  if (leader_) leader_->log_durable(now);
  if (standby_) standby_->log_changed();
  after(now);
}

void leadership::alive(time_ms turned_at, time_ms unsynced_since) {
  if (leader_) leader_->alive(turned_at, unsynced_since);
}

// ---- wishes ----

result<void> leadership::hand_over(node_id to, time_ms now) {
  if (!leader_) return failure(errc::not_active, "this member does not lead");
  auto done = leader_->hand_over(to, now);
  after(now);
  return done;
}

void leadership::requests_held(txid last, time_ms now) {
  if (leader_) leader_->requests_held(last, now);
  after(now);
}

void leadership::serving_stopped(time_ms now) {
  if (leader_) leader_->serving_stopped(now);
  after(now);
}

result<void> leadership::keep_out(node_id node, bool out, time_ms now) {
  if (!leader_) return failure(errc::not_active, "this member does not lead");
  auto done = leader_->keep_out(node, out);
  after(now);
  return done;
}

result<void> leadership::force() {
  if (!standby_) return failure(errc::invalid_argument, "this member leads");
  standby_->force();
  return {};
}

void leadership::shutdown(time_ms now) {
  if (leaving_) return;
  leaving_ = true;
  if (standby_) standby_->leave(now);
  if (leader_) leader_->shutdown(now);
  after(now);
}

void leadership::timer(time_ms now) {
  const bool gap = now - last_tick_ > leader_watch::gap_ms;
  last_tick_ = now;
  if (leader_) {
    if (gap) leader_->paused(now);
    leader_->timer(now);
  } else {
    standby_->timer(now);
  }
  after(now);
}

// ---- out ----

std::vector<leadership_action> leadership::take_actions() {
  core_.move_register_actions();
  return std::exchange(core_.actions, {});
}

bool leadership::may_show(time_ms now) const { return leader_ && leader_->may_show(now); }

time_ms leadership::serve_until() const { return leader_ ? leader_->serve_until() : 0; }

std::optional<time_ms> leadership::stale_as_of() const {
  return standby_ ? standby_->as_of() : std::nullopt;
}

member_role leadership::role() const noexcept {
  if (standby_) return member_role::standby;
  if (leader_->ended()) return member_role::ended;
  if (leader_->changing_hands().active()) return member_role::handing_over;
  return leader_->serving() ? member_role::leader : member_role::taking_over;
}

leadership_report leadership::report(time_ms now) const {
  leadership_report r;
  r.role = role();
  r.epoch = leader_ ? leader_->epoch() : core_.heard;
  r.reaches_register = core_.editor.reaches(now);
  r.problem = core_.problem;
  if (standby_) {
    r.leader = standby_->leader();
    if (core_.editor.view()) r.insync = core_.editor.view()->value.insync;
    if (r.problem.empty()) r.problem = standby_->held_back();
    return r;
  }
  r.leader = core_.config.self;
  r.serving = leader_->may_show(now);
  r.insync = leader_->standbys().sets().confirmed();
  const standby_table& table = leader_->standbys();
  for (const auto& [node, standby] : table.all()) {
    r.standbys.push_back({standby.who, table.sets().required(node), standby.matched,
                          table.gate().held(node), table.book().until(node), standby.pace.slow(),
                          standby.welcome_at});
  }
  return r;
}

}  // namespace ssdfs::cluster
