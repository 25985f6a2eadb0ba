// Moves: volumes that leave a node which an operator wants to switch off, and volumes that make the
// nodes equally full. A move is a copy to a node that is no member, and a change of members that
// puts it in the place of the one that goes (volume_life.cpp); what is decided here is only which
// and when. Repairs go first: they take their streams before.
#include "cluster/controller_impl.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::cluster {

namespace {

/// Moves away from leaving nodes that begin in one round at most.
constexpr std::size_t begun_per_round_max = 64;
/// A planned move waits so long for its volume to be closed, or for a stream.
constexpr std::int64_t pending_ms = 60'000;
/// Moves planned ahead at least, however few nodes there are.
constexpr std::size_t planned_ahead_min = 4;
constexpr double rate_smoothing = 0.3;
/// Volumes with less than this part of a full one stay where they are.
constexpr std::uint64_t moved_divisor = 32;
constexpr const char* paused_by_operator = "paused by an operator";

}  // namespace

void copy_meter::sample(std::uint64_t done, time_ms now) {
  const std::int64_t passed = now - sampled_at;
  if (passed < 1'000) return;
  const std::uint64_t more = done > sampled_bytes ? done - sampled_bytes : 0;
  const double rate = static_cast<double>(more) * 1000 / static_cast<double>(passed);
  bytes_per_s += (rate - bytes_per_s) * rate_smoothing;
  if (bytes_per_s < 1) bytes_per_s = 0;
  sampled_bytes = done;
  sampled_at = now;
}

// ---- which may move -----------------------------------------------------------------------------

/// True if nothing else goes on with the volume.
bool controller::impl::may_move(volume_id id, const volume_record& record) const {
  const volume_info* info = state_.find(id);
  return info != nullptr && info->state == volume_state::closed && !record.repair_target &&
         record.ticket == 0 && !record.wanted_open && record.life_changed <= committed_ &&
         record.complete > 0 && info->members.size() >= info->replication && !book_.busy(id);
}

bool controller::impl::is_leaving(node_id node) const {
  const node_view* view = registry_.find(node);
  return view != nullptr && view->wish == node_wish::leaving;
}

/// The reason for which the move began still holds.
bool controller::impl::move_wanted(const volume_record& record) const {
  if (!record.move_from) return false;
  if (is_leaving(*record.move_from) || record.spreads) return true;
  return rebalance_.running && !rebalance_.paused;
}

std::uint64_t controller::impl::copy_rate(const volume_record& record) const {
  const bool balances = record.move_from && !record.spreads && !is_leaving(*record.move_from);
  const std::uint64_t all = balances ? settings_.rebalance_rate : settings_.announced.repair_rate;
  return all == 0 ? 0 : std::max<std::uint64_t>(all / settings_.copies_per_node, 1);
}

/// Bytes that the target of a copy has reported so far.
std::uint64_t controller::impl::copied_bytes(volume_id id, const volume_record& record) const {
  const volume_info* info = state_.find(id);
  if (info == nullptr || !record.repair_target) return 0;
  for (const reported_replica& r : record.replicas) {
    if (r.node == *record.repair_target) return std::min(r.report.length, info->length);
  }
  return 0;
}

/// Copies that get a volume into another rack make good what is wrong, as repairs do.
copy_meter& controller::impl::meter_of(const volume_record& record) {
  if (!record.move_from) return repairs_;
  if (is_leaving(*record.move_from)) return decommissions_;
  return record.spreads ? repairs_ : rebalanced_;
}

void controller::impl::sample_copies(time_ms now) {
  std::uint64_t repaired = repairs_.finished_bytes;
  std::uint64_t left = decommissions_.finished_bytes;
  std::uint64_t balanced = rebalanced_.finished_bytes;
  for (const volume_id id : repairing_) {
    const volume_record& record = *ledger_.find(id);
    const std::uint64_t bytes = copied_bytes(id, record);
    const copy_meter& meter = meter_of(record);
    (&meter == &repairs_ ? repaired : &meter == &decommissions_ ? left : balanced) += bytes;
  }
  repairs_.sample(repaired, now);
  decommissions_.sample(left, now);
  rebalanced_.sample(balanced, now);
}

void controller::impl::plan_moves(time_ms now) {
  empty_leaving_nodes();
  spread_over_racks();
  go_on_rebalancing(now);
}

// ---- nodes that leave ---------------------------------------------------------------------------

/// True if some other node could take the volume, were all streams free.
bool controller::impl::can_go(const volume_info& info) const {
  return std::any_of(registry_.nodes().begin(), registry_.nodes().end(), [&](const auto& entry) {
    const node_view& node = entry.second;
    return node.takes_data() && !contains(info.members, node.node) &&
           node_room(node) >= info.length + settings_.life.min_grant_bytes;
  });
}

/// A node that is gone takes its surplus copies with it; one that is there drops them. Replicas of
/// volumes that the log does not have are nobody's: they stay where they are.
bool controller::impl::is_emptied(const node_view& node, const node_record& record) const {
  if (!record.member_of.empty()) return false;
  if (node.state != node_state::live) return true;
  return node.usable() && std::none_of(record.holds.begin(), record.holds.end(),
                                       [&](volume_id id) { return state_.find(id) != nullptr; });
}

void controller::impl::empty_leaving_nodes() {
  std::size_t begun = 0;
  for (const auto& [id, node] : registry_.nodes()) {
    if (node.wish != node_wish::leaving) continue;
    node_record& record = ledger_.node(id);
    record.stuck = 0;
    registry_.set_emptied(id, is_emptied(node, record));
    if (!node.usable()) continue;  // it comes back, or is dead and its volumes are repaired
    for (const volume_id volume : record.member_of) {
      volume_record& moving = ledger_.volume(volume);
      if (!may_move(volume, moving)) continue;
      if (!can_go(*state_.find(volume))) {
        ++record.stuck;
      } else if (begun < begun_per_round_max && begin_repair(volume, moving, id)) {
        ++begun;
      }
    }
  }
}

// ---- rebalance ----------------------------------------------------------------------------------

/// The members that the volume will have when what is under way, or planned, has been done.
std::vector<node_id> controller::impl::coming_members(volume_id id, const volume_info& info,
                                                      const volume_record& record) const {
  std::vector<node_id> members = info.members;
  std::optional<node_id> from = record.move_from;
  std::optional<node_id> to = record.repair_target;
  if (const auto at = pending_moves_.find(id); at != pending_moves_.end() && !to) {
    from = at->second.what.from;
    to = at->second.what.to;
  }
  if (!to || contains(members, *to)) return members;
  if (from && contains(members, *from)) {
    std::replace(members.begin(), members.end(), *from, *to);
  } else {
    members.push_back(*to);
  }
  return members;
}

/// The cluster as it will be when everything that is under way has been done. What a node uses is
/// summed up from the volumes, as the disks' own reports come a little later than the replicas'.
balance_input controller::impl::balance(double threshold) const {
  balance_input input;
  input.threshold = threshold;
  std::map<node_id, std::uint64_t> settled;
  for (const auto& [id, record] : ledger_.volumes()) {
    const volume_info* info = state_.find(id);
    if (info == nullptr) {
      for (const reported_replica& r : record.replicas) settled[r.node] += r.report.length;
      continue;
    }
    balance_volume volume{id, 0, info->state == volume_state::closed, info->members, {}};
    for (const reported_replica& r : record.replicas) {
      if (contains(info->members, r.node)) {
        volume.bytes = std::max(volume.bytes, r.report.length);
      } else {
        volume.avoid.push_back(r.node);
      }
    }
    for (const node_id member : coming_members(id, *info, record)) settled[member] += volume.bytes;
    volume.avoid.push_back(record.repair_avoid);
    const bool open = record.condition == volume_condition::open && !idle();
    const bool closed = may_move(id, record) && record.condition == volume_condition::healthy;
    // Small ones would be moved without end for the last bytes, and be made anew where they lack.
    const bool worth_it = volume.bytes >= settings_.life.volume_size / moved_divisor;
    if (worth_it && (open || closed) && !pending_moves_.contains(id))
      input.volumes.push_back(std::move(volume));
  }
  // What planners see must not depend on the order of a hash table.
  std::sort(input.volumes.begin(), input.volumes.end(),
            [](const balance_volume& a, const balance_volume& b) { return a.id < b.id; });
  for (const auto& [id, node] : registry_.nodes()) {
    if (!node.takes_data()) continue;
    const std::uint64_t used = settled[id];
    const std::uint64_t now = node.used_bytes();
    const std::uint64_t more = used > now ? used - now : 0;
    const std::uint64_t room = node_room(node);
    input.nodes.push_back(
        {id, node.rack, node.capacity_bytes(), used, room > more ? room - more : 0});
  }
  return input;
}

void controller::impl::end_rebalance(std::string why) {
  rebalance_.running = false;
  rebalance_.paused = false;
  rebalance_.reason = std::move(why);
  for (const auto& [id, move] : pending_moves_) {
    ledger_.volume(id).held_closed_until = 0;
    mark(id);
  }
  pending_moves_.clear();
}

/// Begins what is closed by now and has its streams; forgets what has become wrong or too old.
void controller::impl::begin_planned(time_ms now) {
  for (auto at = pending_moves_.begin(); at != pending_moves_.end();) {
    const auto& [id, move] = *at;
    volume_record& record = ledger_.volume(id);
    const volume_info* info = state_.find(id);
    const node_view* to = registry_.find(move.what.to);
    const bool wrong = now >= move.deadline || info == nullptr || record.repair_target ||
                       to == nullptr || !to->takes_data() ||
                       !contains(info->members, move.what.from) ||
                       contains(info->members, move.what.to);
    if (wrong) {
      record.held_closed_until = 0;
      mark(id);
      at = pending_moves_.erase(at);
      continue;
    }
    const bool ready = may_move(id, record) && record.condition == volume_condition::healthy &&
                       ledger_.node(move.what.to).repairs_in < settings_.copies_per_node;
    const node_id source = ready ? choose_source(*info, record) : node_id{};
    if (source == node_id{}) {
      ++at;
      continue;
    }
    record.move_from = move.what.from;
    begin_copy(id, record, source, move.what.to);
    at = pending_moves_.erase(at);
  }
}

/// A plan without some of the nodes would be wrong, and might find that nothing is left to do. A
/// dead one has no part in it.
bool controller::impl::somebody_is_awaited(time_ms now) const {
  return now - started_ < settings_.nodes.stale_after_ms ||
         registry_.usable_count() < registry_.staying_count();
}

void controller::impl::go_on_rebalancing(time_ms now) {
  if (!rebalance_.running || rebalance_.paused) return;
  begin_planned(now);
  if (somebody_is_awaited(now)) {
    rebalance_.reason = "waits for nodes that are silent or have yet to register";
    return;
  }
  if (!std::exchange(rebalance_planned_, true)) {
    const balance_plan all = ssdfs::cluster::plan_rebalance(balance(rebalance_.threshold));
    rebalance_.planned_bytes = all.bytes;
    rebalance_.needed_bytes = all.needed_bytes;
  }
  const std::size_t ahead = std::max(planned_ahead_min, registry_.usable_count());
  if (pending_moves_.size() >= ahead) return;
  balance_input input = balance(rebalance_.threshold);
  input.max_moves = ahead - pending_moves_.size();
  const balance_plan plan = ssdfs::cluster::plan_rebalance(input);
  const bool moving =
      !pending_moves_.empty() ||
      std::any_of(repairing_.begin(), repairing_.end(), [&](volume_id id) {
        const volume_record& record = *ledger_.find(id);
        return record.move_from && !record.spreads && !is_leaving(*record.move_from);
      });
  // What was moved is still on its old nodes until it has been dropped there.
  if (plan.moves.empty() && !moving && ledger_.counts().over_replicated == 0) {
    return end_rebalance("done: " + plan.reason);
  }
  rebalance_.reason = "moving volumes";
  for (const planned_move& move : plan.moves) {
    volume_record& record = ledger_.volume(move.volume);
    pending_moves_[move.volume] = {move, now + pending_ms};
    record.held_closed_until = now + pending_ms;
    record.seal_requested = record.seal_requested || !move.closed;
    mark(move.volume);
  }
  begin_planned(now);
}

balance_plan controller::plan_rebalance(double threshold) const {
  return ssdfs::cluster::plan_rebalance(impl_->balance(threshold));
}

void controller::start_rebalance(double threshold, bool paused, time_ms now) {
  impl& i = *impl_;
  i.end_rebalance({});
  i.rebalance_ = {};
  i.rebalance_planned_ = false;
  i.rebalance_.running = true;
  i.rebalance_.paused = paused;
  i.rebalance_.threshold = threshold;
  i.rebalance_.reason = paused ? paused_by_operator : "planning";
  i.rebalanced_ = {.sampled_at = now};
  i.next_repair_ = now;
  i.plan_copies(now);
  i.settle(now);
}

result<void> controller::pause_rebalance(bool pause, time_ms now) {
  rebalance_status& state = impl_->rebalance_;
  if (!state.running) return failure(errc::precondition, "no rebalance is running");
  state.paused = pause;
  state.reason = pause ? paused_by_operator : "moving volumes";
  impl_->next_repair_ = now;
  impl_->plan_copies(now);
  impl_->settle(now);
  return {};
}

void controller::stop_rebalance(time_ms now) {
  if (!impl_->rebalance_.running) return;
  impl_->end_rebalance("stopped by an operator");
  impl_->next_repair_ = now;
  impl_->plan_copies(now);
  impl_->settle(now);
}

bool controller::rebalancing() const noexcept { return impl_->rebalance_.running; }

}  // namespace ssdfs::cluster
