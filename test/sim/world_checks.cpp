// What must hold in the simulated cluster: all the time, at drops and copies, and at the end.
#include "meta/state.hpp"
#include "sim/sim_master.hpp"
#include "sim/sim_node.hpp"
#include "sim/world.hpp"

#include <algorithm>
#include <unordered_map>

namespace ssdfs::sim {

namespace {

/// At the end of the calm no volume is copied any more.
constexpr std::int64_t quiet_ms = 10'000;
/// Copies to one node at a time: those of this master, and those of its predecessor that end.
constexpr std::size_t copies_at_once_max = 4;
/// So long after it failed, the master knows of a disk, and no drop is on its way that it ordered
/// before.
constexpr std::int64_t fault_is_known_ms = 10'000;
/// Half of stale-after: a master that has not ticked for longer restarts its timers.
constexpr std::int64_t master_gap_ms = 750;

}  // namespace

/// Nodes whose disks hold all that files have in the volume. Not what waits to be reclaimed: where
/// there are two masters, the other may have reclaimed it.
std::size_t world::whole_copies(volume_id volume, const datanode* except) {
  const auto wanted = active().in_files(volume);
  const std::vector<const datanode*> all = disks();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const datanode* n) {
    const auto at = n->disk.find(volume);
    if (n == except || at == n->disk.end()) return false;
    return std::all_of(wanted.begin(), wanted.end(), [&](const auto& entry) {
      const auto live = at->second.live.find(entry.first);
      return live != at->second.live.end() && live->second.what == entry.second;
    });
  }));
}

void world::check_drop(const datanode& node, volume_id volume) {
  const std::vector<const datanode*> all = disks();
  if (std::find(all.begin(), all.end(), &node) == all.end() || !active().ready()) return;
  const meta::volume_entry* entry = active().state().volumes().find(volume);
  if (entry == nullptr || entry->info.digest.count == 0) return;
  // A disk that fails after its report, and before the drop, is the fault's doing, not the drop's.
  const bool disk_failed = now_ - last_disk_fault_ < fault_is_known_ms;
  const std::size_t least = disk_failed ? 1 : entry->info.replication;
  const std::size_t stay = whole_copies(volume, &node);
  if (stay < least) {
    fail(node.address + " drops volume " + std::to_string(volume.value) + ", and only " +
         std::to_string(stay) + " whole copies stay");
  }
}

// ---- copies -------------------------------------------------------------------------------------

void world::heard(node_id node) {
  note_absences();
  heard_[node] = now_;
}

/// After a gap between two of its ticks the master was not there, and counts no silence before.
void world::listening() {
  if (now_ - listened_at_ > master_gap_ms) {
    for (auto& [node, at] : heard_) {
      const bool live = listened_at_ - at < 2 * master_gap_ms;
      at = live ? now_ : std::max(at, now_ - 2 * master_gap_ms);
    }
  }
  listened_at_ = now_;
  note_absences();
}

void world::note_absences() {
  for (const auto& [node, at] : heard_) {
    if (now_ - at >= options.dead_after_ms - master_gap_ms) away_.insert(node);
  }
}

void world::members_are(volume_id volume, const std::vector<node_id>& members,
                        std::uint8_t wanted) {
  const auto [at, added] = members_.try_emplace(volume);
  if (added && members.size() < wanted) narrow_.insert(volume);
  at->second.insert(members.begin(), members.end());
  std::set<std::string> racks;
  for (const auto& node : nodes_) {
    if (std::find(members.begin(), members.end(), node->id) != members.end()) {
      racks.insert(node->rack);
    }
  }
  const auto all = static_cast<std::size_t>(options.racks);
  if (racks.size() < std::min(members.size(), all)) shared_rack_.insert(volume);
}

/// A volume may be copied if it was made while there were too few nodes, or only some of few racks,
/// or if a member has been away for dead-after.
bool world::copy_is_explained(volume_id volume) const {
  const auto at = members_.find(volume);
  return narrow_.contains(volume) || shared_rack_.contains(volume) || at == members_.end() ||
         std::any_of(at->second.begin(), at->second.end(),
                     [&](node_id node) { return away_.contains(node); });
}

void world::copying(const datanode& node, volume_id volume) {
  ++copies_;
  last_copy_ = now_;
  if (node.copies_running > copies_at_once_max) fail(node.address + " makes too many copies");
  if (options.only_short && !copy_is_explained(volume)) {
    fail("volume " + std::to_string(volume.value) + " is copied for nothing");
  }
}

// ---- checks -------------------------------------------------------------------------------------

void world::check_sources() {
  if (failed() || !active().ready()) return;
  std::unordered_map<volume_id, std::vector<const replica*>> holders;
  for (const datanode* n : disks()) {
    for (const auto& [volume, r] : n->disk) holders[volume].push_back(&r);
  }
  for (const auto& [path, chunks] : active().files()) {
    for (const meta::chunk_record& c : chunks) {
      const content wanted{c.size, c.crc32c.value};
      if (!was_stored(c.volume, c.key)) continue;  // its writer lied
      const auto& all = holders[c.volume];
      const bool held = std::any_of(all.begin(), all.end(), [&](const replica* r) {
        const auto live = r->live.find(c.key);
        if (live != r->live.end()) return live->second.what == wanted;
        const auto aside = r->tombstones.find(c.key);
        return aside != r->tombstones.end() && aside->second == wanted;
      });
      if (!held) {
        return fail("no copy of " + path + ": volume " + std::to_string(c.volume.value) + " key " +
                    std::to_string(c.key));
      }
    }
  }
}

void world::check_end() {
  master& m = active();
  if (!m.ready()) return fail("no master");
  if (now_ - last_copy_ < quiet_ms && copies_ > 0) {
    return fail("volumes are still being copied, " + std::to_string(copies_) + " copies so far");
  }
  if (m.controller().rebalancing() || m.state().rebalance().active()) {
    const cluster::rebalance_status status = m.controller().rebalance();
    return fail("a rebalance does not end: " + status.reason + ", " +
                std::to_string(status.progress.volumes_running) + " run, " +
                std::to_string(status.progress.volumes_waiting) + " wait, " +
                std::to_string(m.controller().counts().over_replicated) + " have a copy too many");
  }
  for (const auto& n : nodes_) {
    const cluster::node_view* view = m.controller().nodes().find(n->id);
    if (view == nullptr || view->wish != cluster::node_wish::leaving) continue;
    for (const auto& [volume, r] : n->disk) {
      // What a replaced master made and the log does not have is nobody's: it is left alone.
      const meta::volume_entry* entry = m.state().volumes().find(volume);
      if (entry == nullptr) continue;
      return fail(n->address + " was to be emptied of " + describe(m, entry->info));
    }
    if (cluster::standing_of(*view) != "decommissioned") return fail(n->address + " is empty");
  }
  const auto files = m.files();
  for (const auto& [path, wanted] : acknowledged_) {
    if (uncertain_.contains(path)) continue;
    const auto at = files.find(path);
    if (at == files.end()) return fail("acknowledged, but gone: " + path);
    const meta::chunk_record& c = at->second.front();
    if (content{c.size, c.crc32c.value} != wanted)
      return fail("not what was acknowledged: " + path);
  }
  for (const std::string& path : removed_) {
    if (files.contains(path) && !uncertain_.contains(path)) return fail("came back: " + path);
  }
  for (const auto& [path, chunks] : files) {
    for (const meta::chunk_record& c : chunks) {
      const meta::volume_entry& entry = *m.state().volumes().find(c.volume);
      // What is said to be lost while a dead node holds it, which a new master cannot know, is
      // found again when that node comes back.
      if (entry.info.state != volume_state::closed ||
          entry.lost.contains(c.key) != was_stored(c.volume, c.key)) {
        continue;
      }
      return fail((entry.lost.contains(c.key) ? "was stored, and is said to be lost: "
                                              : "not known to be lost: ") +
                  path + ", key " + std::to_string(c.key) + " of " + describe(m, entry.info));
    }
  }
  for (std::uint32_t slot = 0; slot < m.state().volumes().size() && !failed(); ++slot) {
    check_volume(m, m.state().volumes()[meta::volume_slot(slot)].info);
  }
}

std::string world::describe(master& m, const volume_info& info) const {
  const cluster::volume_report report = m.controller().report(info.id);
  std::string name = "volume " + std::to_string(info.id.value) + " (" +
                     std::string(cluster::name_of(report.condition)) + ", class " +
                     std::to_string(info.replication) + ", generation " +
                     std::to_string(info.generation);
  for (const cluster::replica_status& r : report.replicas) {
    name += std::string(r.member ? ", member " : ", outsider ") + to_string(r.node).substr(0, 4) +
            " " + std::string(r.standing);
  }
  name += ", safe mode " + m.controller().safe_mode_reason() + ", " +
          std::to_string(m.controller().counts().orders_outstanding) + " orders)";
  return name;
}

void world::check_volume(master& m, const volume_info& info) {
  const cluster::volume_report report = m.controller().report(info.id);
  const std::string name = describe(m, info);
  const bool well = report.condition == cluster::volume_condition::open ||
                    report.condition == cluster::volume_condition::healthy;
  const std::size_t staying = m.controller().nodes().usable_count();
  const std::size_t possible = std::min<std::size_t>(info.replication, staying);
  const bool narrow =
      possible < info.replication && report.condition == cluster::volume_condition::degraded;
  if (!well && !narrow) return fail(name + " is not well");
  if (report.grants != 0) return fail(name + " has a grant that does not end");
  if (info.members.size() < possible) return fail(name + " has too few members");
  for (const auto& n : nodes_) {
    const bool member =
        std::find(info.members.begin(), info.members.end(), n->id) != info.members.end();
    if (member) {
      check_replica(m, info, *n);
    } else if (n->disk.contains(info.id) && info.state == volume_state::closed) {
      fail(name + " has a replica too many on " + n->address);
    }
  }
}

void world::check_replica(master& m, const volume_info& info, const datanode& node) {
  const std::string name = "volume " + std::to_string(info.id.value) + " on " + node.address;
  const auto at = node.disk.find(info.id);
  if (at == node.disk.end()) return fail(name + " is missing");
  const replica& r = at->second;
  if (r.generation != info.generation) return fail(name + " has another generation");
  if (info.state == volume_state::closed && r.report(info.id).digest != info.digest) {
    return fail(name + " has another digest");
  }
  for (const auto& [key, c] : m.expected(info.id)) {
    if (info.state != volume_state::closed && !was_stored(info.id, key))
      continue;  // found out later
    const auto live = r.live.find(key);
    if (live == r.live.end() || live->second.what != c) {
      return fail(name + " lacks key " + std::to_string(key));
    }
  }
}

}  // namespace ssdfs::sim
