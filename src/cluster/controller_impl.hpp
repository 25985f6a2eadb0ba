// Inside of the controller: shared by controller*.cpp only.
#pragma once

#include "base/host_kind.hpp"
#include "cluster/controller.hpp"
#include "cluster/order_book.hpp"
#include "cluster/placement.hpp"
#include "cluster/rebalance.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace ssdfs::cluster {

/// Replication classes are 1 to 3; arrays are indexed by them.
inline constexpr std::size_t class_count = 4;

/// What a node said of a replica in this epoch.
struct reported_replica {
  node_id node;
  replica_report report;
  bool drop_ordered = false;
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

/// Room of one open volume on one member that grants have reserved and nobody has written.
struct reservation {
  node_id node;
  std::uint64_t bytes = 0;
};

/// What a volume adds to the totals; taken off before its next evaluation.
struct volume_share {
  bool counted = false;
  bool open = false;
  bool ready = false;
  bool supply = false;  ///< open or opening, with room: needs no replacement
  bool under = false;
  bool over = false;
  bool has_content = false;
  bool has_copy = false;
  bool unknown = false;
  bool narrow = false;
  bool one_rack = false;
  std::uint8_t replication = 0;
  std::uint64_t missing = 0;
  std::uint64_t bad_records = 0;
  std::vector<reservation> reserved;
};

/// The controller's memory of a volume beside the durable truth.
struct volume_record {
  std::vector<reported_replica> replicas;
  std::vector<absence> absences;

  // As of the last volume_changed(), to see what a change was and to keep the index of members.
  bool known = false;
  volume_state state = volume_state::open;
  generation_t generation = 0;
  std::vector<node_id> members;

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
  time_ms wake_at = never;

  std::optional<node_id> repair_target;  ///< gets a copy, as one of repairing_
  node_id repair_source;                 ///< whose streams the copy counts for
  node_id repair_avoid;                  ///< a target that failed
  std::optional<node_id> move_from;      ///< gives its place to repair_target
  bool spreads = false;                  ///< it does so to get the copies into other racks
  time_ms held_closed_until = 0;         ///< a move has been planned

  volume_condition condition = volume_condition::opening;
  std::uint32_t complete = 0;
  volume_share share;
};

/// The controller's memory of a node beside the registry's.
struct node_record {
  std::unordered_set<volume_id> member_of;
  std::unordered_set<volume_id> holds;  ///< replicas that it has reported
  std::uint32_t open_volumes = 0;
  std::uint64_t reserved_bytes = 0;
  std::uint32_t repairs_in = 0;   ///< volumes that are copied to it
  std::uint32_t repairs_out = 0;  ///< and from it
  std::uint64_t stuck = 0;        ///< it leaves, and nobody can take so many of its volumes
  bool usable = false;
  time_ms no_volumes_until = 0;  ///< it failed to open replicas: gets no new volumes
};

struct controller::impl {
  impl(controller_settings s, const durable_state& d, time_ms now);

  // controller.cpp: events
  void adopt_volume(const volume_info& info, time_ms now);
  void index_members(volume_id id, volume_record& record, const volume_info& info);
  void take_report(node_id node, const replica_report& report);
  void forget_replica(node_id node, volume_id id);
  void forget_replicas(node_id node);
  [[nodiscard]] result<void> check_successor(const node_registration& registration,
                                             time_ms now) const;
  void take_failure(node_id from, const chain_failure& failure);
  [[nodiscard]] volume_record* record_of(volume_id id) {
    const auto at = volumes_.find(id);
    return at == volumes_.end() ? nullptr : &at->second;
  }
  void take_result(node_id node, const order_result& result);
  void take_absence(node_id node, volume_record& record, const order_result& result);
  void nodes_changed(time_ms now);
  void mark(volume_id id) { dirty_.insert(id); }
  void mark_all();
  void settle(time_ms now);  ///< evaluates what is dirty; the end of every event

  // controller_plan.cpp: evaluation of volumes
  void evaluate(volume_id id, time_ms now);
  void fill_situation(volume_id id, const volume_record& record, time_ms now,
                      volume_situation& into, std::vector<replica_view>& replicas) const;
  [[nodiscard]] replica_view view_of(const volume_record& record, node_id node,
                                     const reported_replica* replica) const;
  void evaluate_unknown(volume_id id, volume_record& record);
  /// Whether a record of the volume may be asked for now: one at a time, and after a refusal not at
  /// once; then the volume is looked at again when it may.
  [[nodiscard]] bool may_request(volume_id id, volume_record& record, time_ms now);
  void request(volume_id id, volume_record& record, const log_step& step);
  void request(volume_id id, volume_record& record, log_request::kind what,
               std::vector<chunk_content> chunks);
  [[nodiscard]] std::vector<chunk_content> lost_chunks(
      const volume_record& record, const volume_info& info,
      std::span<const replica_view> replicas) const;
  void take_share(volume_id id, volume_record& record);
  void give_share(volume_id id, volume_record& record, const volume_info& info,
                  const volume_decision& decision);
  void stop_reopening(volume_id id, volume_record& record, const volume_info& info);
  void wake_at(volume_id id, volume_record& record, time_ms when);
  void update_safe_mode(time_ms now);
  [[nodiscard]] bool idle() const;  ///< this master may not act
  [[nodiscard]] bool fill_order(order_book::entry& entry, order& out);

  // controller_pool.cpp: volumes ahead of demand
  void keep_pool(time_ms now);
  void keep_class(std::uint8_t replication, time_ms now);
  [[nodiscard]] bool reopen_one(std::uint8_t replication, const std::vector<node_id>& exclude,
                                node_id needed = {});
  [[nodiscard]] bool add_one(std::uint8_t replication, const std::vector<node_id>& exclude,
                             time_ms now, node_id needed = {});
  [[nodiscard]] std::map<node_id, std::uint32_t> opening_on(std::uint8_t replication) const;
  [[nodiscard]] node_id node_in_want(std::uint8_t replication) const;
  [[nodiscard]] double free_race(const volume_info& info);
  [[nodiscard]] std::size_t supply_target(std::uint8_t replication) const;
  [[nodiscard]] std::vector<placement_candidate> candidates() const;
  [[nodiscard]] std::uint64_t node_room(const node_view& node) const;
  [[nodiscard]] std::size_t roomy_nodes() const;
  [[nodiscard]] bool narrow_allowed(std::uint8_t replication, time_ms now) const;
  void note_given_up(const volume_record& record, const volume_info& info, time_ms now);
  [[nodiscard]] bool too_many_given_up(std::uint8_t replication, time_ms now);
  [[nodiscard]] bool more_members_possible(const volume_info& info) const;
  [[nodiscard]] std::uint64_t grant_room(const volume_info& info) const;
  [[nodiscard]] volume_choice offer(const volume_wish& wish, std::uint8_t replication,
                                    const std::vector<node_id>& exclude, time_ms now);

  // controller_repair.cpp: copies for what dead nodes held
  void plan_copies(time_ms now);  ///< repairs, then moves
  void plan_repair();
  void end_what_is_over();
  [[nodiscard]] bool is_over(volume_id id, const volume_record& record) const;
  [[nodiscard]] bool needs_target(volume_id id, const volume_record& record) const;
  [[nodiscard]] bool begin_repair(volume_id id, volume_record& record,
                                  std::optional<node_id> move_from = {});
  void begin_copy(volume_id id, volume_record& record, node_id source, node_id target);
  void end_repair(volume_id id, volume_record& record);
  [[nodiscard]] node_id choose_source(const volume_info& info, const volume_record& record);
  [[nodiscard]] node_id choose_target(const volume_info& info, const volume_record& record,
                                      std::optional<node_id> leaves);
  [[nodiscard]] std::uint64_t copied_bytes(volume_id id, const volume_record& record) const;
  [[nodiscard]] std::uint64_t copy_rate(const volume_record& record) const;

  // controller_moves.cpp: decommission and rebalance
  void plan_moves(time_ms now);
  [[nodiscard]] bool may_move(volume_id id, const volume_record& record) const;
  [[nodiscard]] bool move_wanted(const volume_record& record) const;
  [[nodiscard]] bool is_leaving(node_id node) const;
  [[nodiscard]] bool is_emptied(const node_view& node, const node_record& record) const;
  [[nodiscard]] bool can_go(const volume_info& info) const;
  [[nodiscard]] bool has_other_node(const volume_info& info) const;
  [[nodiscard]] std::string held_up(const node_view& node, const node_record& record) const;
  [[nodiscard]] copy_meter& meter_of(const volume_record& record);
  void sample_copies(time_ms now);
  void empty_leaving_nodes();
  void go_on_rebalancing(time_ms now);
  void begin_planned(time_ms now);
  [[nodiscard]] bool somebody_is_awaited(time_ms now) const;
  void end_rebalance(std::string why);
  [[nodiscard]] balance_input balance(double threshold) const;
  [[nodiscard]] std::vector<node_id> coming_members(volume_id id, const volume_info& info,
                                                    const volume_record& record) const;

  // controller_racks.cpp: copies that share a rack
  void watch_racks();
  [[nodiscard]] std::vector<std::string_view> racks_of(const std::vector<node_id>& nodes) const;
  [[nodiscard]] bool shares_rack(const volume_info& info) const;
  [[nodiscard]] bool could_spread(const volume_info& info) const;
  [[nodiscard]] node_id crowded_member(const volume_info& info) const;
  void spread_over_racks();

  controller_settings settings_;
  const durable_state& state_;
  registry registry_;
  order_book book_;
  random_source random_;
  time_ms started_;
  time_ms now_;
  txid committed_;

  std::unordered_map<volume_id, volume_record> volumes_;
  std::map<node_id, node_record> nodes_;
  std::set<volume_id> dirty_;
  std::set<std::pair<time_ms, volume_id>> wakes_;
  std::multimap<txid, volume_id> waiting_for_log_;

  // Log requests.
  std::uint64_t last_ticket_ = 0;
  std::vector<log_request> requests_;
  struct in_flight {
    volume_id volume;  ///< 0 for an add
    std::uint8_t replication = 0;
    std::vector<node_id> members;
  };
  std::map<std::uint64_t, in_flight> tickets_;

  // Pool.
  std::array<std::set<volume_id>, class_count> ready_;
  std::array<std::set<volume_id>, class_count> reopenable_;
  std::array<std::set<volume_id>, class_count> reopening_;  ///< asked for, not logged yet
  std::array<std::set<volume_id>, class_count> narrow_;     ///< fewer members than copies wanted
  std::array<std::size_t, class_count> narrow_open_{};
  std::array<std::size_t, class_count> supply_{};
  std::array<std::size_t, class_count> adds_in_flight_{};
  std::array<time_ms, class_count> demanded_until_{};
  std::array<time_ms, class_count> unserved_since_{never, never, never, never};
  /// When volumes with room left were sealed, those aside that were opened again.
  std::array<std::deque<time_ms>, class_count> given_up_;
  std::array<time_ms, class_count> last_add_{};
  std::size_t roomy_nodes_ = 0;
  bool pool_dirty_ = true;
  bool ready_changed_ = false;
  time_ms last_arrival_;      ///< when a node last became usable
  time_ms no_add_until_ = 0;  ///< the log refused an ADD_VOLUME

  // Racks.
  std::set<std::string> racks_;   ///< of the nodes that take data
  std::set<volume_id> one_rack_;  ///< volumes in that condition

  // Repair.
  std::set<volume_id> repairing_;  ///< volumes with a target: repairs and moves
  time_ms next_repair_ = 0;
  copy_meter repairs_;
  copy_meter decommissions_;

  // Rebalance.
  struct pending_move {
    planned_move what;
    time_ms deadline = 0;  ///< until then it must have begun, or it is planned anew
  };
  rebalance_status rebalance_;
  bool rebalance_planned_ = false;  ///< the sizes of its plan are in rebalance_
  copy_meter rebalanced_;
  std::map<volume_id, pending_move> pending_moves_;  ///< wait to be closed, or for a stream

  // Safe mode.
  enum class safe : std::uint8_t { off, starting, by_operator };
  safe safe_ = safe::starting;
  std::uint64_t with_content_ = 0;
  std::uint64_t with_copy_ = 0;
  bool mass_silence_ = false;

  cluster_counts counts_;
};

}  // namespace ssdfs::cluster
