// The node's place in the cluster: drives the pure state machine of cluster/agent.hpp over a
// connection to the master.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "cluster/agent.hpp"
#include "datanode/order_executor.hpp"
#include "datanode/ticket_checker.hpp"
#include "datanode/witness_file.hpp"
#include "io/disk_pool.hpp"
#include "net/channel.hpp"
#include "volume/volume_set.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace ssdfs::datanode {

struct membership_options {
  cluster::agent_config agent;  ///< address empty: found with each connection
  std::uint16_t port = 0;       ///< that this node listens on, for an address that is found
  /// Takes what the master decides into use; called on the strand.
  std::function<void(const cluster_settings&)> apply_settings;
};

/// Operation: every event of the agent comes through one strand; its actions are performed at once,
/// and what they lead to comes back as events. Blocking ones (witness, cluster id, orders) run in
/// the background pool.
/// Concurrency: public functions are thread-safe.
/// Lifetime: shared, for the handlers under way; the parts must outlive stop().
class membership final : public std::enable_shared_from_this<membership> {
 public:
  struct parts {
    volume::volume_set& set;
    volume_table& volumes;
    order_executor& orders;
    witness_file& witnesses;
    ticket_checker& tickets;
    io::disk_pool& background;
  };
  membership(boost::asio::io_context& io, membership_options options, const parts& p);

  /// Without masters in the options it does nothing, for ever.
  void start();
  /// Ends the connection and takes no more events. Returns when no handler runs or will run any
  /// more that touches the parts, but for orders in the background pool. Not from an io thread.
  void stop();

  /// Tells the master that this node is about to end, now and with every heartbeat. Returns when it
  /// has answered, at once if none is there, after `timeout_ms` at the latest. Not from an io
  /// thread.
  void say_goodbye(std::int64_t timeout_ms);

  /// Ends the membership until come_back(), as if the process had died: the master gives the node's
  /// volumes to others. `why` is for people. Both may be called again without effect.
  void leave(std::string why);
  void come_back();

  /// Reports the lengths of open volumes and the disks, if they changed. For a timer.
  void refresh();
  /// True while a master knows this node.
  [[nodiscard]] bool registered() const;
  /// Why it is not registered, in one line.
  [[nodiscard]] std::string problem() const;
  /// Why the witness cannot be stored at the moment; empty if it can. Orders that remove something
  /// wait as long.
  [[nodiscard]] std::string witness_problem() const;
  /// What the master says is wrong with the node as others see it; empty if nothing is.
  [[nodiscard]] std::string notice() const;
  /// The connection to the master that the node follows; null if there is none. For orders.
  [[nodiscard]] std::shared_ptr<net::channel> master() const;

  // As cluster_link.
  void chain_failed(const chain_failure& what, std::string_view address);
  void volume_changed(volume_id volume);
  [[nodiscard]] std::string advertised_address() const;

 private:
  using strand = boost::asio::strand<boost::asio::io_context::executor_type>;

  // On the strand.
  void pump();
  void arm_timer();
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
  void greet();
  void learn_address();
  void join(std::uint64_t connection, cluster_id cluster, cluster::registration_answer answer);
  void close_channel();
  void lost(const failure& why);
  void stored(const witness& value, const result<void>& outcome);
  void set_problem(std::string text);
  void set_notice(std::string text);
  void report_volume(volume_id id);
  void report_disks();
  [[nodiscard]] net::channel_options channel_options() const;

  template <class Function>
  void on_strand(Function f);
  template <class Request, class Handler>
  void call(const Request& message, Handler handler);

  const membership_options options_;
  const parts parts_;
  strand strand_;
  boost::asio::steady_timer timer_;
  std::optional<cluster::agent> agent_;  // none without a master to follow
  bool stopped_ = false;
  bool away_ = false;             // between leave() and come_back()
  std::uint64_t connection_ = 0;  // counts connections, to tell late answers apart
  std::string master_address_;
  std::int64_t heartbeat_interval_ms_ = 1000;
  std::unordered_map<volume_id, replica_report> told_;  // what the agent was told last
  std::vector<disk_report> told_disks_;

  mutable std::mutex mutex_;  // guards what is read from outside the strand
  std::shared_ptr<net::channel> channel_;
  std::string address_;
  std::string problem_ = "no master has answered yet";
  std::string witness_problem_;
  std::string notice_;
  bool registered_ = false;
  bool goodbye_heard_ = false;  // or there is nobody to hear it
  std::condition_variable goodbye_;
  std::unordered_set<volume_id> changed_;  // reports that are asked for and not made yet
  std::set<std::tuple<volume_id, generation_t, node_id>> failures_logged_;
};

}  // namespace ssdfs::datanode
