// The brain of a master's cluster side: it knows the nodes and their replicas, decides what each
// volume needs, and keeps volumes ready for writers.
//
// How the master drives it:
//   events in      register_node, report_volumes, heartbeat, connection_closed  (from datanodes)
//                  volume_changed, grants_changed, request_done, committed      (from its log)
//                  tick                                     (each 100 to 1,000 ms)
//   after any event:
//     for (log_request& r : take_log_requests())  -> check and append the edit record, apply it,
//                                                    volume_changed(id), request_done(r.ticket)
//     for (node_id n : take_nodes_with_orders())  -> answer the heartbeat held for n, if there is
//                                                    one, with take_orders(n)
//     if (take_ready_changed())                   -> serve clients that wait for a grant
//
// Concurrency: one strand (the namespace strand); nothing blocks, nothing is thread-safe. The
// durable_state must outlive the controller and change only between its calls.
//
// Cost: an event touches the volumes it concerns; tick is O(nodes + volumes whose time has come).
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "base/volume_info.hpp"
#include "cluster/cluster_report.hpp"
#include "cluster/controller_settings.hpp"
#include "cluster/durable_state.hpp"
#include "cluster/log_requests.hpp"
#include "cluster/placement.hpp"
#include "cluster/rebalance.hpp"
#include "cluster/registry.hpp"
#include "cluster/time.hpp"
#include "cluster/volume_choice.hpp"
#include "cluster/volume_life.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ssdfs::cluster {

class controller {
 public:
  /// Builds its index from all volumes of `state`. Open ones will be sealed (master_started).
  controller(controller_settings settings, const durable_state& state, time_ms now);
  ~controller();
  controller(const controller&) = delete;
  controller& operator=(const controller&) = delete;

  // ---- from datanodes -------------------------------------------------------------------------

  /// The cluster id has been checked by the caller, and a heartbeat of the node that is still held
  /// is dropped: its connection is gone. errc::duplicate_node (also for a new node where one was
  /// that is silent and needed), errc::invalid_argument.
  /// Its volumes follow with report_volumes. After each call the caller looks at deposed_by().
  [[nodiscard]] result<void> register_node(const node_registration& registration,
                                           connection_number connection, time_ms now);
  /// errc::unknown_node: the node must register again. errc::too_large: more than 4,096 replicas.
  [[nodiscard]] result<void> report_volumes(epoch_t epoch, const volume_page& page,
                                            connection_number connection, time_ms now);
  /// Takes the changes, results and failures. The answer is take_orders(), at once or held back
  /// while that is empty. A duplicate is answered the same way. errc::unknown_node: register again.
  [[nodiscard]] result<void> heartbeat(const node_heartbeat& beat, connection_number connection,
                                       time_ms now);
  /// The connection that the node registered or sent heartbeats on has ended.
  void connection_closed(node_id node, connection_number connection, time_ms now);
  /// Orders to put into the next heartbeat reply for the node: new ones, and those that were sent
  /// longer than order_resend_ms ago and have no result. Bounded; the rest comes with the next.
  [[nodiscard]] std::vector<order> take_orders(node_id node, time_ms now);
  /// Nodes for which take_orders() has become non-empty since the last call.
  [[nodiscard]] std::vector<node_id> take_nodes_with_orders();

  // ---- from the log ---------------------------------------------------------------------------

  /// A record of the volume was applied (added, sealed, closed, reopened, members, reclaim); `at`
  /// is its txid. No order follows from it before committed(at).
  void volume_changed(volume_id id, txid at, time_ms now);
  /// A GRANT was applied, or grants of the volume ended, or its reclaim became due.
  void grants_changed(volume_id id, time_ms now);
  /// Everything up to `durable` is committed (durable here, and where else it must be).
  void committed(txid durable, time_ms now);
  /// What should be logged now; each is given once. At most one a volume is in flight.
  [[nodiscard]] std::vector<log_request> take_log_requests();
  /// The request was applied (after volume_changed), or refused by the state as it is by now; a
  /// refused one is derived again after a pause if it is still right. Every ticket must be done.
  void request_done(std::uint64_t ticket, bool applied, time_ms now);

  // ---- for clients ----------------------------------------------------------------------------

  /// A volume to grant on. Never waits; asks for more volumes by itself when room runs short.
  [[nodiscard]] volume_choice choose_volume(const volume_wish& wish, time_ms now);
  /// True once after volumes became ready, or a wish that waited may now be refused.
  [[nodiscard]] bool take_ready_changed();
  /// A client says that a write on the volume failed: only a hint, the volume is offered last.
  void grant_failed(volume_id id, time_ms now);
  /// Where a chunk of the volume can be read: live nodes first, the best copies first among them,
  /// those that are about to stop behind them, stale ones last. Members only, unless none of them
  /// has a replica.
  /// `preferred`, if not null, becomes the number of those that are as good as the first.
  [[nodiscard]] std::vector<replica_address> readers(volume_id id,
                                                     std::uint32_t* preferred = nullptr) const;

  // ---- time and operators ---------------------------------------------------------------------

  void tick(time_ms now);
  /// errc::not_found. Sealing what is not open is done already.
  [[nodiscard]] result<void> seal_volume(volume_id id, time_ms now);
  void enter_safe_mode(time_ms now);
  void leave_safe_mode(time_ms now);
  [[nodiscard]] bool safe_mode() const noexcept;
  /// "off", or what it waits for, for people.
  [[nodiscard]] std::string safe_mode_reason() const;
  /// A backup has seen history that the log lacks: as if a node had (see read_only_reason()).
  void distrust(std::string why);
  /// An operator accepts lost history (see registry::accept_loss).
  void accept_loss(time_ms now);

  /// A NODE record was applied, or the log names the node's standing at the start.
  void decide_node(node_id node, node_wish wish, time_ms now);
  /// Bytes per second and node, from now on.
  void set_rates(std::uint64_t repair, std::uint64_t scrub, std::uint64_t rebalance);

  /// What a rebalance would do now; nothing is begun.
  [[nodiscard]] balance_plan plan_rebalance(double threshold) const;
  /// A REBALANCE record was applied, or the log names one at the start: begins it, in place of one
  /// that runs. It goes on by itself until it is done; the caller logs that when rebalancing() has
  /// become false.
  void start_rebalance(double threshold, bool paused, time_ms now);
  /// errc::precondition if none runs. Copies under way are given up, what has moved has moved.
  [[nodiscard]] result<void> pause_rebalance(bool pause, time_ms now);
  /// Ends it like that, for good. Nothing happens if none runs.
  void stop_rebalance(time_ms now);
  /// True from start_rebalance() until it is done or stopped.
  [[nodiscard]] bool rebalancing() const noexcept;
  [[nodiscard]] rebalance_status rebalance() const;

  // ---- views ----------------------------------------------------------------------------------

  /// Copies for what is lacking, and moves away from nodes that leave.
  [[nodiscard]] copy_progress repairs() const;
  [[nodiscard]] copy_progress decommissions() const;
  [[nodiscard]] node_progress progress_of(node_id node) const;
  [[nodiscard]] const registry& nodes() const noexcept;
  [[nodiscard]] cluster_counts counts() const noexcept;
  [[nodiscard]] volume_report report(volume_id id) const;
  /// Replicas that the node has reported, for node lists.
  [[nodiscard]] std::size_t replicas_on(node_id node) const;
  /// Removal batches up to this number are on every member's disk: the log may forget them.
  [[nodiscard]] std::uint64_t removals_settled(volume_id id) const;
  /// Set if a node knows of a higher epoch: this master must stop at once.
  [[nodiscard]] const std::optional<witness>& deposed_by() const noexcept;
  /// Set if a node has seen history that this master's log lacks: reads only. No orders and no log
  /// requests come out meanwhile.
  [[nodiscard]] const std::optional<std::string>& read_only_reason() const noexcept;
  [[nodiscard]] const controller_settings& settings() const noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace ssdfs::cluster
