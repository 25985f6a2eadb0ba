// What the nodes have reported of their replicas, who is a member of what, and the totals over all
// volumes.
#pragma once

#include "base/ids.hpp"
#include "base/volume_info.hpp"
#include "cluster/cluster_report.hpp"
#include "cluster/time.hpp"
#include "cluster/volume_life.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace ssdfs::cluster {

/// Replication classes are 1 to 3; arrays are indexed by them.
inline constexpr std::size_t class_count = 4;

/// The class that the volume is counted in.
[[nodiscard]] inline std::uint8_t class_of(const volume_info& info) noexcept {
  return std::clamp<std::uint8_t>(info.replication, 1, class_count - 1);
}

/// What a node said of a replica in this epoch.
struct reported_replica {
  node_id node;
  replica_report report;
  bool drop_ordered = false;  ///< it was told to drop it, and has said nothing of the replica since
};

/// Room of one open volume on one member that grants have reserved and nobody has written.
struct reservation {
  node_id node;
  std::uint64_t bytes = 0;
  friend bool operator==(const reservation&, const reservation&) = default;
};

/// What one volume is in the totals. A volume that has no part in them yet has a share of zeros.
struct volume_share {
  bool known = false;  ///< the log has the volume
  bool open = false;
  bool ready = false;       ///< may be granted
  bool reopenable = false;  ///< closed with room, and nobody has asked yet to open it
  bool supply = false;      ///< open or opening, with room: needs no replacement
  bool under = false;       ///< fewer good copies than wanted
  bool over = false;        ///< more replicas than wanted
  bool has_content = false;
  bool has_copy = false;  ///< a node has reported a replica that is not damaged
  bool narrow = false;    ///< fewer members than copies wanted
  bool one_rack = false;
  std::uint8_t replication = 0;  ///< its class
  std::uint64_t missing = 0;     ///< chunks that no node has reported a replica for
  std::uint64_t bad_records = 0;
  std::uint64_t unknown_replicas = 0;  ///< replicas, if the log does not have the volume
  std::vector<reservation> reserved;   ///< one for each member, if it is open
};

/// Live chunks that a compared replica lacks and had from nobody. Holds as long as the replica does
/// not change, nor the volume, nor the process that said it.
struct absence {
  node_id node;
  std::uint64_t incarnation = 0;
  replica_report replica;
  volume_digest wanted;  ///< the volume's
  std::vector<chunk_content> chunks;
};

/// The controller's memory of a volume beside the durable truth.
struct volume_record {
  // Kept by the ledger.
  std::vector<reported_replica> replicas;   ///< one for each node that has reported one
  bool known = false;                       ///< the log has had it since index() was called
  volume_state state = volume_state::open;  ///< as of the last index(), like the next two
  generation_t generation = 0;
  std::vector<node_id> members;
  volume_share share;

  // Kept by whoever evaluates the volume.
  std::vector<absence> absences;
  txid life_changed;  ///< last record of its life: orders wait until it is committed
  bool opened_before_start = false;
  bool seal_requested = false;
  bool wanted_open = false;
  generation_t chain_failed = 0;  ///< generation at which a chain reported a failure
  generation_t ready_generation = 0;
  std::vector<std::pair<node_id, std::uint64_t>> ready_incarnations;
  time_ms opened_at = 0;
  time_ms suspect_until = 0;     ///< a client complained: offered last
  time_ms no_request_until = 0;  ///< the log refused a request
  std::uint64_t ticket = 0;      ///< request in flight

  std::optional<node_id> repair_target;  ///< gets a copy, as one of repairing_
  node_id repair_source;                 ///< whose streams the copy counts for
  node_id repair_avoid;                  ///< a target that failed
  std::optional<node_id> move_from;      ///< gives its place to repair_target
  bool spreads = false;                  ///< it does so to get the copies into other racks
  time_ms held_closed_until = 0;         ///< a move has been planned

  volume_condition condition = volume_condition::opening;
  std::uint32_t complete = 0;

  /// The node's replica, nullptr if it has reported none.
  [[nodiscard]] const reported_replica* replica_on(node_id node) const noexcept {
    const auto at = std::find_if(replicas.begin(), replicas.end(),
                                 [&](const reported_replica& r) { return r.node == node; });
    return at == replicas.end() ? nullptr : &*at;
  }
};

/// The controller's memory of a node beside the registry's.
struct node_record {
  // Kept by the ledger.
  std::unordered_set<volume_id> member_of;
  std::unordered_set<volume_id> holds;  ///< replicas that it has reported
  std::uint32_t open_volumes = 0;  ///< open volumes it is a member of, those asked for included
  std::uint64_t reserved_bytes = 0;

  std::uint32_t repairs_in = 0;   ///< volumes that are copied to it
  std::uint32_t repairs_out = 0;  ///< and from it
  std::uint64_t stuck = 0;        ///< it leaves, and nobody can take so many of its volumes
  bool usable = false;
  time_ms no_volumes_until = 0;  ///< it failed to open replicas: gets no new volumes
};

/// The books of one controller.
///
/// Operation: reports of replicas and changes of members come in as they happen; the share of a
/// volume is taken off before the volume is evaluated, and put back, as it is then, afterwards.
///
/// Invariants, after each call:
///  * a node `holds` a volume exactly if the volume's record has a replica on that node;
///  * a node is `member_of` a volume exactly if the volume's record has the node as a member;
///  * each total is the sum over the shares of all volumes: count() alone changes totals, for
///    adding and for taking off, so that the two cannot differ. A total below zero ends the
///    process.
///
/// Concurrency: one strand.
class volume_ledger {
 public:
  // ---- volumes --------------------------------------------------------------------------------

  [[nodiscard]] const std::unordered_map<volume_id, volume_record>& volumes() const noexcept {
    return volumes_;
  }
  /// The record of the volume, made if there is none. Valid until erase() of the same volume.
  [[nodiscard]] volume_record& volume(volume_id id) { return volumes_[id]; }
  /// nullptr if nothing is known of the volume.
  [[nodiscard]] volume_record* find(volume_id id);
  [[nodiscard]] const volume_record* find(volume_id id) const;
  /// Takes state, generation and members of the volume over from the log.
  void index(const volume_info& info);
  /// Forgets a volume that has neither replicas, nor members, nor a share.
  void erase(volume_id id);

  // ---- replicas -------------------------------------------------------------------------------

  /// The node's last word on its replica: takes the place of what it said before.
  void report(node_id node, const replica_report& report);
  /// The node has no replica of the volume any more. False if it had none.
  bool forget_replica(node_id node, volume_id id);
  /// The node begins a new report: all that it said before is gone. The volumes it had.
  std::vector<volume_id> forget_replicas(node_id node);

  // ---- nodes ----------------------------------------------------------------------------------

  /// The record of the node, made if there is none. Valid for ever.
  [[nodiscard]] node_record& node(node_id id) { return nodes_[id]; }
  [[nodiscard]] const node_record* find_node(node_id id) const;
  /// A volume on these nodes has been asked for: it counts as open on them until expect_no_more().
  void expect_open(const std::vector<node_id>& members);
  void expect_no_more(const std::vector<node_id>& members);

  // ---- totals ---------------------------------------------------------------------------------

  /// Takes the volume's share off all totals, and returns it. Nothing if it has none.
  volume_share take_off(volume_id id, volume_record& record);
  /// Adds the share. The volume must have none.
  void put(volume_id id, volume_record& record, volume_share share);

  /// All but orders_outstanding.
  [[nodiscard]] const cluster_counts& counts() const noexcept { return counts_; }
  /// Volumes with fewer members than copies wanted.
  [[nodiscard]] const std::set<volume_id>& narrow() const noexcept { return narrow_; }
  /// Volumes that are whole, with copies that share a rack although others have room.
  [[nodiscard]] const std::set<volume_id>& one_rack() const noexcept { return one_rack_; }
  [[nodiscard]] std::uint64_t with_content() const noexcept { return with_content_; }
  /// Those of them of which a copy has been reported.
  [[nodiscard]] std::uint64_t with_copy() const noexcept { return with_copy_; }

 private:
  enum class sign : std::uint8_t { plus, minus };
  void count(volume_id id, const volume_share& share, sign which);

  std::unordered_map<volume_id, volume_record> volumes_;
  std::unordered_map<node_id, node_record> nodes_;
  cluster_counts counts_;
  std::set<volume_id> narrow_;
  std::set<volume_id> one_rack_;
  std::uint64_t with_content_ = 0;
  std::uint64_t with_copy_ = 0;
};

}  // namespace ssdfs::cluster
