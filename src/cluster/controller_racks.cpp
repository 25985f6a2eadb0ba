// Copies that share a rack although another one has room: after nodes were given other racks, or a
// rack was full for a while. Such volumes are whole, but the loss of one rack would take all of
// them; they are moved like those of a leaving node, at the rate of repairs.
#include "cluster/controller_impl.hpp"

#include <algorithm>

namespace ssdfs::cluster {

namespace {

/// Moves to other racks that begin in one round at most.
constexpr std::size_t spread_per_round_max = 64;

}  // namespace

/// Whether a volume could be spread better depends on all nodes: when a rack comes or goes, all of
/// them are looked at again.
void controller::impl::watch_racks() {
  std::set<std::string> racks;
  for (const auto& [id, node] : registry_.nodes()) {
    if (node.takes_data()) racks.insert(node.rack);
  }
  if (racks == racks_) return;
  racks_ = std::move(racks);
  for (const auto& [id, record] : ledger_.volumes()) mark(id);
}

/// Racks that are known; a node that has not registered yet has none.
std::vector<std::string_view> controller::impl::racks_of(const std::vector<node_id>& nodes) const {
  std::vector<std::string_view> racks;
  for (const node_id id : nodes) {
    const node_view* node = registry_.find(id);
    if (node != nullptr && !node->rack.empty()) racks.emplace_back(node->rack);
  }
  return racks;
}

bool controller::impl::shares_rack(const volume_info& info) const {
  std::vector<std::string_view> racks = racks_of(info.members);
  std::sort(racks.begin(), racks.end());
  return std::adjacent_find(racks.begin(), racks.end()) != racks.end();
}

/// They share one, and a node in a rack without a copy could take the volume.
bool controller::impl::could_spread(const volume_info& info) const {
  if (racks_.size() < 2 || info.members.size() < 2 || info.state != volume_state::closed ||
      !shares_rack(info)) {
    return false;
  }
  const std::vector<std::string_view> racks = racks_of(info.members);
  return std::any_of(registry_.nodes().begin(), registry_.nodes().end(), [&](const auto& entry) {
    const node_view& node = entry.second;
    return node.takes_data() && std::find(racks.begin(), racks.end(), node.rack) == racks.end() &&
           node_room(node) >= info.length + settings_.life.min_grant_bytes;
  });
}

/// Of the members that share a rack the one on the fullest node; nil if none does.
node_id controller::impl::crowded_member(const volume_info& info) const {
  const std::vector<std::string_view> racks = racks_of(info.members);
  node_id fullest;
  double most = -1;
  for (const node_id id : info.members) {
    const node_view* node = registry_.find(id);
    if (node == nullptr || std::count(racks.begin(), racks.end(), node->rack) < 2) continue;
    const double share = static_cast<double>(node->used_bytes()) /
                         static_cast<double>(std::max<std::uint64_t>(node->capacity_bytes(), 1));
    if (share > most) {
      most = share;
      fullest = id;
    }
  }
  return fullest;
}

void controller::impl::spread_over_racks() {
  std::size_t begun = 0;
  const std::set<volume_id> waiting = ledger_.one_rack();
  for (const volume_id id : waiting) {
    if (begun >= spread_per_round_max) return;
    volume_record& record = ledger_.volume(id);
    if (!may_move(id, record)) continue;
    const volume_info& info = *state_.find(id);
    const node_id source = choose_source(info, record);
    const node_id leaves = crowded_member(info);
    if (source == node_id{} || leaves == node_id{}) continue;
    const node_id target = choose_target(info, record, leaves);
    const node_view* to = registry_.find(target);
    const std::vector<std::string_view> racks = racks_of(info.members);
    // The nodes of other racks may have all the streams that they can have.
    if (to == nullptr || std::find(racks.begin(), racks.end(), to->rack) != racks.end()) {
      record.repair_avoid = {};
      continue;
    }
    record.move_from = leaves;
    record.spreads = true;
    begin_copy(id, record, source, target);
    ++begun;
  }
}

}  // namespace ssdfs::cluster
