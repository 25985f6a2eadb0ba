// Inside of the controller: shared by controller*.cpp only.
#pragma once

#include "base/host_kind.hpp"
#include "cluster/controller.hpp"
#include "cluster/copy_meter.hpp"
#include "cluster/order_book.hpp"
#include "cluster/placement.hpp"
#include "cluster/rebalance.hpp"
#include "cluster/volume_agenda.hpp"
#include "cluster/volume_ledger.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace ssdfs::cluster {

struct controller::impl {
  impl(controller_settings s, const durable_state& d, time_ms now);

  // controller.cpp: events
  void adopt_volume(const volume_info& info, time_ms now);
  void take_report(node_id node, const replica_report& report);
  [[nodiscard]] result<void> check_successor(const node_registration& registration,
                                             time_ms now) const;
  void take_failure(node_id from, const chain_failure& failure);
  void take_result(node_id node, const order_result& result);
  void take_absence(node_id node, volume_record& record, const order_result& result);
  void nodes_changed(time_ms now);
  void mark(volume_id id) { agenda_.mark(id); }
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
  [[nodiscard]] volume_share share_of(const volume_record& record, const volume_info& info,
                                      const volume_decision& decision) const;
  void stop_reopening(volume_id id, volume_record& record, const volume_info& info);
  void update_safe_mode(time_ms now);
  [[nodiscard]] bool idle() const;  ///< this master may not act
  [[nodiscard]] bool fill_order(order_book::entry& entry, order& out);

  // controller_pool.cpp: volumes ahead of demand
  void count_in_pool(volume_id id, const volume_share& share, bool add);
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

  volume_ledger ledger_;
  volume_agenda agenda_;
  log_requests requests_;

  // Pool.
  std::array<std::set<volume_id>, class_count> ready_;
  std::array<std::set<volume_id>, class_count> reopenable_;
  std::array<std::set<volume_id>, class_count> reopening_;  ///< asked for, not logged yet
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
  std::set<std::string> racks_;  ///< of the nodes that take data

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
  bool mass_silence_ = false;
};

}  // namespace ssdfs::cluster
