// The master's side of its backups: serves pulls, counts acknowledgements, takes and gives images.
#pragma once

#include "cluster/commit_gate.hpp"
#include "cluster/lineage.hpp"
#include "io/disk_pool.hpp"
#include "master/backup_peer.hpp"
#include "master/checkpointer.hpp"
#include "master/core.hpp"
#include "master/image_transfer.hpp"
#include "net/router.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ssdfs::master {

/// The number that master::service gave to the request's connection; 0 for one of another origin.
[[nodiscard]] std::uint64_t connection_of(const net::request& r);

/// What the rest of the master does for it. Called on the namespace strand.
struct journal_hooks {
  /// A backup follows a newer master: this one must stop.
  std::function<void(epoch_t newer)> replaced;
  /// A backup holds records that this log has lost: nothing may be changed.
  std::function<void(std::string why)> lost_history;
  /// As many backups as are needed do not answer: why, or empty when they do again.
  std::function<void(std::string why)> sync_problem;
};

/// Operation: requests of backups never touch the namespace strand. A pull that finds lines is
/// answered by a job of the disk pool (out of memory or the segments), one that does not is held
/// until there are some. With min-sync-backups, what is committed is decided here and posted to the
/// namespace strand; without, the log's own thread does that.
///
/// Bounds: 16 backups, one held pull each, two reading threads, one piece of an image at a time on
/// a thread of its own, so that no pull waits for a disk that is busy with images.
///
/// Concurrency: public functions are thread-safe; everything else runs on a strand of its own.
/// Lifetime: shared, for its handlers; core and checkpointer must outlive stop().
class journal_service : public std::enable_shared_from_this<journal_service> {
 public:
  journal_service(boost::asio::io_context& io, core& shared, checkpointer& checkpoints,
                  journal_hooks hooks);

  // One function a request, which handle() calls where it belongs.
  void pull_edits(net::request r, const wire::pull_edits_request& q);
  void ack_edits(net::request r, const wire::ack_edits_request& q);
  void finish_image(net::request r, const wire::finish_image_request& q);
  using strand_answers = net::routes<&journal_service::pull_edits, &journal_service::ack_edits>;
  /// On the thread for images, which blocks on the disk.
  using image_answers = net::routes<&image_transfer::fetch_image, &image_transfer::upload_image,
                                    &journal_service::finish_image>;
  /// True for the requests that handle() takes.
  [[nodiscard]] static constexpr bool takes(wire::opcode code) noexcept {
    return strand_answers::takes(code) || image_answers::takes(code);
  }

  /// After core::open(), before the first request.
  void start();
  void handle(net::request r);
  /// The connection of a backup has ended.
  void closed(node_id node, std::uint64_t connection);
  /// More is durable in the log. Called by the log's thread.
  void log_durable(txid upto);

  /// True if a backup that matches is connected.
  [[nodiscard]] bool connected() const noexcept { return connected_ > 0; }
  [[nodiscard]] std::vector<wire::backup_status> backups() const;
  /// Asks a backup for an image at or behind `mark`; false if none is connected.
  bool ask_checkpoint(txid mark);
  /// Runs `job`, which may block, on a thread for that; at once, on the caller's, if there is none
  /// free.
  void in_background(std::function<void()> job);
  /// Waits until every connected backup holds what is durable here, at most `timeout_ms`. After the
  /// log was closed; not on an io thread.
  void wait_for_backups(std::int64_t timeout_ms);
  /// Tails of epochs up to this one that the log does not have are given up.
  void accept_loss(epoch_t upto);

  /// Answers what is held and ends the jobs. Not from an io thread.
  void stop();

 private:
  using strand = boost::asio::strand<boost::asio::io_context::executor_type>;
  enum class place_check { equal, different, unreachable };

  template <class Function>
  void on_strand(Function f);
  [[nodiscard]] result<backup_peer*> peer_of(const wire::pull_edits_request& q,
                                             std::uint64_t connection);
  void greet(net::request r, const wire::pull_edits_request& q);
  void greeted(net::request r, const wire::pull_edits_request& q, place_check found);
  void advise(net::request r, backup_peer& peer, const log_place& theirs,
              const cluster::kinship& kin);
  void hold_or_serve(backup_peer& peer, held_pull next);
  void serve(backup_peer& peer, held_pull next);
  void release(backup_peer& peer);
  void release_all();
  [[nodiscard]] wire::pull_edits_reply reply_for(backup_peer& peer);
  [[nodiscard]] place_check check_place(const log_place& theirs);
  void take_report(backup_peer& peer, txid durable, txid applied);
  void settle();
  void tick();
  void arm_tick();
  void watch_backups(std::int64_t now_ms);
  void show(std::int64_t now_ms);
  template <class Function>
  void on_namespace(Function f);
  /// `fresh`: no MARK will do that is in the log already, unless it is the last record.
  void log_mark(bool fresh = false);

  core& core_;
  checkpointer& checkpoints_;
  const journal_hooks hooks_;
  strand strand_;
  boost::asio::steady_timer timer_;
  io::disk_pool pool_;
  io::disk_pool image_pool_;
  image_transfer images_;

  std::vector<cluster::reign> history_;
  epoch_t accepted_;  // tails of epochs up to it may be given up
  std::map<node_id, backup_peer> peers_;
  cluster::commit_gate gate_;
  durable_times times_;
  txid posted_;                      // last committed txid that the namespace strand was told
  txid wanted_;                      // MARK at or behind which an image is wanted; 0: none
  node_id asked_;                    // who was asked for it
  std::int64_t asked_ms_ = 0;        // since when
  std::int64_t short_since_ms_ = 0;  // too few backups are connected since; 0: enough
  bool problem_shown_ = false;
  bool stopped_ = false;

  std::atomic<std::uint64_t> durable_{0};
  std::atomic<bool> durable_posted_{false};
  std::atomic<std::size_t> connected_{0};
  std::atomic<bool> mark_asked_{false};
  mutable std::mutex mutex_;
  std::condition_variable caught_up_;
  txid held_by_all_;                        // under mutex_: by all backups that follow
  std::vector<wire::backup_status> shown_;  // under mutex_
};

template <class Function>
void journal_service::on_strand(Function f) {
  boost::asio::post(strand_, [self = shared_from_this(), f = std::move(f)]() mutable {
    if (!self->stopped_) f(*self);
  });
}

template <class Function>
void journal_service::on_namespace(Function f) {
  boost::asio::post(core_.strand(),
                    [self = shared_from_this(), f = std::move(f)]() mutable { f(*self); });
}

}  // namespace ssdfs::master
