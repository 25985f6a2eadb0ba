// The master's requests: one function an opcode, all on the namespace strand.
#pragma once

#include "leader/cluster_desk.hpp"
#include "leader/decisions.hpp"
#include "leader/live_lists.hpp"
#include "master/checkpointer.hpp"
#include "master/core.hpp"
#include "master/journal_service.hpp"
#include "master/relocator.hpp"
#include "master/staged_chunks.hpp"
#include "meta/queries.hpp"
#include "net/router.hpp"
#include "net/server.hpp"

#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace ssdfs::master {

/// Operation: requests and session events of all connections are queued in their order and drained
/// in one turn of the namespace strand, so that a turn handles everything that is waiting: one
/// strand hop and one group of answers for many requests. After each turn settle() lets the
/// cluster's side log what it decided and answers whoever waits for that.
///
/// Concurrency: hello, opened, handle and closed are called by the server's threads and only queue;
/// the rest runs on the strand. Kept alive by the master until the server has stopped and the
/// strand is quiet, and by its timer.
class service final : public net::service, public std::enable_shared_from_this<service> {
 public:
  service(boost::asio::io_context& io, core& shared, checkpointer& checkpoints);

  result<wire::hello_reply> hello(const wire::hello_request& caller) override;
  void opened(net::connection& from) override;
  void handle(std::span<net::request> batch) override;
  void closed(net::connection& from) override;

  /// Requests of backups go there. Before the server starts.
  void serve_backups(std::shared_ptr<journal_service> backups);
  /// Another master leads: this one must end. On the strand.
  void replaced(epoch_t newer, const std::string& why);
  /// Starts the timer of tick().
  void start();
  /// Ends the timers and refuses what waits. On the strand.
  void shut_down();

  /// Why the master cannot do its job, as of the last tick; empty if it can. Any thread.
  [[nodiscard]] std::string not_ready() const {
    const std::lock_guard lock(ready_mutex_);
    return not_ready_;
  }
  /// Bounds of background copies, bytes per second and node. Any thread.
  void set_rates(std::uint64_t repair, std::uint64_t scrub, std::uint64_t rebalance);
  /// Any thread.
  void set_slow_op_ms(std::int64_t ms) noexcept { core_.slow_op_ms = ms; }

 private:
  using event = unique_function<void()>;
  using item = std::variant<net::request, event>;

  // service.cpp
  void enqueue(item next);
  void drain();
  void dispatch(net::request& r);

  // namespace_service.cpp
  void lookup(net::request r, const wire::lookup_request& q);
  void locate(net::request r, const wire::locate_request& q);
  void list(net::request r, const wire::list_request& q);
  void summary(net::request r, const wire::summary_request& q);
  void commit_chunks(net::request r, const wire::commit_chunks_request& q);
  void commit_file(net::request r, const wire::commit_file_request& q);
  void make_directory(net::request r, const wire::make_directory_request& q);
  void rename(net::request r, const wire::rename_request& q);
  void remove(net::request r, const wire::remove_request& q);
  void set_attributes(net::request r, const wire::set_attributes_request& q);
  void set_quota(net::request r, const wire::set_quota_request& q);
  void get_quota(net::request r, const wire::get_quota_request& q);
  void trash_empty(net::request r, const wire::trash_empty_request& q);

  // grant_service.cpp
  void grant(net::request r, const wire::grant_request& q);
  void end_grant(net::request r, const wire::end_grant_request& q);
  void answer_grant(leader::token asked, result<leader::granted> given);
  void serve_waiting_grants();

  // cluster_service.cpp
  void register_node(net::request r, const wire::register_node_request& q);
  void report_volumes(net::request r, const wire::report_volumes_request& q);
  void heartbeat(net::request r, const wire::heartbeat_request& q);
  void live_chunks(net::request r, const wire::live_chunks_request& q);
  void answer_heartbeat(net::request r, std::vector<order> orders);
  void release_heartbeat(node_id node);
  void drop_heartbeat(node_id node);
  void note_refusal(node_id node, const failure& why);
  void connection_ended(const wire::hello_request& peer, std::uint64_t number);
  /// Logs what the controller asks for and answers who waits for it. After every turn.
  void settle();
  static void note_logged(const cluster::log_request& request, const result<meta::record>& change);
  static void note_lost(const meta::record& change);

  // upkeep.cpp
  void tick();
  void arm_tick();
  void forget_values(std::int64_t now_ms);
  void reclaim_volumes();
  void expire_trash();
  void reclaim_removed();
  void walk_lists();
  void check_standing();
  void note_readiness();

  // admin_service.cpp
  void admin_report(net::request r, const wire::admin_report_request& q);
  void admin_volumes(net::request r, const wire::admin_volumes_request& q);
  void admin_seal(net::request r, const wire::admin_seal_request& q);
  void admin_config(net::request r, const wire::admin_config_request& q);
  void admin_safemode(net::request r, const wire::admin_safemode_request& q);
  void admin_checkpoint(net::request r, const wire::admin_checkpoint_request& q);

  // backup_service.cpp
  void log_status(net::request r, const wire::log_status_request& q);
  void admin_accept_loss(net::request r, const wire::admin_accept_loss_request& q);

  // relocate_service.cpp
  void take_relocations(net::request r, const wire::take_relocations_request& q);
  void report_relocations(net::request r, const wire::report_relocations_request& q);
  void walk_relocations();
  [[nodiscard]] relocator::actions relocator_actions();

  // healing_service.cpp
  void admin_healing(net::request r, const wire::admin_healing_request& q);
  void admin_node(net::request r, const wire::admin_node_request& q);
  void admin_rebalance(net::request r, const wire::admin_rebalance_request& q);
  void end_maintenance();
  [[nodiscard]] result<void> decide_rebalance(std::string_view action,
                                              std::uint32_t threshold_permille);
  [[nodiscard]] wire::rebalance_state rebalance_state() const;
  void adopt_decisions();
  [[nodiscard]] result<node_id> find_node(std::string_view text) const;
  [[nodiscard]] wire::decided_node decided_node_of(const cluster::node_view& node);

  // health_service.cpp
  void fsck(net::request r, const wire::fsck_request& q);

  [[nodiscard]] wire::volume_status volume_status_of(const volume_info& info);

  using answers =
      net::routes<&service::lookup, &service::locate, &service::list, &service::summary,
                  &service::commit_chunks, &service::commit_file, &service::make_directory,
                  &service::rename, &service::remove, &service::set_attributes, &service::set_quota,
                  &service::get_quota, &service::trash_empty, &service::grant, &service::end_grant,
                  &service::register_node, &service::report_volumes, &service::heartbeat,
                  &service::live_chunks, &service::admin_report, &service::admin_volumes,
                  &service::admin_seal, &service::admin_config, &service::admin_safemode,
                  &service::admin_checkpoint, &service::log_status, &service::admin_accept_loss,
                  &service::take_relocations, &service::report_relocations, &service::admin_healing,
                  &service::admin_node, &service::admin_rebalance, &service::fsck>;
  static_assert(
      net::answers_its_requests<wire::servers::master, answers, journal_service::strand_answers,
                                journal_service::image_answers>());

  // What follows is shared by the files above.
  template <class Reply>
  void answer_read(net::request r, Reply reply);
  template <class Request, class Command>
  void mutate(net::request r, const Request& q, Command command);
  [[nodiscard]] meta::viewer viewer_of(std::string_view user) const;

  struct held_heartbeat {
    net::request request;
    std::int64_t deadline_ms = 0;
  };

  core& core_;
  checkpointer& checkpoints_;
  std::shared_ptr<journal_service> backups_;
  boost::asio::steady_timer timer_;

  std::mutex queue_mutex_;
  std::vector<item> queue_;  // guarded by queue_mutex_
  bool draining_ = false;    // guarded by queue_mutex_: a drain() is posted
  std::vector<item> turn_;   // what drain() works on

  leader::token_slab<net::request> requests_;  // that wait at a machine of the leader
  std::map<node_id, held_heartbeat> held_;
  std::map<node_id, std::string> refusals_;  // of datanodes, as logged last
  staged_chunks staged_;
  leader::live_lists live_lists_;
  leader::cluster_desk cluster_;
  leader::decisions decisions_;
  client_id mover_;  ///< owner of the grants for relocations
  relocator relocator_;
  bool walking_files_ = false;  // a step of relocator_ is posted
  std::int64_t started_ms_ = 0;
  std::int64_t next_upkeep_ms_ = 0;
  std::int64_t next_forget_ms_ = 0;
  std::int64_t next_full_forget_ms_ = 0;
  std::size_t reclaim_cursor_ = 0;
  bool reclaiming_ = false;  // a reclaim_step is posted
  bool walking_ = false;     // a step of live_lists_ is posted
  bool stopped_ = false;
  std::atomic<std::uint64_t> next_connection_{1};
  mutable std::mutex ready_mutex_;
  std::string not_ready_;  // guarded by ready_mutex_
};

}  // namespace ssdfs::master
