#include "sim/world.hpp"

#include "meta/state.hpp"
#include "sim/sim_client.hpp"
#include "sim/sim_master.hpp"
#include "sim/sim_node.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <unordered_map>

namespace ssdfs::sim {

namespace {

constexpr std::int64_t check_interval_ms = 500;
/// At the end of the calm no volume is copied any more.
constexpr std::int64_t quiet_ms = 10'000;
/// Copies to one node at a time: those of this master, and those of its predecessor that end.
constexpr std::size_t copies_at_once_max = 4;

}  // namespace

/// What a disk held some time ago.
struct world::old_disk {
  datanode* of = nullptr;
  std::map<volume_id, replica> disk;
  witness persisted;
};

// ---- processes ----------------------------------------------------------------------------------

void process::deliver(std::uint64_t life, std::function<void()> what) {
  if (!up_ || life != life_) return;
  if (paused_) {
    backlog_.emplace_back(life, std::move(what));
  } else {
    what();
  }
}

void process::resume() {
  if (!paused_) return;
  paused_ = false;
  auto backlog = std::move(backlog_);
  backlog_.clear();
  for (auto& [life, what] : backlog) deliver(life, std::move(what));
}

void process::after(std::int64_t delay_ms, std::function<void()> what) {
  world_.at(world_.now() + delay_ms, [this, life = life_, what = std::move(what)]() mutable {
    deliver(life, std::move(what));
  });
}

// ---- the world ----------------------------------------------------------------------------------

world::world(const world_options& o) : options(o), random_(o.seed) {
  verbose_ = std::getenv("SSDFS_SIM_TRACE") != nullptr;
  for (int i = 0; i < (o.two_masters ? 2 : 1); ++i) {
    masters_.push_back(std::make_unique<master>(*this, i));
  }
  for (int i = 0; i < o.nodes; ++i) nodes_.push_back(std::make_unique<datanode>(*this, i));
  for (int i = 0; i < o.clients; ++i) clients_.push_back(std::make_unique<client>(*this, i));
}
world::~world() = default;

void world::at(time_ms when, std::function<void()> what) {
  events_.push({std::max(when, now_), ++order_, std::move(what)});
}

bool world::chance(double p) { return std::generate_canonical<double, 32>(random_) < p; }

std::int64_t world::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
}

uuid world::random_uuid() {
  uuid id;
  for (auto& byte : id) byte = static_cast<std::uint8_t>(random_());
  return id;
}

bool world::cut(const process& a, const process& b) const {
  return isolated_.contains(&a) != isolated_.contains(&b);
}

void world::send(const process& from, process& to, std::function<void()> what) {
  if (cut(from, to)) return;
  const int copies = calm_ ? 1 : chance(options.loss) ? 0 : chance(options.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const bool slow = from.slow_until > now_ || to.slow_until > now_ || chance(options.slow);
    const std::int64_t delay = !calm_ && slow ? between(50, 900) : between(1, 8);
    at(now_ + delay, [&to, life = to.life(), what] { to.deliver(life, what); });
  }
}

void world::fail(std::string what) {
  if (failure_.empty()) failure_ = "at " + std::to_string(now_) + " ms: " + std::move(what);
}

void world::note(const std::string& what) {
  if (verbose_) std::cerr << now_ << " " << what << "\n";
}

datanode* world::node_at(const std::string& address) {
  for (const auto& n : nodes_) {
    if (n->address == address) return n.get();
  }
  for (const auto& n : clones_) {
    if (n->address == address) return n.get();
  }
  return nullptr;
}

master* world::master_at(const std::string& address) {
  for (const auto& m : masters_) {
    if (m->address == address) return m.get();
  }
  return nullptr;
}

void world::stored(volume_id volume, chunk_key key, const content& what) {
  const auto [at, added] = contents_.try_emplace({volume, key}, what);
  if (!added && at->second != what) fail("a key has two contents");
}

void world::acknowledged(const std::string& path, const content& what) {
  acknowledged_[path] = what;
}

void world::removed(const std::string& path) {
  acknowledged_.erase(path);
  removed_.insert(path);
}

// ---- faults -------------------------------------------------------------------------------------

bool world::power_loss_is_fair(const datanode& node) const {
  for (const auto& [volume, r] : node.disk) {
    for (const chunk_key key : r.unsynced) {
      const bool elsewhere = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& other) {
        const auto at = other->disk.find(volume);
        return other.get() != &node && at != other->disk.end() && at->second.live.contains(key);
      });
      if (!elsewhere) return false;
    }
  }
  return true;
}

/// Only if nothing is on this disk alone: then as many nodes as there are copies have failed.
bool world::disk_loss_is_fair(const datanode& node) { return held_elsewhere(node, false); }

bool world::held_elsewhere(const datanode& node, bool clones_too) const {
  const auto holds = [&](const datanode& other, volume_id volume, chunk_key key) {
    const auto at = other.disk.find(volume);
    return &other != &node && at != other.disk.end() && at->second.live.contains(key);
  };
  const auto keeps = [&](const datanode& other, volume_id volume, chunk_key key) {
    const auto at = other.disk.find(volume);
    return holds(other, volume, key) ||
           (&other != &node && at != other.disk.end() && at->second.tombstones.contains(key));
  };
  for (const auto& [volume, r] : node.disk) {
    for (const auto& [key, c] : r.live) {
      const auto elsewhere = [&, v = volume, k = key](const auto& n) { return holds(*n, v, k); };
      const bool held = std::any_of(nodes_.begin(), nodes_.end(), elsewhere) ||
                        (clones_too && std::any_of(clones_.begin(), clones_.end(), elsewhere));
      if (!held) return false;
    }
    // What has been set aside here may be wanted again, too.
    for (const auto& [key, c] : r.tombstones) {
      const auto kept = [&, v = volume, k = key](const auto& n) { return keeps(*n, v, k); };
      const bool held = std::any_of(nodes_.begin(), nodes_.end(), kept) ||
                        (clones_too && std::any_of(clones_.begin(), clones_.end(), kept));
      if (!held) return false;
    }
  }
  return true;
}

// A copy of the disk with the same identity comes up elsewhere. The operator notices soon and takes
// it away, but not while it holds what nobody else has.
void world::clone(datanode& node) {
  const bool cloned = std::any_of(clones_.begin(), clones_.end(), [&](const auto& c) {
    return c->id == node.id && !c->disk.empty();
  });
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

// Where the copy has taken the node's place and holds what is nowhere else, its disk is kept as the
// node's, if the node's own can be spared.
void world::end_clone(datanode& copy, datanode& node) {
  const bool spare_copy = held_elsewhere(copy, true);
  if (!spare_copy && !held_elsewhere(node, true)) {
    at(now_ + 500, [this, &copy, &node] { end_clone(copy, node); });
    return;
  }
  copy.crash();
  if (!spare_copy) {
    node.roll_back(std::move(copy.disk), copy.persisted);
    at(now_ + 100, [&node] { node.start(); });
  }
  copy.disk.clear();
}

void world::snapshot_disk() {
  datanode& n = *nodes_[static_cast<std::size_t>(between(0, options.nodes - 1))];
  snapshot_ = std::make_unique<old_disk>(old_disk{&n, n.disk, n.persisted});
}

/// Nodes whose disks hold all that should be in the volume.
std::size_t world::whole_copies(volume_id volume, const datanode* except) {
  const auto wanted = active().expected(volume);
  return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](const auto& n) {
    const auto at = n->disk.find(volume);
    if (n.get() == except || at == n->disk.end()) return false;
    return std::all_of(wanted.begin(), wanted.end(), [&](const auto& entry) {
      const auto live = at->second.live.find(entry.first);
      return live != at->second.live.end() && live->second.what == entry.second;
    });
  }));
}

void world::check_drop(const datanode& node, volume_id volume) {
  const bool own =
      std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.get() == &node; });
  if (!own || !active().ready()) return;
  const meta::volume_entry* entry = active().state().volumes().find(volume);
  if (entry == nullptr || entry->info.digest.count == 0) return;
  // A disk that fails after its report, and before the drop, is the fault's doing, not the drop's.
  const bool disks_fail = options.disk_loss || options.disk_rollback || options.clones;
  const std::size_t least = disks_fail ? 1 : entry->info.replication;
  const std::size_t stay = whole_copies(volume, &node);
  if (stay < least) {
    fail(node.address + " drops volume " + std::to_string(volume.value) + ", and only " +
         std::to_string(stay) + " whole copies stay");
  }
}

void world::copying(const datanode& node, volume_id volume) {
  ++copies_;
  last_copy_ = now_;
  if (node.copies_running > copies_at_once_max) fail(node.address + " makes too many copies");
  if (options.only_short) fail("volume " + std::to_string(volume.value) + " is copied for nothing");
}

void world::fault_node(datanode& node) {
  if (!node.up() || node.paused()) return;
  const std::int64_t kind = between(0, 9);
  if (kind <= 4) {
    if (kind == 0 && options.disk_loss && disk_loss_is_fair(node)) {
      node.lose_disk();
    } else if (kind == 1 && options.disk_rollback && snapshot_ && snapshot_->of->up() &&
               disk_loss_is_fair(*snapshot_->of)) {
      datanode& old = *snapshot_->of;
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
    node.slow_until = now_ + between(500, 4'000);
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
  isolated_ = {n < nodes_.size() ? static_cast<const process*>(nodes_[n].get()) : &active()};
  if (chance(0.2)) {
    for (const auto& node : nodes_) {
      if (chance(0.4)) isolated_.insert(node.get());
    }
  }
  note(std::to_string(isolated_.size()) + " are cut off");
  at(now_ + between(200, options.only_short ? 2'000 : 4'000), [this] { isolated_.clear(); });
}

void world::operate() {
  if (!active().ready() || active().paused()) return;
  const node_id node = nodes_[static_cast<std::size_t>(between(0, options.nodes - 1))]->id;
  switch (between(0, 5)) {
    case 0: active().decide(node, {meta::node_decision::decommission, 0}); break;
    case 1: active().rest(node, between(1'000, 12'000)); break;
    case 2: active().decide(node, {}); break;
    case 3: (void)active().controller().pause_rebalance(chance(0.5), now_); break;
    default:
      active().controller().start_rebalance(static_cast<double>(between(2, 30)) / 100, now_);
      break;
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

// ---- running ------------------------------------------------------------------------------------

void world::step_until(time_ms end) {
  while (!failed() && !events_.empty() && events_.top().when <= end) {
    // The queue's top is constant; the event is moved out right before it is removed.
    event next = std::move(const_cast<event&>(events_.top()));
    events_.pop();
    now_ = next.when;
    next.what();
  }
  now_ = std::max(now_, end);
}

std::string world::run() {
  masters_[0]->start();
  for (const auto& n : nodes_) n->start();
  for (const auto& c : clients_) c->start();
  at(now_ + 1'500, [this] { fault(); });
  const time_ms storm_end = now_ + options.storm_ms;
  while (!failed() && now_ < storm_end) {
    step_until(std::min(storm_end, now_ + check_interval_ms));
    check_sources();
  }
  if (!failed()) begin_calm();
  const time_ms end = now_ + options.calm_ms;
  while (!failed() && now_ < end) {
    step_until(std::min(end, now_ + 4 * check_interval_ms));
    check_sources();
  }
  if (!failed()) check_end();
  note(std::to_string(acknowledged_.size()) + " files, " + std::to_string(removed_.size()) +
       " removed, " + std::to_string(contents_.size()) + " chunks stored, " +
       std::to_string(order_) + " events");
  return failure_;
}

// ---- checks -------------------------------------------------------------------------------------

void world::check_sources() {
  if (failed() || !active().ready()) return;
  std::unordered_map<volume_id, std::vector<const replica*>> holders;
  for (const auto* list : {&nodes_, &clones_}) {
    for (const auto& n : *list) {
      for (const auto& [volume, r] : n->disk) holders[volume].push_back(&r);
    }
  }
  for (const auto& [path, chunks] : active().files()) {
    for (const meta::chunk_record& c : chunks) {
      const content wanted{c.size, c.crc32c.value};
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
  if (m.controller().rebalance().running) return fail("a rebalance does not end");
  for (const auto& n : nodes_) {
    const cluster::node_view* view = m.controller().nodes().find(n->id);
    if (view == nullptr || view->wish != cluster::node_wish::leaving) continue;
    for (const auto& [volume, r] : n->disk) {
      // What a replaced master made and the log does not have is nobody's: it is left alone.
      if (m.state().volumes().find(volume) == nullptr) continue;
      return fail(n->address + " was to be emptied of volume " + std::to_string(volume.value));
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
  for (std::uint32_t slot = 0; slot < m.state().volumes().size() && !failed(); ++slot) {
    check_volume(m, m.state().volumes()[meta::volume_slot(slot)].info);
  }
}

void world::check_volume(master& m, const volume_info& info) {
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
    const auto live = r.live.find(key);
    if (live == r.live.end() || live->second.what != c) {
      return fail(name + " lacks key " + std::to_string(key));
    }
  }
}

}  // namespace ssdfs::sim
