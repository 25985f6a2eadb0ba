// A simulated cluster: virtual time, an unreliable network, processes that crash, pause and come
// back. One thread, one random source: a seed repeats a run exactly.
#pragma once

#include "base/orders.hpp"
#include "cluster/time.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace ssdfs::sim {

using cluster::time_ms;

class master;
class datanode;
class client;
class world;
struct old_disk;

/// Something that runs and may die. Whatever was started in one life does not happen in the next.
class process {
 public:
  explicit process(world& w) : world_(w) {}
  virtual ~process() = default;
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  [[nodiscard]] bool up() const noexcept { return up_; }
  [[nodiscard]] bool paused() const noexcept { return paused_; }
  [[nodiscard]] std::uint64_t life() const noexcept { return life_; }
  void pause() { paused_ = true; }
  void resume();
  /// Messages from and to it take long up to this time.
  time_ms slow_until = 0;
  /// Runs `what` now if the process is in that life; later if it is paused; else never.
  void deliver(std::uint64_t life, std::function<void()> what);
  /// Calls `what` after a delay, in this life only.
  void after(std::int64_t delay_ms, std::function<void()> what);

 protected:
  world& world_;
  bool up_ = false;
  bool paused_ = false;
  std::uint64_t life_ = 0;
  std::vector<std::pair<std::uint64_t, std::function<void()>>> backlog_;
};

struct world_options {
  std::uint64_t seed = 1;
  int nodes = 3;
  int racks = 2;
  int clients = 2;
  std::uint8_t replication = 2;
  bool sync_always = false;
  bool two_masters = false;
  bool disk_loss = false;
  bool disk_rollback = false;  ///< a disk is replaced by an older copy of itself
  bool clones = false;         ///< a second process starts on the copy of a disk
  bool clock_jumps = false;    ///< the masters' wall clock jumps by hours, both ways
  bool operators = false;      ///< nodes are decommissioned, rested and rebalanced
  bool unwritten = false;      ///< clients commit chunks that they never wrote
  bool only_short = false;     ///< no node is away for dead-after: nothing may be copied
  std::int64_t dead_after_ms = 4'000;
  double loss = 0.01;
  double duplication = 0.01;
  double slow = 0.05;                   ///< part of the messages that take long
  std::int64_t fault_pause_ms = 2'000;  ///< longest time between two faults
  std::int64_t storm_ms = 25'000;       ///< faults happen
  std::int64_t calm_ms = 60'000;        ///< everything is up: it must become well by itself
};

/// Names a chunk and its content.
struct content {
  std::uint32_t size = 0;
  std::uint32_t crc = 0;
  friend bool operator==(const content&, const content&) = default;
};

class world {
 public:
  explicit world(const world_options& options);
  ~world();

  /// Storm, calm, checks. Empty if all is well, else what is wrong.
  std::string run();
  /// How often the state refused what the cluster's side wanted to have logged.
  [[nodiscard]] std::uint64_t refusals() const noexcept { return refusals_; }

  // ---- for the actors ----
  [[nodiscard]] time_ms now() const noexcept { return now_; }
  void at(time_ms when, std::function<void()> what);
  [[nodiscard]] bool chance(double p);
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high);
  [[nodiscard]] std::uint64_t random64() { return random_(); }
  [[nodiscard]] uuid random_uuid();
  /// A message to a process: late, lost or doubled as the network likes.
  void send(const process& from, process& to, std::function<void()> what);
  /// The network between them is cut.
  [[nodiscard]] bool cut(const process& a, const process& b) const;
  void fail(std::string what);
  void note(const std::string& what);
  [[nodiscard]] bool failed() const noexcept { return !failure_.empty(); }
  [[nodiscard]] bool promoted() const noexcept { return promoted_; }
  [[nodiscard]] bool calm() const noexcept { return calm_; }

  [[nodiscard]] datanode* node_at(const std::string& address);
  [[nodiscard]] master* master_at(const std::string& address);
  [[nodiscard]] master& active() { return *masters_[active_]; }
  [[nodiscard]] std::uint64_t next_connection() { return ++connections_; }

  /// A replica has stored this: no key may ever have two contents.
  void stored(volume_id volume, chunk_key key, const content& what);
  /// A request of the cluster's side was refused by the state.
  void refused() noexcept { ++refusals_; }
  [[nodiscard]] bool was_stored(volume_id volume, chunk_key key) const {
    return contents_.contains({volume, key});
  }
  /// A node has registered with a master: if it is a clone, it has taken the other's place.
  void registered(const std::string& address);
  /// The master that leads has heard the node, and has looked at its timers.
  void heard(node_id node);
  void listening();
  /// The members of a volume are these from now on.
  void members_are(volume_id volume, const std::vector<node_id>& members, std::uint8_t wanted);
  /// A node copies a volume. For the check that there are no storms of copies.
  void copying(const datanode& node, volume_id volume);
  /// A node is about to drop its replica: enough others must have everything.
  void check_drop(const datanode& node, volume_id volume);
  [[nodiscard]] std::int64_t clock_offset_ms() const noexcept { return clock_offset_ms_; }
  /// A client was told that the file is there (or gone).
  void acknowledged(const std::string& path, const content& what);
  void removed(const std::string& path);
  /// A client died while it asked for a change of the file: it may have happened or not.
  void uncertain(const std::string& path) { uncertain_.insert(path); }

  world_options options;
  std::vector<std::unique_ptr<master>> masters_;
  std::vector<std::unique_ptr<datanode>> nodes_;
  std::vector<std::unique_ptr<client>> clients_;

 private:
  void step_until(time_ms end);
  void fault();
  void fault_node(datanode& node);
  void fault_master();
  void fault_other();
  void promote();
  void cut_off_some();
  void operate();
  void clone(datanode& node);
  void take_place(datanode& copy, datanode& node);
  void end_clone(datanode& copy, datanode& node);
  void snapshot_disk();
  /// Nodes whose disks count: not those that were switched off for a clone, nor clones that nobody
  /// has taken for the node yet.
  [[nodiscard]] std::vector<const datanode*> disks() const;
  /// Everything on the node's disk is on one of the others', too.
  [[nodiscard]] static bool held_by(const std::vector<const datanode*>& others,
                                    const datanode& node);
  void note_absences();
  [[nodiscard]] bool copy_is_explained(volume_id volume) const;
  [[nodiscard]] std::size_t whole_copies(volume_id volume, const datanode* except);
  void begin_calm();
  /// No committed chunk without a copy on some disk.
  void check_sources();
  void check_end();
  /// The volume and its replicas in words.
  [[nodiscard]] std::string describe(master& m, const volume_info& info) const;
  void check_volume(master& m, const volume_info& info);
  void check_replica(master& m, const volume_info& info, const datanode& node);
  [[nodiscard]] bool power_loss_is_fair(const datanode& node) const;
  [[nodiscard]] bool disk_loss_is_fair(const datanode& node) const;
  [[nodiscard]] bool may_fail(const datanode& node) const;

  struct event {
    time_ms when;
    std::uint64_t order;
    std::function<void()> what;
    friend bool operator>(const event& a, const event& b) {
      return std::tie(a.when, a.order) > std::tie(b.when, b.order);
    }
  };
  std::mt19937_64 random_;
  time_ms now_ = 1'000;
  std::uint64_t order_ = 0;
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  std::size_t active_ = 0;
  std::uint64_t connections_ = 0;
  std::set<const process*> isolated_;  ///< cut off from all others, but not from each other
  std::vector<std::unique_ptr<datanode>> clones_;  ///< kept for the events that name them
  std::unique_ptr<old_disk> snapshot_;
  std::int64_t clock_offset_ms_ = 0;
  time_ms last_disk_fault_ = -1'000'000;
  std::map<node_id, time_ms> heard_;  ///< when the master heard the node last, or began to listen
  time_ms listened_at_ = 0;
  std::set<node_id> away_;                          ///< not heard for dead-after, at some time
  std::map<volume_id, std::set<node_id>> members_;  ///< all that ever were
  std::set<volume_id> narrow_;                      ///< made with fewer members than copies wanted
  std::set<volume_id> shared_rack_;  ///< had two members in a rack, and others had none
  std::uint64_t refusals_ = 0;
  std::uint64_t copies_ = 0;
  time_ms last_copy_ = 0;
  bool promoted_ = false;
  bool calm_ = false;
  bool verbose_ = false;
  std::string failure_;
  std::map<std::pair<volume_id, chunk_key>, content> contents_;
  std::map<std::string, content> acknowledged_;
  std::set<std::string> removed_;
  std::set<std::string> uncertain_;
};

}  // namespace ssdfs::sim
