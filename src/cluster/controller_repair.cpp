// New copies for volumes that have fewer members than copies wanted: after a member was dead for
// long, lost its disk, or when there were too few nodes at first. Who copies what from whom is
// chosen here, for moves, too; the copy itself, and the change of members behind it, follow from
// the decision about the volume.
#include "cluster/controller_impl.hpp"

#include <algorithm>
#include <tuple>

namespace ssdfs::cluster {

namespace {

/// Volumes that get a target in one round at most.
constexpr std::size_t planned_per_round_max = 64;

}  // namespace

/// True if the volume is to be copied to a node that has nothing of it yet.
bool controller::impl::needs_target(volume_id id, const volume_record& record) const {
  const volume_info* info = state_.find(id);
  if (info == nullptr || info->state != volume_state::closed || record.complete == 0) return false;
  if (info->members.size() >= info->replication) return false;
  // A replica that exists somewhere is brought up to date rather than made anew.
  return std::none_of(record.replicas.begin(), record.replicas.end(), [&](const auto& r) {
    const node_view* node = registry_.find(r.node);
    return node != nullptr && node->usable() && !r.drop_ordered &&
           r.report.state != replica_state::damaged &&
           std::find(info->members.begin(), info->members.end(), r.node) == info->members.end();
  });
}

void controller::impl::end_repair(volume_id id, volume_record& record) {
  if (!record.repair_target) return;
  --ledger_.node(*record.repair_target).repairs_in;
  --ledger_.node(record.repair_source).repairs_out;
  record.repair_target.reset();
  record.move_from.reset();
  record.spreads = false;
  repairing_.erase(id);
  mark(id);
}

/// The complete member with the fewest streams; nil if all have as many as they may.
node_id controller::impl::choose_source(const volume_info& info, const volume_record& record) {
  node_id best;
  std::uint32_t least = settings_.copies_per_node;
  for (const reported_replica& r : record.replicas) {
    const node_view* node = registry_.find(r.node);
    const bool member =
        std::find(info.members.begin(), info.members.end(), r.node) != info.members.end();
    if (!member || node == nullptr || !node->usable() || !is_complete(info, r.report)) continue;
    if (ledger_.node(r.node).repairs_out >= least) continue;
    least = ledger_.node(r.node).repairs_out;
    best = r.node;
  }
  return best;
}

/// `leaves` is the member whose place the target takes: its rack is free then.
node_id controller::impl::choose_target(const volume_info& info, const volume_record& record,
                                        std::optional<node_id> leaves) {
  placement_wish wish;
  wish.replicas = 1;
  wish.min_free_bytes = info.length + settings_.life.min_grant_bytes;
  wish.exclude = info.members;
  wish.exclude.push_back(record.repair_avoid);
  std::vector<node_id> without_damaged = wish.exclude;
  for (const reported_replica& r : record.replicas) {
    wish.exclude.push_back(r.node);
    if (r.report.state != replica_state::damaged) without_damaged.push_back(r.node);
  }
  for (const node_id member : info.members) {
    const node_view* node = registry_.find(member);
    if (node == nullptr || leaves == member) continue;
    wish.used_racks.push_back(node->rack);
    if (!node->address.empty()) wish.used_hosts.emplace_back(host_of(node->address));
  }
  std::vector<placement_candidate> list = candidates();
  std::erase_if(list, [&](const placement_candidate& c) {
    return ledger_.node(c.node).repairs_in >= settings_.copies_per_node;
  });
  // Streams to a node count like volumes that are open there: they spread.
  for (placement_candidate& c : list) c.open_volumes += ledger_.node(c.node).repairs_in;
  std::vector<node_id> chosen = choose_members(list, wish, random_);
  if (chosen.empty()) {
    // In place of a damaged replica: with few nodes, no other may ever be free.
    wish.exclude = std::move(without_damaged);
    chosen = choose_members(list, wish, random_);
  }
  return chosen.empty() ? node_id{} : chosen.front();
}

/// True if a copy has begun.
bool controller::impl::begin_repair(volume_id id, volume_record& record,
                                    std::optional<node_id> move_from) {
  const volume_info& info = *state_.find(id);
  const node_id source = choose_source(info, record);
  if (source == node_id{}) return false;  // all streams are taken
  const node_id target = choose_target(info, record, move_from);
  if (target == node_id{}) {
    record.repair_avoid = {};  // better the node that failed before than none
    return false;
  }
  record.move_from = move_from;
  begin_copy(id, record, source, target);
  return true;
}

void controller::impl::begin_copy(volume_id id, volume_record& record, node_id source,
                                  node_id target) {
  record.repair_target = target;
  record.repair_source = source;
  ++ledger_.node(target).repairs_in;
  ++ledger_.node(source).repairs_out;
  repairing_.insert(id);
  mark(id);
}

bool controller::impl::is_over(volume_id id, const volume_record& record) const {
  const volume_info* info = state_.find(id);
  if (info == nullptr || info->state != volume_state::closed) return true;
  const node_view* target = registry_.find(*record.repair_target);
  if (target == nullptr || target->state != node_state::live || !target->stays() ||
      contains(info->members, target->node)) {
    return true;
  }
  if (!record.move_from) return info->members.size() >= info->replication;
  return !contains(info->members, *record.move_from) || !move_wanted(record);
}

void controller::impl::end_what_is_over() {
  const std::set<volume_id> running = repairing_;
  for (const volume_id id : running) {
    volume_record& record = ledger_.volume(id);
    const volume_info* info = state_.find(id);
    if (is_over(id, record)) {
      const bool arrived = info != nullptr && contains(info->members, *record.repair_target);
      copy_meter& meter = meter_of(record);
      if (arrived) {
        meter.finished_bytes += info->length;
        ++meter.finished_volumes;
      }
      end_repair(id, record);
      next_repair_ = 0;  // its streams are free for the next
    } else if (record.move_from && info->members.size() < info->replication) {
      record.move_from.reset();  // another member is gone: the copy is needed beside this one
      record.spreads = false;
      mark(id);
    }
  }
}

void controller::impl::plan_copies(time_ms now) {
  end_what_is_over();
  sample_copies(now);
  if (idle() || safe_ != safe::off || registry_.mass_silence() || now < next_repair_) return;
  next_repair_ = now + settings_.nodes.heartbeat_interval_ms;
  plan_repair();
  plan_moves(now);
}

void controller::impl::plan_repair() {
  using rank = std::tuple<std::uint32_t, std::size_t, volume_id>;  // the most endangered first
  std::vector<rank> waiting;
  for (const volume_id id : ledger_.narrow()) {
    const volume_record& record = ledger_.volume(id);
    if (record.repair_target || !needs_target(id, record)) continue;
    waiting.emplace_back(record.complete, record.members.size(), id);
  }
  const std::size_t most = std::min(waiting.size(), planned_per_round_max);
  std::partial_sort(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(most),
                    waiting.end());
  for (std::size_t i = 0; i < most; ++i) {
    const volume_id id = std::get<volume_id>(waiting[i]);
    (void)begin_repair(id, ledger_.volume(id));
  }
}

}  // namespace ssdfs::cluster
