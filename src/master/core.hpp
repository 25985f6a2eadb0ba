// What the parts of a master share: the replayed state, the edits log, the cluster's brain, and the
// answers that wait for the log.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "cluster/controller.hpp"
#include "journal/journal.hpp"
#include "master/grant_index.hpp"
#include "master/master.hpp"
#include "master/sessions.hpp"
#include "meta/commands.hpp"
#include "meta/log_clock.hpp"
#include "meta/state.hpp"
#include "net/request.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace ssdfs::master {

using namespace_strand = boost::asio::strand<boost::asio::io_context::executor_type>;

/// Shows the replayed state to the controller in its own terms.
class durable_view final : public cluster::durable_state {
 public:
  /// `grace_ms` is the delete grace; `state` outlives the view.
  durable_view(const meta::state& state, std::int64_t grace_ms)
      : state_(state), grace_ms_(grace_ms) {}
  /// Log time for reclaim_due, set before the controller is called.
  void set_log_time(std::int64_t now_ms) noexcept { now_ms_ = now_ms; }

  const volume_info* find(volume_id id) const override;
  void for_each_volume(const std::function<void(const volume_info&)>& visit) const override;
  std::size_t grants_outstanding(volume_id id) const override;
  std::uint64_t first_removal(volume_id id) const override;
  const cluster::removal_batch* removal(volume_id id, std::uint64_t number) const override;
  bool reclaim_due(volume_id id) const override;

 private:
  const meta::state& state_;
  std::int64_t grace_ms_;
  std::int64_t now_ms_ = 0;
  mutable cluster::removal_batch shown_;  // what removal() points at
};

/// Everything here belongs to the namespace strand, but what says otherwise.
class core {
 public:
  core(boost::asio::io_context& io, const master_options& options);

  /// Replays the log and begins a new epoch. Before any other use; blocks; errors as
  /// master::start. A log of another cluster than `expected` (nil: any) is left as it is:
  /// errc::wrong_cluster.
  result<void> open(node_id node, cluster_id expected);
  /// Builds the cluster's side. After open().
  void begin();

  // --- Time ---

  /// Monotonic, for the cluster's side.
  [[nodiscard]] static std::int64_t steady_now_ms();
  /// Context for commands, with the clocks of now.
  meta::context& context();

  // --- Changes ---

  /// Errc::read_only, with the reason, if the master may not change anything now; errc::busy if
  /// too much waits for the log's disk.
  [[nodiscard]] result<void> may_change() const;
  /// Appends the record to the log and applies it: the only way in which the state changes. A
  /// failure (the log's) has changed nothing.
  [[nodiscard]] result<void> log(meta::record& change);
  /// Once after the changes of a turn: lets the log's syncer begin.
  void flush() { journal_->flush(); }

  // --- Answers ---

  /// The last txid that is committed.
  [[nodiscard]] txid committed() const noexcept { return committed_; }
  /// Answers a mutation with `answer` once its record is durable.
  void answer_mutation(net::request r, const meta::outcome& answer);
  /// Refuses; the answer shows state that may not be durable yet, so it waits for that.
  void refuse(net::request r, failure why);
  /// Calls `answer`, which answers `r`, once everything applied so far is durable: at once if it
  /// is.
  void when_durable(net::request r, unique_function<void(net::request&)> answer);
  /// Ends the connections of those who wait for a record that will not become durable in this
  /// process, without an answer: whether it is in the log is not known, and a caller whose
  /// connection breaks asks again with the same operation id. When the log has been closed.
  void abandon_answers();
  /// True if something that was applied is not durable yet.
  [[nodiscard]] bool behind() const noexcept { return committed_ < state_.last_txid(); }

  // --- Parts ---

  [[nodiscard]] const master_options& options() const noexcept { return options_; }
  [[nodiscard]] meta::state& state() noexcept { return state_; }
  [[nodiscard]] cluster::controller& nodes() noexcept { return *controller_; }
  [[nodiscard]] sessions& clients() noexcept { return sessions_; }
  [[nodiscard]] grant_index& grants() noexcept { return grants_; }
  [[nodiscard]] bool has_log() const noexcept { return journal_ != nullptr; }
  [[nodiscard]] journal::journal& edits() noexcept { return *journal_; }
  [[nodiscard]] const namespace_strand& strand() const noexcept { return strand_; }
  [[nodiscard]] node_id node() const noexcept { return node_; }
  [[nodiscard]] witness reign() const;
  [[nodiscard]] durable_view& view() noexcept { return view_; }

  /// Set by the service: called on the strand after the committed txid moved.
  unique_function<void()> on_committed;
  /// Answers that waited longer for the log are logged; 0: none. Any thread.
  std::atomic<std::int64_t> slow_op_ms{0};

 private:
  struct pending_answer {
    txid until;
    net::request request;
    meta::outcome answer;
    failure why;                                    // set: refuse with it
    unique_function<void(net::request&)> callback;  // set: it answers
  };
  void durable(txid upto);
  void note_slow_sync(std::int64_t longest_ns, std::size_t count) const;
  static void send(pending_answer& a);
  static void send(net::request& to, const meta::outcome& answer);

  namespace_strand strand_;
  master_options options_;
  node_id node_;
  meta::state state_;
  durable_view view_;
  meta::context context_;
  std::optional<meta::log_clock> clock_;
  std::unique_ptr<journal::journal> journal_;
  std::unique_ptr<cluster::controller> controller_;
  sessions sessions_;
  grant_index grants_;
  txid committed_;
  std::deque<pending_answer> pending_;
};

}  // namespace ssdfs::master
