// A datanode's membership: a state machine between its replicas and the master. Events come in,
// actions come out; the datanode performs the actions and reports back with events. Nothing here
// touches a socket, a file or a clock.
//
//   disconnected --connected--> registering --reply--> reporting --last page--> live
//        ^                                                                       |
//        +---------- connection lost, refusal, timeout (after a pause) ----------+
//
// Guarantees:
//  * An epoch is taken only from a registration reply, never goes back, and is bound to the first
//    leader that used it; a master of an older epoch, or a second leader of the same, is left.
//  * The witness (epoch, leader, durable txid) is persisted before a destructive order runs.
//    While it cannot be stored those orders wait; everything else goes on, and storing is tried
//    again.
//  * Orders that wait are dropped when the connection ends, and those that run and remove
//    something are waited for before the replicas are reported again: no report lists what an
//    order of an earlier session then removes.
//  * Each change of a replica reaches the master: heartbeats are numbered and travel on one
//    connection; when that is lost, everything is registered and reported anew.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "cluster/time.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace ssdfs::cluster {

struct agent_config {
  node_id node;
  std::uint64_t incarnation = 0;  ///< start time in microseconds
  std::string name;
  std::string rack;
  std::string address;
  std::string http_address;
  std::vector<std::string> masters;  ///< at least one address
  std::int64_t retry_min_ms = 100;   ///< pause before the next try to connect; doubles
  std::int64_t retry_max_ms = 2'000;
  std::int64_t persist_retry_ms = 250;  ///< pause before the witness is stored again; doubles
  std::int64_t persist_retry_max_ms = 5'000;
  std::int64_t reply_timeout_ms = 5'000;  ///< beyond the time that the master may hold a heartbeat
  std::uint32_t page_size = 4'096;        ///< replicas a page, at most 4,096
  std::uint32_t orders_running_max = 8;   ///< others wait in the queue
  std::uint32_t orders_queued_max = 1'024;  ///< beyond it they are left to be given again
};

/// The values of a master's answer to a registration, without the protocol around it.
struct registration_answer {
  witness reign;
  cluster_settings settings;
  ticket_terms tickets;
};
/// The values of a master's answer to a heartbeat.
struct heartbeat_answer {
  witness reign;
  cluster_settings settings;
  std::vector<order> orders;
  ticket_terms tickets;
};

namespace action {
/// Open a connection to this master; answer with connected() or connection_lost().
struct connect {
  std::string master;
};
/// Close the connection, if one is open. No event is expected.
struct disconnect {};
/// Send and answer with register_answered(). The datanode may fill in the address that it
/// advertises when that depends on the connection.
struct send_registration {
  node_registration registration;
};
/// Send and answer with page_answered(). Pages are sent one at a time.
struct send_page {
  epoch_t epoch;
  volume_page page;
};
/// Send and answer with heartbeat_answered(number, ...). Up to two are on the way at a time.
struct send_heartbeat {
  node_heartbeat heartbeat;
};
/// Write and sync the witness, then answer with witness_persisted(same value) or witness_failed().
struct persist_witness {
  witness value;
};
/// Take these settings of the cluster into use.
struct apply_settings {
  cluster_settings settings;
};
/// Writes are checked by these from now on.
struct take_tickets {
  ticket_terms told;
};
/// Do it and answer with order_finished(). Orders of one volume come one at a time.
struct execute {
  order what;
};
/// Stop this order soon, if it can be stopped (copy, reconcile, compact); order_finished() follows
/// all the same.
struct cancel {
  std::uint64_t order_id = 0;
};
/// Two processes use this node's identity, or the cluster refuses it: tell people. Retried.
struct complain {
  failure why;
};
}  // namespace action

using agent_action =
    std::variant<action::connect, action::disconnect, action::send_registration, action::send_page,
                 action::send_heartbeat, action::persist_witness, action::apply_settings,
                 action::take_tickets, action::execute, action::cancel, action::complain>;

enum class agent_state : std::uint8_t { disconnected, connecting, registering, reporting, live };

/// See the head of this file.
///
/// Operation: call an event, then perform all of take_actions(), in order; call timer() at or after
/// next_deadline(). start() comes first, after all replicas were made known by replica_changed().
///
/// Concurrency: one strand; the datanode's disk work reports back by posting to it.
///
/// Limitations: answers must be given for the connection they were sent on; after disconnect or
/// connection_lost() the answers still on the way must be swallowed (an answer that comes all the
/// same is ignored unless it fits).
class agent {
 public:
  /// `persisted` is the witness read from the data directory (all zero if there is none).
  agent(agent_config config, const witness& persisted);

  void start(time_ms now);

  // ---- connection -----------------------------------------------------------------------------
  void connected(time_ms now);
  /// The connection failed, could not be made, or ended.
  void connection_lost(time_ms now);
  /// errc::not_active may carry the leader's address in failure::hint: it is tried next.
  void register_answered(const result<registration_answer>& answer, time_ms now);
  void page_answered(const result<void>& answer, time_ms now);
  void heartbeat_answered(std::uint64_t number, const result<heartbeat_answer>& answer,
                          time_ms now);

  // ---- from the node itself -------------------------------------------------------------------
  /// A replica is new or changed. Call at once when state, generation or removal number change;
  /// for appends to open replicas once in a while is enough: those wait for the next heartbeat.
  void replica_changed(const replica_report& report, time_ms now);
  void replica_gone(volume_id id, time_ms now);
  void disks_changed(std::vector<disk_report> disks, time_ms now);
  /// This node, as part of a chain, could not forward an append. At most one a volume is kept.
  void chain_failed(const chain_failure& failure, time_ms now);
  /// The report of what an order changed must be given before this.
  void order_finished(const order_result& outcome, time_ms now);
  void witness_persisted(const witness& value, time_ms now);
  /// It could not be stored: the same action follows after a pause, also without a connection.
  void witness_failed(time_ms now);
  /// The node is about to end: the master is told at once, and with every heartbeat from now on.
  /// What it orders is still done.
  void stopping(time_ms now);
  /// To be called at next_deadline(); earlier or later does no harm.
  void timer(time_ms now);

  // ---- out ------------------------------------------------------------------------------------
  [[nodiscard]] std::vector<agent_action> take_actions();
  /// When timer() must be called next; `never` if it need not.
  [[nodiscard]] time_ms next_deadline() const noexcept;

  [[nodiscard]] agent_state state() const noexcept { return state_; }
  /// The reign that the node follows; epoch 0 before the first registration of its life.
  [[nodiscard]] const witness& following() const noexcept { return highest_; }
  [[nodiscard]] std::size_t orders_waiting() const noexcept { return queue_.size(); }
  /// True once the master of this session has answered that the node is about to end.
  [[nodiscard]] bool stopping_is_known() const noexcept { return stopping_is_known_; }

 private:
  struct given_order {
    order what;
    epoch_t epoch;  ///< of the master that gave it
  };
  struct sent_heartbeat {
    node_heartbeat content;
    time_ms sent_at = 0;
  };

  void act(agent_action what) { actions_.push_back(std::move(what)); }
  void try_master(time_ms now);
  void drop_connection(time_ms now);
  void forget_session(time_ms now);
  [[nodiscard]] bool accept_reign(const witness& reign);
  void begin_report(time_ms now);
  void send_pages(time_ms now);
  void send_next_page(time_ms now);
  void send_heartbeat(time_ms now);
  void go_on(time_ms now);
  void take_settings(const cluster_settings& settings);
  void take_tickets(const ticket_terms& told);
  void enqueue(const order& what, const witness& reign);
  void cancel_order(const order& what);
  [[nodiscard]] bool runs_on(volume_id volume) const;
  void run_orders();
  [[nodiscard]] bool may_run(const order& what);
  void persist();
  void persist_again(time_ms now);
  [[nodiscard]] bool must_wait_to_report() const;
  [[nodiscard]] time_ms connection_deadline() const noexcept;

  agent_config config_;
  agent_state state_ = agent_state::disconnected;
  witness highest_;          ///< what a registration told, the durable txid raised by heartbeats
  witness persisted_;        ///< what is on disk
  bool persisting_ = false;  ///< an action is under way that is answered in any case
  std::int64_t persist_pause_ms_ = 0;  ///< the last one, while storing fails
  time_ms persist_at_ = never;         ///< when it is tried again
  cluster_settings settings_;
  std::vector<disk_report> disks_;
  std::map<volume_id, replica_report> replicas_;

  // To be told with the next heartbeat.
  std::set<volume_id> dirty_;  ///< changed or gone
  bool urgent_ = false;
  bool stopping_ = false;
  bool stopping_is_known_ = false;
  std::vector<order_result> results_;
  std::map<volume_id, chain_failure> failures_;

  std::deque<sent_heartbeat> unanswered_;
  std::uint64_t next_number_ = 1;
  time_ms next_heartbeat_at_ = never;

  std::deque<volume_page> pages_;   ///< still to be sent
  bool waiting_to_report_ = false;  ///< orders of an earlier session run that remove something

  std::deque<given_order> queue_;
  std::map<std::uint64_t, given_order> running_;

  std::size_t master_index_ = 0;
  std::string hinted_master_;
  std::int64_t retry_ms_ = 0;
  time_ms retry_at_ = never;
  time_ms reply_deadline_ = never;  ///< of connect, registration and pages
  std::vector<agent_action> actions_;
};

}  // namespace ssdfs::cluster
