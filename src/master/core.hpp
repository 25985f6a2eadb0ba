// What the parts of a master share: the replayed state, the edits log, the cluster's brain, and the
// answers that wait for the log.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "cluster/controller.hpp"
#include "journal/journal.hpp"
#include "leader/commit_desk.hpp"
#include "leader/durable_view.hpp"
#include "leader/edits.hpp"
#include "leader/grant_desk.hpp"
#include "master/known_states.hpp"
#include "master/master.hpp"
#include "meta/commands.hpp"
#include "meta/log_clock.hpp"
#include "meta/state.hpp"
#include "net/request.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ssdfs::master {

using namespace_strand = boost::asio::strand<boost::asio::io_context::executor_type>;

/// Everything here belongs to the namespace strand, but what says otherwise.
class core final : public leader::edits, private leader::answers {
 public:
  /// What open() has to know.
  struct beginning {
    node_id node;
    cluster_id cluster;      ///< nil: what the log says, or a new one
    bool promotion = false;  ///< the epoch jumps to the next multiple of 256
    epoch_t heard;           ///< and beyond this one
    /// The directory is a master's already: it is promoted only if somebody else led in `heard`.
    bool again = false;
  };

  core(boost::asio::io_context& io, const master_options& options);

  /// Loads the newest image, replays the log and begins a new epoch. Before any other use; blocks;
  /// errors as master::start. A log of another cluster is left as it is:
  /// errc::wrong_cluster.
  result<void> open(const beginning& how);
  /// What was lost in epochs up to this one is accepted. Before begin().
  void set_accepted_loss(epoch_t upto) noexcept { accepted_loss_ = upto; }
  /// Records of epochs below this one may be missing from the log; 0: none are. Any time on the
  /// strand, and before begin().
  void set_history_cut(epoch_t below) noexcept { history_cut_ = below; }
  /// Whether the log has everything that was ever logged about a volume: it was made since then.
  [[nodiscard]] bool knows_all_of(volume_id id) const noexcept {
    return epoch_t(static_cast<std::uint32_t>(id.value >> 32)) >= history_cut_;
  }
  /// Builds the cluster's side. After open().
  void begin();

  // --- Time ---

  /// Monotonic, for the cluster's side.
  [[nodiscard]] static std::int64_t steady_now_ms();
  /// Context for commands, with the clocks of now.
  meta::context& context() override;

  // --- Changes ---

  /// Errc::read_only, with the reason, if the master may not change anything now; errc::busy if
  /// too much waits for the log's disk.
  [[nodiscard]] result<void> may_change() const override;
  /// Appends the record to the log and applies it: the only way in which the state changes. A
  /// failure (the log's) has changed nothing.
  [[nodiscard]] result<void> log(meta::record& change) override;
  /// Once after the changes of a turn: lets the log's syncer begin.
  void flush() { journal_->flush(); }

  /// A MARK at the end of the log: the newest one if nothing was logged behind it or if it is at
  /// most `max_age_ms` old, else a new one. Failures are the log's.
  result<known_state> mark(std::int64_t max_age_ms = 0);
  /// The last MARKs of the log.
  [[nodiscard]] const known_states& marks() const noexcept { return marks_; }
  /// The last record in that image; 0 if there was none.
  [[nodiscard]] txid loaded_image() const noexcept { return loaded_image_; }
  /// The last record that changes something (all but START and MARK), of those behind that image;
  /// 0 if there is none.
  [[nodiscard]] txid last_change() const noexcept { return last_change_; }

  // --- Answers ---

  /// The last txid that is committed.
  [[nodiscard]] txid committed() const noexcept { return commits_->committed(); }
  /// A client's mutation: decided by `command` (meta::context& -> result<meta::decision>), logged,
  /// and answered when it is committed, as leader::commit_desk::change(). What the decision aliases
  /// is the request's message or lives as long as the call.
  template <class Command>
  void change(net::request r, const meta::operation& op, Command&& command) {
    const client_id caller = caller_of(r);
    const std::int64_t since_ms = since_of(r);
    commits_->change(waiting_.add({std::move(r), {}, {}}), op, caller, since_ms,
                     std::forward<Command>(command));
  }
  /// Refuses; the answer shows state that may not be committed yet, so it waits for that.
  void refuse(net::request r, failure why);
  /// Calls `answer`, which answers `r`, once everything applied so far is committed: at once if it
  /// is.
  void when_committed(net::request r, unique_function<void(net::request&)> answer);
  /// The same for answers that are not requests' of the protocol: calls `then` on the strand, with
  /// false if it is not to be waited for any longer (the log is closed, backups do not confirm).
  void when_committed(unique_function<void(bool committed)> then);
  /// Ends the connections of those who wait for a record that will not become durable in this
  /// process, without an answer: whether it is in the log is not known, and a caller whose
  /// connection breaks asks again with the same operation id. When the log has been closed.
  void abandon_answers();
  /// True if something that was applied is not committed yet.
  [[nodiscard]] bool behind() const noexcept { return commits_->behind(); }

  // --- Backups ---

  /// Everything up to `upto` is committed: durable here, and held by as many backups as have to.
  /// Without min-sync-backups the log does this itself.
  void commit(txid upto);
  /// Why no change can be committed now; empty if it can.
  void set_sync_problem(std::string why) { sync_problem_ = std::move(why); }
  /// Refuses those who have waited longer for backups: their changes are logged, but not committed.
  void expire_answers(std::int64_t after_ms);

  // --- Parts ---

  [[nodiscard]] io::file_system& files() const noexcept;
  [[nodiscard]] const master_options& options() const noexcept { return options_; }
  [[nodiscard]] meta::state& state() noexcept { return *state_; }
  [[nodiscard]] cluster::controller& nodes() noexcept { return *controller_; }
  /// After begin().
  [[nodiscard]] leader::grant_desk& grants() noexcept { return *grants_; }
  [[nodiscard]] bool has_log() const noexcept { return journal_ != nullptr; }
  [[nodiscard]] journal::journal& edits() noexcept { return *journal_; }
  [[nodiscard]] const namespace_strand& strand() const noexcept { return strand_; }
  [[nodiscard]] node_id node() const noexcept { return node_; }
  [[nodiscard]] witness reign() const;
  [[nodiscard]] leader::durable_view& view() noexcept { return *view_; }

  /// Set by the service: called on the strand after the committed txid moved.
  unique_function<void()> on_committed;
  /// Set before open(): called by the log's thread when more is durable, but for the first record.
  unique_function<void(txid)> on_log_durable;
  /// Answers that waited longer for the log are logged; 0: none. Any thread.
  std::atomic<std::int64_t> slow_op_ms{0};

 private:
  // What waits at the desk of commits: a request, or somebody else.
  struct waiting_answer {
    std::optional<net::request> request;
    unique_function<void(net::request&)> show;  // set: it answers
    unique_function<void(bool)> then;           // instead of a request
  };
  // How long the answers of a batch have waited.
  struct batch_delay {
    std::int64_t now_ns = 0;  // 0: no batch is being answered
    std::int64_t longest_ns = 0;
    std::size_t slow = 0;
  };

  // leader::answers
  void changed(leader::token asked, const meta::outcome& what) override;
  void refused(leader::token asked, const failure& why) override;
  void shown(leader::token asked) override;
  void given_up(leader::token asked, doubt why) override;

  [[nodiscard]] static client_id caller_of(const net::request& r);
  [[nodiscard]] static std::int64_t since_of(const net::request& r);
  void note_delay(const net::request& r);
  void durable(txid upto);
  result<void> restore(io::file_system& files);
  void note_record(const meta::record& r, const meta::state& s);

  namespace_strand strand_;
  master_options options_;
  node_id node_;
  std::unique_ptr<meta::state> state_;        // from open() on
  std::optional<leader::durable_view> view_;  // likewise
  meta::context context_;
  std::optional<meta::log_clock> clock_;
  std::unique_ptr<journal::journal> journal_;
  std::unique_ptr<cluster::controller> controller_;
  std::optional<leader::grant_desk> grants_;  // from begin() on
  known_states marks_;
  std::int64_t marked_ms_ = 0;  // when the newest one was logged
  txid loaded_image_;
  txid last_change_;
  std::string sync_problem_;
  epoch_t accepted_loss_;
  epoch_t history_cut_;
  leader::token_slab<waiting_answer> waiting_;
  std::optional<leader::commit_desk> commits_;  // from open() on
  batch_delay delay_;
};

}  // namespace ssdfs::master
