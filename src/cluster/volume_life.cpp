#include "cluster/volume_life.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace ssdfs::cluster {

namespace {

using kind = log_step::kind;

/// A volume is worth reopening when at least this part of it is free.
constexpr std::uint64_t reopen_room_divisor = 16;

bool same_content(const volume_info& info, const replica_report& report) noexcept {
  return report.removal_number == info.removal_number && report.digest == info.digest &&
         report.bad_records == 0;
}

/// Walks through one volume's situation; the decision grows in `out`.
class planner {
 public:
  planner(const volume_situation& situation, const life_settings& settings)
      : in_(situation), settings_(settings), info_(*situation.info) {
    const std::size_t members = std::min(info_.members.size(), in_.replicas.size());
    members_ = in_.replicas.first(members);
    outsiders_ = in_.replicas.subspan(members);
  }

  volume_decision run() {
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

 private:
  // ---- shared ---------------------------------------------------------------------------------

  void count_copies() {
    for (const replica_view& r : in_.replicas) {
      if (r.report && r.state == node_state::live) ++out_.holders;
    }
    for (const replica_view& r : members_) {
      if (!r.report || r.state != node_state::live) continue;
      if (is_complete(info_, *r.report)) ++out_.complete;
      if (good(*r.report)) ++out_.good;
    }
  }

  [[nodiscard]] static bool readable(const replica_report& report) {
    return report.state == replica_state::open || report.state == replica_state::sealed;
  }

  [[nodiscard]] bool good(const replica_report& report) const {
    if (!readable(report) || report.bad_records != 0) return false;
    if (info_.state != volume_state::closed) return true;
    // Digests say something only at equal removal numbers.
    return report.removal_number != info_.removal_number || report.digest == info_.digest;
  }

  [[nodiscard]] bool acked(const replica_view& r) const {
    return r.report && r.report->state == replica_state::sealed &&
           r.report->generation == info_.generation;
  }

  /// No chunk was ever committed and none can be: the contents of its replicas do not matter.
  [[nodiscard]] bool nothing_live() const {
    return info_.digest.count == 0 && !in_.grants_outstanding;
  }

  [[nodiscard]] bool repair_allowed() const { return !in_.safe_mode && !in_.mass_silence; }

  void want(const replica_view& r, order_kind what, generation_t generation,
            std::uint64_t removal_number = 0) {
    out_.orders.push_back({.node = r.node,
                           .kind = what,
                           .generation = generation,
                           .removal_number = removal_number,
                           .sources = {}});
  }

  /// Who can give chunks to `to`: complete copies first, then every sealed replica (their union).
  [[nodiscard]] std::vector<node_id> sources_for(node_id to) const {
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

  [[nodiscard]] bool has_complete_source(node_id to) const {
    return std::any_of(in_.replicas.begin(), in_.replicas.end(), [&](const replica_view& r) {
      return r.node != to && r.usable && r.report && !r.drop_ordered &&
             is_complete(info_, *r.report);
    });
  }

  void want_from_others(const replica_view& r, order_kind what, generation_t generation) {
    want(r, what, generation);
    out_.orders.back().sources = sources_for(r.node);
  }

  void change_members(std::vector<node_id> members) {
    out_.step = {
        .what = kind::members, .generation = info_.generation + 1, .members = std::move(members)};
  }

  /// A replica with a generation that the log never gave (history was lost, a replaced master went
  /// on for a while, or a disk was exchanged): the volume moves on, one by one, until it has caught
  /// up. What the replica holds is compared like any other once the volume is closed.
  [[nodiscard]] bool overtake() {
    const bool ahead = std::any_of(in_.replicas.begin(), in_.replicas.end(), [&](const auto& r) {
      return r.report && r.report->generation > info_.generation;
    });
    if (ahead) change_members(info_.members);
    return ahead;
  }

  [[nodiscard]] std::uint64_t longest() const {
    std::uint64_t length = 0;
    for (const replica_view& r : members_) {
      if (r.report) length = std::max(length, r.report->length);
    }
    return length;
  }

  // ---- open -----------------------------------------------------------------------------------

  void plan_open() {
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

  enum class member_step { open, on_its_way, failed };

  /// What a member of an open volume needs, if that can still be brought to open.
  member_step open_member(const replica_view& r) {
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

  seal_reason reason_to_seal() {
    if (in_.seal_requested) return seal_reason::operator_request;
    if (in_.opened_before_start) return seal_reason::master_started;
    if (in_.chain_failed) return seal_reason::member_failed;
    if (surplus_parts()) return seal_reason::operator_request;
    for (const replica_view& r : members_) {
      if (r.parting) return seal_reason::operator_request;
      if (r.state != node_state::live) return seal_reason::member_failed;
      if (r.restarted && in_.was_ready) return seal_reason::member_restarted;
    }
    if (info_.members.size() < info_.replication && in_.more_members_possible) {
      return seal_reason::degraded;
    }
    // The last grants of a full volume are let be used up before.
    if (room() < settings_.min_grant_bytes && !in_.grants_outstanding) return seal_reason::full;
    if (in_.reclaim_due) {
      const std::int64_t wait = settings_.reclaim_seal_age_ms - in_.open_for_ms;
      if (wait <= 0) return seal_reason::reclaim;
      out_.again_in_ms = wait;
    }
    return seal_reason::none;
  }

  /// A node that shall be empty has a surplus copy, which can be dropped only when this is closed.
  [[nodiscard]] bool surplus_parts() const {
    return std::any_of(outsiders_.begin(), outsiders_.end(),
                       [](const auto& r) { return r.parting && r.usable && r.report; });
  }

  [[nodiscard]] std::uint64_t room() const {
    const std::uint64_t taken = taken_bytes(info_);
    return taken >= settings_.volume_size ? 0 : settings_.volume_size - taken;
  }

  // ---- sealed ---------------------------------------------------------------------------------

  void plan_sealed() {
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

  void seal_member(const replica_view& r) {
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

  /// True if no seal can be had from the member any more.
  [[nodiscard]] bool lost(const replica_view& r) const {
    if (r.state == node_state::dead) return !acked(r);
    if (!r.usable) return false;
    if (!r.report) return !nothing_live();
    return r.report->state == replica_state::damaged;
  }

  void take_off_lost_members() {
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

  /// No member has a replica, but others do (taken off earlier): the newest of them are members
  /// again. What they lack shows when the volume is closed and compared.
  void adopt_outsiders() {
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

  [[nodiscard]] static bool adoptable(const replica_view& r) {
    return r.usable && r.report && !r.drop_ordered && readable(*r.report);
  }

  // ---- closed ---------------------------------------------------------------------------------

  void plan_closed() {
    out_.condition = volume_condition::healthy;
    if (overtake()) return;
    bool copying = false;
    for (const replica_view& r : members_) restore_member(r, copying);
    if (out_.holders == 0 && info_.digest.count > 0) worsen(volume_condition::missing);
    if (info_.members.size() < info_.replication) worsen(volume_condition::degraded);
    take_off_dead_members();
    for (const replica_view& r : outsiders_) plan_outsider(r, copying);
    copy_to_target(copying);
    if (out_.step.what == kind::none && out_.orders.empty()) plan_upkeep();
  }

  /// Keeps the gravest name: the later in the enumeration.
  void worsen(volume_condition condition) {
    if (condition > out_.condition) out_.condition = condition;
  }

  /// Orders what brings a member of a closed volume to a complete copy.
  void restore_member(const replica_view& r, bool& copying) {
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

  /// One copy of a volume is made at a time.
  void copy_to(const replica_view& r, bool& copying) {
    if (copying || !repair_allowed() || !has_complete_source(r.node)) return;
    copying = true;
    want_from_others(r, order_kind::copy, info_.generation);
  }

  /// Brings the content of a sealed replica to what the namespace says.
  void compare(const replica_view& r) {
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

  /// A replica on a node that is no member: taken back if a copy is lacking, else dropped.
  void plan_outsider(const replica_view& r, bool& copying) {
    if (!r.usable || !r.report || in_.safe_mode) return;
    const replica_report& report = *r.report;
    if (arrives(r)) {
      plan_arrival(r, copying);
      return;
    }
    if (out_.complete >= info_.replication) {
      want(r, order_kind::drop, report.generation);
      return;
    }
    if (r.drop_ordered || in_.mass_silence || !lacks_members()) return;
    switch (report.state) {
      case replica_state::open: want(r, order_kind::seal, report.generation); break;
      case replica_state::recovering: copy_to(r, copying); break;
      case replica_state::damaged: break;
      case replica_state::sealed:
        if (same_content(info_, report)) {
          take_in(r.node);
        } else {
          compare(r);
        }
        break;
    }
  }

  [[nodiscard]] bool arrives(const replica_view& r) const {
    return in_.move_from && in_.repair_target == r.node && !lacks_members() &&
           std::find(info_.members.begin(), info_.members.end(), *in_.move_from) !=
               info_.members.end();
  }

  /// What has been copied takes the place of the member that goes: the same number of complete
  /// copies before and after.
  void plan_arrival(const replica_view& r, bool& copying) {
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

  [[nodiscard]] bool lacks_members() const { return info_.members.size() < info_.replication; }

  void take_in(node_id node) {
    if (out_.step.what != kind::none) return;  // one change of members at a time
    std::vector<node_id> members = info_.members;
    members.push_back(node);
    change_members(std::move(members));
  }

  /// A dead member is given up when the volume is safe without it. Should its node come back, the
  /// replica is compared, and taken in again if it is still needed.
  void take_off_dead_members() {
    if (!repair_allowed() || out_.complete == 0 || out_.step.what != kind::none) return;
    std::vector<node_id> stay;
    for (const replica_view& r : members_) {
      if (r.state != node_state::dead) stay.push_back(r.node);
    }
    if (stay.size() < members_.size()) change_members(std::move(stay));
  }

  void copy_to_target(bool& copying) {
    if (!in_.repair_target || (!lacks_members() && !in_.move_from)) return;
    const auto at = std::find_if(in_.replicas.begin(), in_.replicas.end(),
                                 [&](const auto& r) { return r.node == *in_.repair_target; });
    if (at != in_.replicas.end() && at->usable && !at->report) copy_to(*at, copying);
  }

  /// A whole volume: compact it, or open it again.
  void plan_upkeep() {
    const bool whole = std::all_of(members_.begin(), members_.end(), [&](const replica_view& r) {
      return r.usable && r.report && is_complete(info_, *r.report);
    });
    if (!whole || members_.empty()) return;
    if (!in_.safe_mode && plan_compaction()) return;
    const bool wide = info_.members.size() >= info_.replication || !in_.more_members_possible;
    const std::uint64_t length = longest();
    const std::uint64_t room = length >= settings_.volume_size ? 0 : settings_.volume_size - length;
    const std::uint64_t needed =
        std::max(settings_.volume_size / reopen_room_divisor, settings_.min_grant_bytes);
    const bool stays =
        !in_.held_closed && !surplus_parts() &&
        std::none_of(members_.begin(), members_.end(), [](const auto& r) { return r.parting; });
    out_.reopenable =
        wide && stays && !in_.reclaim_due && !in_.busy && !in_.grants_outstanding && room >= needed;
    if (out_.reopenable && in_.wanted_open) {
      out_.step = {.what = kind::reopen, .generation = info_.generation + 1, .length = length};
    }
  }

  /// One replica at a time, the first in chain order that is worth it. True if there is one.
  [[nodiscard]] bool plan_compaction() {
    for (const replica_view& r : members_) {
      const replica_report& report = *r.report;
      if (report.dead_bytes < settings_.compact_min_bytes) continue;
      if (report.dead_bytes < report.length / 100 * settings_.compact_dead_percent) continue;
      want(r, order_kind::compact, info_.generation);
      return true;
    }
    return false;
  }

  const volume_situation& in_;
  const life_settings& settings_;
  const volume_info& info_;
  std::span<const replica_view> members_;
  std::span<const replica_view> outsiders_;
  volume_decision out_;
};

}  // namespace

std::string_view name_of(volume_condition condition) noexcept {
  switch (condition) {
    case volume_condition::open: return "open";
    case volume_condition::opening: return "opening";
    case volume_condition::waiting_for_log: return "waiting_for_log";
    case volume_condition::sealed_for_grants: return "sealed_for_grants";
    case volume_condition::sealed_for_members: return "sealed_for_members";
    case volume_condition::sealed_without_copy: return "sealed_without_copy";
    case volume_condition::healthy: return "healthy";
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
         report.generation == info.generation && same_content(info, report);
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
  if (!same_content(info, report)) return "differs from the namespace";
  return "complete";
}

volume_decision decide(const volume_situation& situation, const life_settings& settings) {
  SSDFS_ASSERT(situation.info != nullptr);
  return planner(situation, settings).run();
}

}  // namespace ssdfs::cluster
