// A datanode of the simulation: the production agent over a model of a disk.
#pragma once

#include "base/result.hpp"
#include "cluster/agent.hpp"
#include "sim/sim_master.hpp"
#include "sim/world.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ssdfs::sim {

struct stored_chunk {
  content what;
  bool synced = false;
};

/// What a disk holds of a volume. A change of state or generation syncs everything.
struct replica {
  generation_t generation = 0;
  replica_state state = replica_state::open;
  std::map<chunk_key, stored_chunk> live;
  std::map<chunk_key, content> tombstones;
  std::map<chunk_key, time_ms> settled;  ///< of the tombstones, those that go by themselves, when
  std::vector<chunk_key> unsynced;       ///< in the order of their appending
  std::uint64_t removal_number = 0;
  std::uint64_t dead_bytes = 0;

  [[nodiscard]] replica_report report(volume_id id) const;
  void sync();
  /// Drops the tombstones whose time is over, as a compaction does.
  void compact(time_ms now);
};

/// What a record takes on a disk beside its content.
inline constexpr std::uint64_t needle_overhead = 32;

class datanode : public process {
 public:
  datanode(world& w, int index);

  void start();
  /// kill -9: everything written stays, synced or not.
  void crash();
  /// The machine loses power: appends that were not synced are lost from some point on.
  void lose_power();
  /// The disk is replaced by an empty one; the identity stays.
  void lose_disk();
  /// The disk is replaced by an older copy of itself.
  void roll_back(std::map<volume_id, replica> old, const witness& seen);
  /// The connection to the master ends without a reason.
  void break_link();
  [[nodiscard]] bool registered() const;

  /// Called at the node, for a client or for the node before it in the chain.
  using write_reply = std::function<void(result<void>)>;
  struct write_request {
    volume_id volume;
    generation_t generation = 0;
    chunk_key key = 0;
    content what;
    std::vector<std::string> next;
  };
  void write(const write_request& request, const write_reply& reply);

  // ---- from the master, over the link ----
  void link_accepted(std::uint64_t attempt, std::uint64_t link);
  void master_gone(const std::string& master_address);
  template <class Event>
  void answer(std::uint64_t link, Event event) {
    if (link != link_ || !agent_) return;
    event(*agent_);
    pump();
  }

  node_id id;
  std::string address;
  std::map<volume_id, replica> disk;
  witness persisted;
  std::string rack;
  std::size_t copies_running = 0;
  bool off = false;      ///< switched off for good: start() does nothing
  bool standin = false;  ///< a clone that has taken the node's place

 private:
  void pump();
  void perform(cluster::action::connect& a);
  void perform(cluster::action::disconnect& a);
  void perform(cluster::action::send_registration& a);
  void perform(cluster::action::send_page& a);
  void perform(cluster::action::send_heartbeat& a);
  void perform(cluster::action::persist_witness& a);
  void perform(cluster::action::apply_settings& a);
  void perform(cluster::action::take_tickets& a);
  void perform(cluster::action::execute& a);
  void perform(cluster::action::cancel& a);
  void perform(cluster::action::complain& a);
  void arm_timer();
  void sync_all();
  void changed(volume_id volume);
  void report_disks();
  void finish(const order& what, const result<void>& outcome);
  [[nodiscard]] result<void> run(const order& what);
  [[nodiscard]] result<void> create(const order& what);
  [[nodiscard]] result<void> remove_keys(const order& what, replica& r);
  [[nodiscard]] result<void> copy(const order& what);
  void reconcile_later(const order& what);
  [[nodiscard]] result<void> reconcile(const order& what, const live_list& list);
  /// `answered` becomes false if a source does not answer.
  [[nodiscard]] std::optional<content> fetch(const order& what, chunk_key key, bool& answered);

  /// Sends to the master if there is a link; its reply finds the agent only on the same link.
  void to_master(std::function<void(master&, std::uint64_t link)> what);
  void close_link();

  std::unique_ptr<cluster::agent> agent_;
  std::uint64_t attempt_ = 0;  ///< counts tries to connect
  std::uint64_t link_ = 0;     ///< the connection's number; 0: none
  master* linked_to_ = nullptr;
  time_ms timer_at_ = cluster::never;
  std::set<std::uint64_t> cancelled_;  ///< orders
  std::vector<chunk_content> absent_;  ///< of the reconcile that has just been done
  std::vector<chunk_content> found_;
};

/// What a disk held some time ago.
struct old_disk {
  datanode* of = nullptr;
  std::map<volume_id, replica> disk;
  witness persisted;
};

}  // namespace ssdfs::sim
