// The decision about a volume that is open, or sealed and on its way to be closed.
#include "cluster/volume_planner.hpp"

#include <algorithm>

namespace ssdfs::cluster::life {

void planner::plan_open() {
  out_.condition = volume_condition::opening;
  seal_reason why = reason_to_seal();
  bool all_open = !members_.empty();
  if (why == seal_reason::none) {
    for (const replica_view& r : members_) {
      const member_step step = open_member(r);
      if (step == member_step::failed) why = seal_reason::member_failed;
      if (step != member_step::open) all_open = false;
    }
  }
  if (why != seal_reason::none) {
    out_.orders.clear();
    out_.step = {.what = kind::seal, .reason = why};
    return;
  }
  if (!all_open) return;
  out_.condition = volume_condition::open;
  out_.ready = room() >= settings_.min_grant_bytes;
}

planner::member_step planner::open_member(const replica_view& r) {
  if (!r.usable) return member_step::on_its_way;  // silent for too long was judged before
  if (!r.report) {
    // Before the first grant an empty replica is made, again and again; later it was lost.
    if (in_.was_ready || info_.next_key > 1 || info_.generation > 1) return member_step::failed;
    want(r, order_kind::create, info_.generation);
    return member_step::on_its_way;
  }
  const replica_report& report = *r.report;
  if (report.state == replica_state::open && report.generation == info_.generation) {
    return member_step::open;
  }
  const bool reopenable = report.state == replica_state::sealed &&
                          report.generation < info_.generation && !in_.was_ready &&
                          same_content(info_, report);
  if (!reopenable) return member_step::failed;
  want(r, order_kind::reopen, info_.generation);
  return member_step::on_its_way;
}

seal_reason planner::reason_to_seal() {
  if (in_.seal_requested) return seal_reason::operator_request;
  if (in_.opened_before_start) return seal_reason::master_started;
  if (in_.chain_failed) return seal_reason::member_failed;
  if (surplus_parts()) return seal_reason::operator_request;
  for (const replica_view& r : members_) {
    if (r.parting) return seal_reason::operator_request;
    if (r.state != node_state::live) return seal_reason::member_failed;
    // One that is about to end is sealed while its member can still do so: then all copies end at
    // the same place, and nothing has to be compared when it is back.
    if (r.stopping || (r.restarted && in_.was_ready)) return seal_reason::member_restarted;
  }
  if (info_.members.size() < info_.replication && in_.more_members_possible) {
    return seal_reason::degraded;
  }
  // The last grants of a full volume are let be used up before.
  if (room() < settings_.min_grant_bytes && !in_.grants_outstanding) return seal_reason::full;
  if (in_.reclaim_due || has_surplus()) {
    const std::int64_t wait = settings_.reclaim_seal_age_ms - in_.open_for_ms;
    if (wait <= 0) return seal_reason::reclaim;
    out_.again_in_ms = wait;
  }
  return seal_reason::none;
}

bool planner::has_surplus() const {
  return std::any_of(outsiders_.begin(), outsiders_.end(),
                     [](const auto& r) { return r.usable && r.report; });
}

bool planner::surplus_parts() const {
  return std::any_of(outsiders_.begin(), outsiders_.end(),
                     [](const auto& r) { return r.parting && r.usable && r.report; });
}

std::uint64_t planner::room() const {
  const std::uint64_t taken = taken_bytes(info_);
  return taken >= settings_.volume_size ? 0 : settings_.volume_size - taken;
}

// ---- sealed ---------------------------------------------------------------------------------

void planner::plan_sealed() {
  out_.condition = volume_condition::sealed_for_members;
  if (overtake()) return;
  bool all_acked = !members_.empty();
  for (const replica_view& r : members_) {
    if (acked(r)) continue;
    all_acked = false;
    seal_member(r);
  }
  if (!all_acked) {
    take_off_lost_members();
    if (out_.holders == 0) out_.condition = volume_condition::sealed_without_copy;
    return;
  }
  if (in_.grants_outstanding) {
    out_.condition = volume_condition::sealed_for_grants;
    return;
  }
  out_.step = {.what = kind::close, .length = longest()};
}

void planner::seal_member(const replica_view& r) {
  if (!r.usable) return;
  if (!r.report) {
    if (nothing_live()) want(r, order_kind::create, info_.generation);
    return;
  }
  // A replica is sealed as what it is; then it learns the volume's generation.
  if (r.report->state == replica_state::open) want(r, order_kind::seal, r.report->generation);
  if (r.report->state == replica_state::sealed) {
    want(r, order_kind::set_generation, info_.generation);
  }
}

bool planner::lost(const replica_view& r) const {
  if (r.state == node_state::dead) return !acked(r);
  if (!r.usable) return false;
  if (!r.report) return !nothing_live();
  return r.report->state == replica_state::damaged;
}

void planner::take_off_lost_members() {
  if (!repair_allowed()) return;
  std::vector<node_id> stay;
  bool one_acked = false;
  for (const replica_view& r : members_) {
    if (lost(r)) continue;
    stay.push_back(r.node);
    one_acked = one_acked || acked(r);
  }
  if (stay.size() == members_.size()) return;
  if (one_acked) {
    change_members(std::move(stay));
  } else if (stay.empty()) {
    adopt_outsiders();
  }
}

void planner::adopt_outsiders() {
  generation_t newest = 0;
  for (const replica_view& r : outsiders_) {
    if (adoptable(r)) newest = std::max(newest, r.report->generation);
  }
  std::vector<node_id> members;
  for (const replica_view& r : outsiders_) {
    if (adoptable(r) && r.report->generation == newest) members.push_back(r.node);
  }
  if (members.empty()) return;
  change_members(std::move(members));
}

bool planner::adoptable(const replica_view& r) {
  return r.usable && r.report && !r.drop_ordered && readable(*r.report);
}

}  // namespace ssdfs::cluster::life
