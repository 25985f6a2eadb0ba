#include "cluster/volume_life.hpp"

#include "base/assert.hpp"
#include "cluster/volume_planner.hpp"

#include <algorithm>

namespace ssdfs::cluster {

namespace life {

bool same_content(const volume_info& info, const replica_report& report) noexcept {
  return report.removal_number == info.removal_number && report.digest == info.digest &&
         report.bad_records == 0;
}

planner::planner(const volume_situation& situation, const life_settings& settings)
    : in_(situation), settings_(settings), info_(*situation.info) {
  const std::size_t members = std::min(info_.members.size(), in_.replicas.size());
  members_ = in_.replicas.first(members);
  outsiders_ = in_.replicas.subspan(members);
}

volume_decision planner::run() {
  count_copies();
  if (!in_.life_committed) {
    out_.condition = volume_condition::waiting_for_log;
    return std::move(out_);
  }
  switch (info_.state) {
    case volume_state::open: plan_open(); break;
    case volume_state::sealed: plan_sealed(); break;
    case volume_state::closed: plan_closed(); break;
  }
  return std::move(out_);
}

void planner::count_copies() {
  for (const replica_view& r : in_.replicas) {
    if (r.report && r.state == node_state::live) ++out_.holders;
  }
  for (const replica_view& r : members_) {
    if (!r.report || r.state != node_state::live) continue;
    if (is_complete(info_, *r.report)) ++out_.complete;
    if (good(*r.report)) ++out_.good;
  }
}

bool planner::readable(const replica_report& report) {
  return report.state == replica_state::open || report.state == replica_state::sealed;
}

bool planner::good(const replica_report& report) const {
  if (!readable(report) || report.bad_records != 0) return false;
  if (info_.state != volume_state::closed) return true;
  // Digests say something only at equal removal numbers.
  return report.removal_number != info_.removal_number || report.digest == info_.digest;
}

bool planner::acked(const replica_view& r) const {
  return r.report && r.report->state == replica_state::sealed &&
         r.report->generation == info_.generation;
}

bool planner::nothing_live() const {
  return info_.digest.count <= in_.freed_chunks && !in_.grants_outstanding;
}

bool planner::repair_allowed() const { return !in_.safe_mode && !in_.mass_silence; }

void planner::want(const replica_view& r, order_kind what, generation_t generation,
                   std::uint64_t removal_number) {
  out_.orders.push_back({.node = r.node,
                         .kind = what,
                         .generation = generation,
                         .removal_number = removal_number,
                         .sources = {}});
}

std::vector<node_id> planner::sources_for(node_id to) const {
  std::vector<node_id> list;
  for (const bool complete : {true, false}) {
    for (const replica_view& r : in_.replicas) {
      if (r.node == to || !r.usable || !r.report || r.drop_ordered) continue;
      if (r.report->state != replica_state::sealed) continue;
      if (is_complete(info_, *r.report) == complete) list.push_back(r.node);
    }
  }
  return list;
}

bool planner::has_complete_source(node_id to) const {
  return std::any_of(in_.replicas.begin(), in_.replicas.end(), [&](const replica_view& r) {
    return r.node != to && r.usable && r.report && !r.drop_ordered && is_complete(info_, *r.report);
  });
}

void planner::want_from_others(const replica_view& r, order_kind what, generation_t generation) {
  want(r, what, generation);
  out_.orders.back().sources = sources_for(r.node);
}

void planner::change_members(std::vector<node_id> members) {
  out_.step = {
      .what = kind::members, .generation = info_.generation + 1, .members = std::move(members)};
}

bool planner::overtake() {
  const bool ahead = std::any_of(in_.replicas.begin(), in_.replicas.end(), [&](const auto& r) {
    return r.report && r.report->generation > info_.generation;
  });
  if (ahead) change_members(info_.members);
  return ahead;
}

std::uint64_t planner::longest() const {
  std::uint64_t length = 0;
  for (const replica_view& r : members_) {
    if (r.report) length = std::max(length, r.report->length);
  }
  return length;
}

}  // namespace life

std::string_view name_of(volume_condition condition) noexcept {
  switch (condition) {
    case volume_condition::open: return "open";
    case volume_condition::opening: return "opening";
    case volume_condition::waiting_for_log: return "waiting_for_log";
    case volume_condition::sealed_for_grants: return "sealed_for_grants";
    case volume_condition::sealed_for_members: return "sealed_for_members";
    case volume_condition::sealed_without_copy: return "sealed_without_copy";
    case volume_condition::healthy: return "healthy";
    case volume_condition::one_rack: return "one_rack";
    case volume_condition::degraded: return "degraded";
    case volume_condition::removing: return "removing";
    case volume_condition::comparing: return "comparing";
    case volume_condition::member_silent: return "member_silent";
    case volume_condition::missing: return "missing";
  }
  return "unknown";
}

bool is_complete(const volume_info& info, const replica_report& report) noexcept {
  return info.state == volume_state::closed && report.state == replica_state::sealed &&
         report.generation == info.generation && life::same_content(info, report);
}

std::string_view replica_standing(const volume_info& info, const replica_view& replica,
                                  bool member) noexcept {
  if (replica.state == node_state::dead) return "node dead";
  if (replica.state == node_state::stale) return "node stale";
  if (!replica.report) return replica.usable ? "no replica" : "not reported yet";
  const replica_report& report = *replica.report;
  if (report.state == replica_state::damaged) return "damaged";
  if (report.state == replica_state::recovering) return "recovering";
  if (!member) return replica.drop_ordered ? "surplus, being dropped" : "surplus";
  if (report.generation < info.generation) return "older generation";
  if (report.generation > info.generation) return "unknown generation";
  if (info.state == volume_state::open)
    return report.state == replica_state::open ? "open" : "sealed";
  if (report.state == replica_state::open) return "not sealed yet";
  if (info.state == volume_state::sealed) return "sealed";
  if (report.bad_records != 0) return "bad records";
  if (report.removal_number < info.removal_number) return "removing";
  if (!life::same_content(info, report)) return "differs from the namespace";
  return "complete";
}

volume_decision decide(const volume_situation& situation, const life_settings& settings) {
  SSDFS_ASSERT(situation.info != nullptr);
  return life::planner(situation, settings).run();
}

}  // namespace ssdfs::cluster
