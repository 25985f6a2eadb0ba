// The decision about a closed volume: its copies are made equal, as many as wanted, and it is
// opened again.
#include "cluster/volume_planner.hpp"

#include <algorithm>

namespace ssdfs::cluster::life {

void planner::plan_closed() {
  out_.condition = volume_condition::healthy;
  if (overtake()) return;
  bool copying = false;
  for (const replica_view& r : members_) restore_member(r, copying);
  if (out_.holders == 0 && info_.digest.count > 0) worsen(volume_condition::missing);
  if (in_.rack_shared) worsen(volume_condition::one_rack);
  if (info_.members.size() < info_.replication) worsen(volume_condition::degraded);
  take_off_dead_members();
  for (const replica_view& r : outsiders_) plan_outsider(r, copying);
  copy_to_target(copying);
  if (out_.step.what == kind::none && out_.orders.empty()) plan_upkeep();
}

void planner::worsen(volume_condition condition) {
  if (condition > out_.condition) out_.condition = condition;
}

void planner::restore_member(const replica_view& r, bool& copying) {
  if (!r.usable) {
    if (r.state != node_state::live || !r.report) worsen(volume_condition::member_silent);
    return;
  }
  if (!r.report || !readable(*r.report)) {
    worsen(volume_condition::member_silent);
    if (!r.report && nothing_live()) {
      want(r, order_kind::create, info_.generation);
    } else {
      copy_to(r, copying);
    }
    return;
  }
  const replica_report& report = *r.report;
  if (report.state == replica_state::open) {
    worsen(volume_condition::comparing);
    want(r, order_kind::seal, report.generation);
  } else if (report.generation < info_.generation) {
    worsen(volume_condition::comparing);
    want(r, order_kind::set_generation, info_.generation);
  } else if (!same_content(info_, report)) {
    compare(r);
  }
}

void planner::copy_to(const replica_view& r, bool& copying) {
  if (copying || !repair_allowed() || !has_complete_source(r.node)) return;
  copying = true;
  want_from_others(r, order_kind::copy, info_.generation);
}

void planner::compare(const replica_view& r) {
  const replica_report& report = *r.report;
  const bool behind = report.removal_number < info_.removal_number;
  worsen(behind ? volume_condition::removing : volume_condition::comparing);
  if (in_.safe_mode) return;
  const std::uint64_t next = report.removal_number + 1;
  if (behind && in_.first_pending_removal != 0 && in_.first_pending_removal <= next) {
    want(r, order_kind::remove_keys, report.generation, next);
  } else {
    want_from_others(r, order_kind::reconcile, report.generation);
  }
}

void planner::plan_outsider(const replica_view& r, bool& copying) {
  if (!r.usable || !r.report || in_.safe_mode) return;
  const replica_report& report = *r.report;
  if (arrives(r)) {
    plan_arrival(r, copying);
    return;
  }
  if (out_.complete >= info_.replication) {
    const bool may_have_lost = in_.lost_chunks != 0 && !r.drop_ordered &&
                               report.state == replica_state::sealed &&
                               !same_content(info_, report);
    if (may_have_lost) return compare(r);
    want(r, order_kind::drop, report.generation);
    return;
  }
  if (r.drop_ordered || in_.mass_silence) return;
  if (!lacks_members()) {
    // What no member has it may have, or be the last to say that it has not.
    if (out_.complete != 0) return;
    if (report.state == replica_state::open) {
      want(r, order_kind::seal, report.generation);
    } else if (report.state == replica_state::sealed && !same_content(info_, report)) {
      compare(r);
    }
    return;
  }
  switch (report.state) {
    case replica_state::open: want(r, order_kind::seal, report.generation); break;
    case replica_state::recovering: copy_to(r, copying); break;
    case replica_state::damaged:  // the copy takes its place, where no other node can have one
      if (in_.repair_target == r.node) copy_to(r, copying);
      break;
    case replica_state::sealed:
      if (same_content(info_, report)) {
        take_in(r.node);
      } else {
        compare(r);
      }
      break;
  }
}

bool planner::arrives(const replica_view& r) const {
  return in_.move_from && in_.repair_target == r.node && !lacks_members() &&
         std::find(info_.members.begin(), info_.members.end(), *in_.move_from) !=
             info_.members.end();
}

void planner::plan_arrival(const replica_view& r, bool& copying) {
  if (r.drop_ordered || in_.mass_silence) return;  // a drop of an earlier try: it will be gone
  switch (r.report->state) {
    case replica_state::open: want(r, order_kind::seal, r.report->generation); break;
    case replica_state::damaged:
    case replica_state::recovering: copy_to(r, copying); break;
    case replica_state::sealed:
      if (!same_content(info_, *r.report)) {
        compare(r);
      } else if (out_.step.what == kind::none) {
        std::vector<node_id> members = info_.members;
        std::replace(members.begin(), members.end(), *in_.move_from, r.node);
        change_members(std::move(members));
      }
      break;
  }
}

bool planner::lacks_members() const { return info_.members.size() < info_.replication; }

void planner::take_in(node_id node) {
  if (out_.step.what != kind::none) return;  // one change of members at a time
  std::vector<node_id> members = info_.members;
  members.push_back(node);
  change_members(std::move(members));
}

void planner::take_off_dead_members() {
  if (!repair_allowed() || out_.complete == 0 || out_.step.what != kind::none) return;
  std::vector<node_id> stay;
  for (const replica_view& r : members_) {
    if (r.state != node_state::dead) stay.push_back(r.node);
  }
  if (stay.size() < members_.size()) change_members(std::move(stay));
}

void planner::copy_to_target(bool& copying) {
  if (!in_.repair_target || (!lacks_members() && !in_.move_from)) return;
  const auto at = std::find_if(in_.replicas.begin(), in_.replicas.end(),
                               [&](const auto& r) { return r.node == *in_.repair_target; });
  if (at != in_.replicas.end() && at->usable && !at->report) copy_to(*at, copying);
}

void planner::plan_upkeep() {
  const bool whole = std::all_of(members_.begin(), members_.end(), [&](const replica_view& r) {
    return r.usable && r.report && is_complete(info_, *r.report);
  });
  if (!whole || members_.empty()) return;
  if (!in_.safe_mode && plan_compaction()) return;
  const bool wide = info_.members.size() >= info_.replication || !in_.more_members_possible;
  const std::uint64_t length = longest();
  const bool stays =
      !in_.held_closed && !in_.rack_shared && !surplus_parts() &&
      std::none_of(members_.begin(), members_.end(), [](const auto& r) { return r.parting; });
  out_.reopenable = wide && stays && !in_.reclaim_due && !in_.busy && !in_.grants_outstanding &&
                    settings_.has_reopen_room(length);
  if (out_.reopenable && in_.wanted_open) {
    out_.step = {.what = kind::reopen, .generation = info_.generation + 1, .length = length};
  }
}

bool planner::plan_compaction() {
  for (const replica_view& r : members_) {
    const replica_report& report = *r.report;
    if (report.dead_bytes < settings_.compact_min_bytes) continue;
    if (report.dead_bytes < report.length / 100 * settings_.compact_dead_percent) continue;
    want(r, order_kind::compact, info_.generation);
    return true;
  }
  return false;
}

}  // namespace ssdfs::cluster::life
