// What goes wrong in the simulated cluster, and what operators do to it.
#include "sim/sim_client.hpp"
#include "sim/sim_master.hpp"
#include "sim/sim_node.hpp"
#include "sim/world.hpp"

#include <algorithm>

namespace ssdfs::sim {

// ---- faults -------------------------------------------------------------------------------------

/// Only if what was not synced is on another disk, too.
bool world::power_loss_is_fair(const datanode& node) const {
  const std::vector<const datanode*> others = disks();
  for (const auto& [volume, r] : node.disk) {
    for (const chunk_key key : r.unsynced) {
      const bool elsewhere = std::any_of(others.begin(), others.end(), [&](const datanode* other) {
        const auto at = other->disk.find(volume);
        return other != &node && at != other->disk.end() && at->second.live.contains(key);
      });
      if (!elsewhere) return false;
    }
  }
  return true;
}

/// Only if nothing is on this disk alone: then as many nodes as there are copies have failed.
bool world::disk_loss_is_fair(const datanode& node) const { return held_by(disks(), node); }

std::vector<const datanode*> world::disks() const {
  std::vector<const datanode*> list;
  for (const auto& n : nodes_) {
    if (!n->off) list.push_back(n.get());
  }
  for (const auto& c : clones_) {
    if (c->standin) list.push_back(c.get());
  }
  return list;
}

bool world::held_by(const std::vector<const datanode*>& others, const datanode& node) {
  const auto on_another = [&](volume_id volume, chunk_key key, bool set_aside) {
    return std::any_of(others.begin(), others.end(), [&](const datanode* other) {
      const auto at = other->disk.find(volume);
      if (other == &node || at == other->disk.end()) return false;
      return at->second.live.contains(key) || (set_aside && at->second.tombstones.contains(key));
    });
  };
  for (const auto& [volume, r] : node.disk) {
    for (const auto& [key, c] : r.live) {
      if (!on_another(volume, key, false)) return false;
    }
    // What has been set aside here may be wanted again, too.
    for (const auto& [key, c] : r.tombstones) {
      if (!on_another(volume, key, true)) return false;
    }
  }
  return true;
}

/// A copy of the disk with the same identity comes up elsewhere. While the node answers, the master
/// refuses it; else it takes the node's place. The operator takes it away soon.
void world::clone(datanode& node) {
  const bool cloned = std::any_of(clones_.begin(), clones_.end(),
                                  [&](const auto& c) { return c->id == node.id && c->up(); });
  if (!node.up() || node.paused() || cloned) return;
  auto copy = std::make_unique<datanode>(*this, static_cast<int>(nodes_.size() + clones_.size()));
  copy->id = node.id;
  copy->disk = node.disk;
  copy->persisted = node.persisted;
  copy->rack = node.rack;
  datanode& up = *copy;
  clones_.push_back(std::move(copy));
  note(up.address + " is a clone of " + node.address);
  up.start();
  at(now_ + between(200, 3'000), [this, &up, &node] { end_clone(up, node); });
}

void world::registered(const std::string& address) {
  for (const auto& c : clones_) {
    if (c->address != address || c->standin) continue;
    for (const auto& n : nodes_) {
      if (n->id == c->id)
        at(now_, [this, copy = c.get(), node = n.get()] { take_place(*copy, *node); });
    }
  }
}

/// The master takes the copy for the node, and names both: the operator switches one of them off at
/// once. Were both used in turn, each would get what the other lacks, and one disk with one copy of
/// everything would become two that cannot be put together. It is the node that goes, unless it
/// holds what nobody else has.
void world::take_place(datanode& copy, datanode& node) {
  if (!copy.up() || copy.standin || node.off) return;
  last_disk_fault_ = now_;
  std::vector<const datanode*> others = disks();
  others.push_back(&copy);
  if (!held_by(others, node)) return end_clone(copy, node);
  note(copy.address + " stands in for " + node.address);
  node.crash();
  node.disk.clear();
  node.off = true;
  copy.standin = true;
}

/// The copy goes; if it has stood in for the node, its disk becomes the node's.
void world::end_clone(datanode& copy, datanode& node) {
  copy.crash();
  if (copy.standin) {
    last_disk_fault_ = now_;
    node.off = false;
    node.roll_back(std::move(copy.disk), copy.persisted);
    at(now_ + 100, [&node] { node.start(); });
  }
  copy.standin = false;
  copy.disk.clear();
}

void world::snapshot_disk() {
  datanode& n = *nodes_[static_cast<std::size_t>(between(0, options.nodes - 1))];
  snapshot_ = std::make_unique<old_disk>(old_disk{&n, n.disk, n.persisted});
}

/// Where only short absences are allowed, one begins when the one before is over: the master has
/// heard the node in the meantime.
bool world::may_fail(const datanode& node) const {
  if (!options.only_short) return true;
  const auto at = heard_.find(node.id);
  return node.registered() && at != heard_.end() && now_ - at->second < 1'000;
}

void world::fault_node(datanode& node) {
  if (!node.up() || node.paused() || !may_fail(node)) return;
  const std::int64_t kind = between(0, 9);
  if (kind <= 4) {
    if (kind == 0 && options.disk_loss && disk_loss_is_fair(node)) {
      last_disk_fault_ = now_;
      node.lose_disk();
    } else if (kind == 1 && options.disk_rollback && snapshot_ && snapshot_->of->up() &&
               disk_loss_is_fair(*snapshot_->of)) {
      datanode& old = *snapshot_->of;
      last_disk_fault_ = now_;
      old.roll_back(std::move(snapshot_->disk), snapshot_->persisted);
      snapshot_.reset();
      at(now_ + between(20, 2'500), [&old] { old.start(); });
      return;
    } else if (kind <= 2 && power_loss_is_fair(node)) {
      node.lose_power();
    } else {
      node.crash();
    }
    const bool long_away = !options.only_short && chance(0.25);
    const std::int64_t down = long_away ? between(4'000, 9'000) : between(20, 2'500);
    at(now_ + down, [&node] { node.start(); });
  } else if (kind <= 7) {
    note(node.address + " pauses");
    node.pause();
    at(now_ + between(100, options.only_short ? 2'500 : 5'000), [&node] { node.resume(); });
  } else if (kind == 8) {
    node.break_link();
  } else {
    note(node.address + " is slow");
    node.slow_until = now_ + between(500, options.only_short ? 1'000 : 4'000);
  }
}

void world::fault_master() {
  master& m = active();
  if (!m.up() || m.paused()) return;
  if (chance(0.6)) {
    note(m.address + " crashes");
    m.crash();
    at(now_ + between(20, 2'500), [this, &m] {
      if (&m == &active()) m.start();
    });
  } else {
    note(m.address + " pauses");
    m.pause();
    at(now_ + between(100, 4'000), [&m] { m.resume(); });
  }
}

/// A second master takes over while the first is only paused: that one wakes up later.
void world::promote() {
  if (promoted_ || !options.two_masters || !active().up() || active().paused()) return;
  promoted_ = true;
  note("m1 takes over");
  masters_[0]->pause();
  masters_[1]->take_log(*masters_[0]);
  active_ = 1;
  masters_[1]->start(true);
  at(now_ + between(10, 6'000), [this] {
    note("m0 wakes up");
    masters_[0]->resume();
  });
}

void world::fault_other() {
  const std::int64_t kind = between(0, 8);
  if (kind <= 1) {
    cut_off_some();
  } else if (kind == 6 && options.clones) {
    clone(*nodes_[static_cast<std::size_t>(between(0, options.nodes - 1))]);
  } else if (kind == 7 && options.clock_jumps) {
    clock_offset_ms_ = chance(0.3) ? 0 : between(-7'200'000, 7'200'000);
    note("the clock jumps to " + std::to_string(clock_offset_ms_) + " ms off");
  } else if (kind == 8 && options.operators) {
    operate();
  } else if (kind == 6 && options.disk_rollback) {
    snapshot_disk();
  } else if (kind == 2) {
    client& c = *clients_[static_cast<std::size_t>(between(0, options.clients - 1))];
    c.crash();
    at(now_ + between(10, 2'000), [this, &c] {
      if (!calm_) c.start();
    });
  } else if (kind == 3 && active().ready() && !active().paused()) {
    const auto& volumes = active().state().volumes();
    if (volumes.size() == 0) return;
    const meta::volume_slot slot(
        static_cast<std::uint32_t>(between(0, static_cast<std::int64_t>(volumes.size()) - 1)));
    (void)active().controller().seal_volume(volumes[slot].info.id, now_);
  } else if (kind == 4) {
    promote();
  } else {
    fault_master();
  }
}

/// One, or now and then a part of the cluster; sometimes the master with them.
void world::cut_off_some() {
  const auto n = static_cast<std::size_t>(between(0, options.nodes));
  if (n < nodes_.size() && !may_fail(*nodes_[n])) return;
  isolated_ = {n < nodes_.size() ? static_cast<const process*>(nodes_[n].get()) : &active()};
  if (chance(0.2)) {
    for (const auto& node : nodes_) {
      if (chance(0.4) && may_fail(*node)) isolated_.insert(node.get());
    }
  }
  note(std::to_string(isolated_.size()) + " are cut off");
  at(now_ + between(200, options.only_short ? 2'000 : 4'000), [this] { isolated_.clear(); });
}

void world::operate() {
  if (!active().ready() || active().paused()) return;
  const node_id node = nodes_[static_cast<std::size_t>(between(0, options.nodes - 1))]->id;
  switch (between(0, 7)) {
    case 0: active().decide(node, {meta::node_decision::decommission, 0}); break;
    case 1: active().rest(node, between(1'000, 12'000)); break;
    case 2: active().decide(node, {}); break;
    case 3:
    case 4: active().pause_rebalance(chance(0.5)); break;
    case 5: active().stop_rebalance(); break;
    default: active().start_rebalance(static_cast<std::uint32_t>(between(20, 300))); break;
  }
}

void world::fault() {
  if (calm_) return;
  if (chance(0.65)) {
    fault_node(*nodes_[static_cast<std::size_t>(between(0, options.nodes - 1))]);
  } else {
    fault_other();
  }
  at(now_ + between(20, options.fault_pause_ms), [this] { fault(); });
}

void world::begin_calm() {
  note("calm begins");
  calm_ = true;
  isolated_.clear();
  for (const auto& n : nodes_) {
    n->resume();
    n->start();
  }
  active().resume();
  active().start();
  for (const auto& m : masters_) {
    if (m.get() != &active()) m->crash();  // an operator stops the one that was replaced
  }
  for (const auto& c : clients_) c->stop();
  if (!options.operators || !active().ready()) return;
  active().pause_rebalance(false);  // a paused one would wait for ever
  // One node may stay decommissioned, if the others can hold all copies.
  const std::size_t kept = chance(0.5) && nodes_.size() > options.replication
                               ? static_cast<std::size_t>(between(0, options.nodes - 1))
                               : nodes_.size();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    meta::node_entry entry;
    if (i == kept) entry.decision = meta::node_decision::decommission;
    active().decide(nodes_[i]->id, entry);
  }
}

}  // namespace ssdfs::sim
