// How far copies for each purpose are, and what holds up those that make no progress.
#include "cluster/controller_impl.hpp"

#include <algorithm>

namespace ssdfs::cluster {

namespace {

void finish(copy_progress& progress, const copy_meter& meter, std::uint64_t copied) {
  progress.bytes_done = meter.finished_bytes + copied;
  progress.bytes_left -= std::min(progress.bytes_left, copied);
  progress.bytes_per_s = static_cast<std::uint64_t>(meter.bytes_per_s);
  if (progress.bytes_left == 0) {
    progress.time_left_ms = 0;
  } else if (progress.bytes_per_s > 0) {
    progress.time_left_ms =
        static_cast<std::int64_t>(static_cast<double>(progress.bytes_left) * 1000 /
                                  static_cast<double>(progress.bytes_per_s));
  }
}

}  // namespace

copy_progress controller::repairs() const {
  const impl& i = *impl_;
  copy_progress out;
  std::uint64_t copied = 0;
  for (const volume_id id : i.ledger_.narrow()) {
    const volume_info* info = i.state_.find(id);
    if (info == nullptr || info->digest.count == 0) continue;
    const volume_record& record = *i.ledger_.find(id);
    const auto lacking = static_cast<std::uint64_t>(info->replication - info->members.size());
    ++(record.repair_target ? out.volumes_running : out.volumes_waiting);
    out.bytes_left += info->length * lacking;
    copied += i.copied_bytes(id, record);
  }
  finish(out, i.repairs_, copied);
  return out;
}

copy_progress controller::decommissions() const {
  const impl& i = *impl_;
  copy_progress out;
  std::uint64_t copied = 0;
  for (const auto& [id, node] : i.registry_.nodes()) {
    if (node.wish != node_wish::leaving) continue;
    const node_record* at = i.ledger_.find_node(id);
    if (at == nullptr) continue;
    for (const volume_id volume : at->member_of) {
      const volume_record& record = *i.ledger_.find(volume);
      const bool running = record.move_from == id;
      ++(running ? out.volumes_running : out.volumes_waiting);
      out.bytes_left += i.state_.find(volume)->length;
      if (running) copied += i.copied_bytes(volume, record);
    }
  }
  finish(out, i.decommissions_, copied);
  return out;
}

rebalance_status controller::rebalance() const {
  const impl& i = *impl_;
  rebalance_status out = i.rebalance_;
  if (out.running && !out.paused && i.safe_ != impl::safe::off) {
    out.reason = "waits for safe mode to end";
  }
  std::uint64_t copied = 0;
  for (const volume_id id : i.repairing_) {
    const volume_record& record = *i.ledger_.find(id);
    if (!record.move_from || i.is_leaving(*record.move_from)) continue;
    ++out.progress.volumes_running;
    copied += i.copied_bytes(id, record);
  }
  out.progress.volumes_waiting = i.pending_moves_.size();
  out.moved_bytes = i.rebalanced_.finished_bytes;
  out.moved_volumes = i.rebalanced_.finished_volumes;
  if (out.running && out.planned_bytes > out.moved_bytes) {
    out.progress.bytes_left = out.planned_bytes - out.moved_bytes;
  }
  finish(out.progress, i.rebalanced_, copied);
  return out;
}

/// True if some other node takes data and has nothing of the volume, whatever room it has.
bool controller::impl::has_other_node(const volume_info& info) const {
  return std::any_of(registry_.nodes().begin(), registry_.nodes().end(), [&](const auto& entry) {
    return entry.second.takes_data() && !contains(info.members, entry.second.node);
  });
}

/// Why what is left on a leaving node is not on its way, for people; empty if it is, or if it only
/// waits for its turn.
std::string controller::impl::held_up(const node_view& node, const node_record& record) const {
  if (record.member_of.empty()) return {};
  if (idle()) return "this master may change nothing now";
  if (safe_ != safe::off) return "safe mode has to end first";
  if (registry_.mass_silence()) {
    return "more than a third of the datanodes are silent: nothing is copied until that passes";
  }
  if (node.state == node_state::stale) return "the node is silent";
  if (node.state == node_state::live && !node.usable()) return "the node has yet to report";
  std::uint64_t written = 0;
  std::uint64_t incomplete = 0;
  std::uint64_t narrow = 0;
  std::uint64_t alone = 0;
  std::uint64_t no_room = 0;
  for (const volume_id id : record.member_of) {
    const volume_info& info = *state_.find(id);
    const volume_record& moving = *ledger_.find(id);
    if (moving.repair_target) continue;
    if (info.state != volume_state::closed) {
      written += state_.grants_outstanding(id) > 0 ? 1 : 0;
    } else if (moving.complete == 0) {
      ++incomplete;
    } else if (!can_go(info)) {
      ++(has_other_node(info) ? no_room : alone);
    } else if (info.members.size() < info.replication) {
      ++narrow;
    }
  }
  std::string why;
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count == 0) return;
    why += (why.empty() ? "" : "; ") + std::string(what) + " " + std::to_string(count) +
           (count == 1 ? " volume" : " volumes");
  };
  add(no_room, "no other node has room for");
  add(alone, "every other node has a copy already of");
  add(incomplete, "no complete copy is there of");
  add(narrow, "a copy that is missing is made first of");
  add(written, "writers have yet to end in");
  return why;
}

node_progress controller::progress_of(node_id node) const {
  node_progress out;
  const node_view* view = impl_->registry_.find(node);
  if (view == nullptr) return out;
  const node_record* at = impl_->ledger_.find_node(node);
  if (at != nullptr) {
    std::set<volume_id> left(at->member_of.begin(), at->member_of.end());
    for (const volume_id id : at->holds) {
      if (view->state == node_state::live && impl_->state_.find(id) != nullptr) left.insert(id);
    }
    out.volumes_left = left.size();
    out.volumes_stuck = at->stuck;
    if (view->wish == node_wish::leaving) out.waiting = impl_->held_up(*view, *at);
    for (const volume_id id : left) {
      const volume_info* info = impl_->state_.find(id);
      out.bytes_left += info == nullptr ? 0 : info->length;
    }
  }
  out.state = standing_of(*view);
  return out;
}

}  // namespace ssdfs::cluster
