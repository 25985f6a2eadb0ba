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
#include "cluster/placement.hpp"
#include "cluster/rebalance.hpp"
#include "cluster/registry.hpp"
#include "cluster/time.hpp"
#include "cluster/volume_life.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ssdfs::cluster {

/// Keys whose records are to be removed from the replicas of a volume: one RECLAIM record.
struct removal_batch {
  std::uint64_t number = 0;  ///< 1, 2, ... per volume
  std::vector<chunk_key> keys;
  txid logged;
};

/// The durable truth that the controller plans on, kept by the master's replayed state.
/// All calls see the state after the last applied record (durable or not).
class durable_state {
 public:
  virtual ~durable_state() = default;
  /// nullptr if there is no such volume. Valid until the next record is applied.
  [[nodiscard]] virtual const volume_info* find(volume_id id) const = 0;
  /// Calls `visit` once for each volume; only used when the controller is made.
  virtual void for_each_volume(const std::function<void(const volume_info&)>& visit) const = 0;
  /// Grants on the volume that have not ended.
  [[nodiscard]] virtual std::size_t grants_outstanding(volume_id id) const = 0;
  /// Lowest number of a removal batch that is still kept for the volume; 0 if none is.
  [[nodiscard]] virtual std::uint64_t first_removal(volume_id id) const = 0;
  /// A kept batch, nullptr if it is not kept. Valid until the next record is applied.
  [[nodiscard]] virtual const removal_batch* removal(volume_id id, std::uint64_t number) const = 0;
  /// True if chunks of the volume are past the delete grace and wait for a RECLAIM record (which
  /// the master writes for closed volumes only).
  [[nodiscard]] virtual bool reclaim_due(volume_id id) const = 0;
  /// Chunks of the volume that no file holds any more and that wait for a RECLAIM record; they are
  /// in its digest.
  [[nodiscard]] virtual std::uint64_t freed_chunks(volume_id id) const = 0;
  /// Chunks of the volume that files name and no replica had; they are not in its digest.
  [[nodiscard]] virtual std::uint64_t lost_chunks(volume_id id) const = 0;
};

struct controller_settings {
  registry_settings nodes;
  life_settings life;
  cluster_settings announced;    ///< what datanodes are told
  std::uint8_t replication = 2;  ///< default class of new volumes
  std::uint8_t min_replication = 1;
  std::int64_t safemode_max_ms = 2'400'000;
  std::uint32_t ready_per_node = 4;       ///< open replicas kept on each node ahead of demand
  std::int64_t degraded_wait_ms = 2'000;  ///< wait for more nodes before making a narrow volume
  std::int64_t order_resend_ms = 5'000;   ///< an order without a result is given again
  std::uint32_t compactions_per_node = 1;
  std::uint32_t copies_per_node = 2;  ///< streams in or out of a node
  /// Bytes per second and node for moves of a rebalance; each stream gets an equal part, as it does
  /// of announced.repair_rate.
  std::uint64_t rebalance_rate = 100ULL << 20;
  std::uint64_t random_seed = 0;
  std::vector<reign> history;  ///< START records of the log, the last is this master's
};

/// A record that the master should append, after checking it against the state as every command.
struct log_request {
  enum class kind : std::uint8_t { add, seal, close, reopen, members, lost, found };
  std::uint64_t ticket = 0;  ///< for request_done
  kind what = kind::add;
  volume_id volume;                        ///< all but add, whose id the log takes
  seal_reason reason = seal_reason::none;  ///< seal
  generation_t generation = 0;             ///< reopen, members: the new; seal, close: the current
  std::uint8_t replication = 0;            ///< add
  std::uint64_t length = 0;                ///< close, reopen: the volume's length from here on
  std::vector<node_id> members;            ///< add, members
  /// lost: no replica has them, if they are still live; found: a replica has them, if they are
  /// lost.
  std::vector<chunk_content> chunks;
};

/// What a writer asks for.
struct volume_wish {
  std::uint8_t replication = 0;  ///< 0: the default class
  std::uint64_t bytes = 0;       ///< room wanted
  std::span<const volume_id> exclude_volumes;
  std::span<const node_id> exclude_nodes;  ///< that failed for the caller
};

/// Where a writer may write, or why not.
struct volume_choice {
  enum class outcome : std::uint8_t {
    ready,         ///< the fields below are filled: append a GRANT for the volume
    wait,          ///< a volume is being opened: ask again when take_ready_changed() says so
    no_datanodes,  ///< fewer live nodes than min-replication (errc::no_datanodes)
    no_space,      ///< there are nodes, but all are full (errc::no_space)
  };
  outcome what = outcome::wait;
  volume_id volume;
  generation_t generation = 0;
  std::uint64_t room = 0;  ///< bytes that may be granted; at least life.min_grant_bytes
  std::vector<replica_address> replicas;  ///< chain order
  std::string why;                        ///< no_datanodes, no_space: with the numbers, for people
};

/// Totals for reports and metrics; kept up to date, O(1).
struct cluster_counts {
  std::uint64_t volumes_open = 0;
  std::uint64_t volumes_sealed = 0;  ///< sealed or closed
  std::uint64_t volumes_ready = 0;
  std::uint64_t under_replicated = 0;  ///< volumes with fewer good copies than wanted
  std::uint64_t over_replicated = 0;   ///< volumes with more replicas than wanted
  std::uint64_t one_rack = 0;          ///< volumes in that condition
  std::uint64_t missing = 0;           ///< chunks in volumes without any reported replica
  std::uint64_t bad_records = 0;       ///< quarantined records on replicas
  std::uint64_t unknown_replicas = 0;  ///< replicas of volumes that the log does not have
  std::uint64_t orders_outstanding = 0;
};

/// Volumes that are copied from node to node for one purpose, and how fast.
struct copy_progress {
  std::uint64_t volumes_running = 0;  ///< being copied now
  std::uint64_t volumes_waiting = 0;  ///< for a stream, or for a node that can take them
  std::uint64_t bytes_left = 0;
  std::uint64_t bytes_done = 0;    ///< since this master started
  std::uint64_t bytes_per_s = 0;   ///< over the last seconds
  std::int64_t time_left_ms = -1;  ///< -1: nothing moves, so it cannot be said
};

/// Measures what copies of one purpose achieve: counters in, a smoothed rate out.
struct copy_meter {
  std::uint64_t finished_bytes = 0;
  std::uint64_t finished_volumes = 0;
  std::uint64_t sampled_bytes = 0;  ///< at the last sample, those under way included
  time_ms sampled_at = 0;
  double bytes_per_s = 0;
  /// `done` bytes by `now`; samples less than a second apart are left out.
  void sample(std::uint64_t done, time_ms now);
};

struct rebalance_status {
  bool running = false;
  bool paused = false;
  double threshold = 0.1;
  std::uint64_t planned_bytes = 0;  ///< by the plan with which it began
  std::uint64_t needed_bytes = 0;   ///< that no plan could do without
  std::uint64_t moved_bytes = 0;
  std::uint64_t moved_volumes = 0;
  std::string reason;  ///< for people; empty if none has run since this master started
  copy_progress progress;
};

/// What is still on a node that shall be left alone.
struct node_progress {
  std::string_view state;          ///< see standing_of()
  std::uint64_t volumes_left = 0;  ///< it is a member of, or holds a replica of
  std::uint64_t bytes_left = 0;
  std::uint64_t volumes_stuck = 0;  ///< that no other node can take now
  std::string waiting;  ///< what holds up a node that leaves, for people; empty if nothing does
};

/// One replica of a volume, for reports.
struct replica_status {
  node_id node;
  bool member = false;
  std::string_view standing;  ///< "complete", or why it does not count
  replica_report report;      ///< generation 0 if there is none
};
struct volume_report {
  volume_condition condition = volume_condition::opening;
  std::uint32_t complete = 0;
  std::size_t grants = 0;
  std::vector<replica_status> replicas;
};

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
