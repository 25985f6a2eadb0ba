// Runs the machine that decides who leads (cluster/leadership.hpp): gives it time, the register and
// the other members, and performs what it wants.
#pragma once

#include "cluster/leadership.hpp"
#include "coord/shared_register.hpp"
#include "member/leadership_host.hpp"
#include "net/channel.hpp"
#include "net/request.hpp"
#include "wire/member_messages.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ssdfs::member {

/// Makes the register whose handlers run on `executor`.
using register_maker = std::function<std::unique_ptr<coord::shared_register>(
    boost::asio::any_io_executor executor, coord::register_judge judge)>;

struct runner_options {
  /// `process` is chosen by the runner.
  cluster::leadership_config config;
  std::string software;  ///< told in the hello
};

/// What is known of the register and of who leads, for reports.
struct leadership_status {
  cluster::leadership_report machine;
  coord::register_view reg;
};

/// Operation: one thread of its own, which nothing blocks: it keeps the machine's time, holds the
/// connection for promises, asks other members, and answers what they ask. A pause of this thread
/// is a pause of the leadership, and is treated so.
///
/// Time: io::boot_ms().
///
/// Concurrency: every function from any thread, but start(), stop() and the destructor, which
/// belong to the owner and never come from a callback. Events are taken in the order in which one
/// thread gives them. The host is called from start() on until stop() has returned.
///
/// Bounds: one connection for promises, one for greetings for each of max_members others, what the
/// register and the machine bound.
class leadership_runner {
 public:
  leadership_runner(runner_options options, register_maker make_register, leadership_host& host);
  ~leadership_runner();
  leadership_runner(const leadership_runner&) = delete;
  leadership_runner& operator=(const leadership_runner&) = delete;

  /// With the log as it is on the disk; once.
  void start(cluster::member_log log);
  /// Ends the thread and all calls, without leaving the set: a crash for the others, unless
  /// shut_down() came before. May take as long as the register's stop(). Requests that come later
  /// are not answered. Later calls do nothing.
  void stop();

  // ---- other members ask ------------------------------------------------------------------------
  /// True for the requests that handle() takes.
  [[nodiscard]] static bool takes(wire::opcode code) noexcept;
  /// `connection`: a number that no other connection of this process had or has.
  void handle(net::request r, std::uint64_t connection);
  /// A connection of this member has ended.
  void closed(node_id node, std::uint64_t connection);

  // ---- the log ----------------------------------------------------------------------------------
  /// As cluster::leadership's functions of the same names.
  void log_is(cluster::member_log log);
  void log_grew(const log_place& durable, txid committed, txid applied);
  /// Times of io::boot_ms().
  void alive(cluster::time_ms turned_at, cluster::time_ms unsynced_since);
  void reluctant(bool yes);
  /// A standby that pulls here, after its match_log was answered with `follow`, holds this durably.
  void standby_holds(node_id node, std::uint64_t connection, txid durable);

  // ---- following --------------------------------------------------------------------------------
  /// What match_log has to carry; `then` is called on the leadership thread.
  void ask_history(unique_function<void(log_history)> then);
  void history_answered(const history_answer& answer);
  void log_matched();

  // ---- wishes -----------------------------------------------------------------------------------
  /// `done` on the leadership thread, once it is begun or refused.
  void hand_over(node_id to, unique_function<void(result<void>)> done);
  void keep_out(node_id node, bool out, unique_function<void(result<void>)> done);
  void force(unique_function<void(result<void>)> done);
  void requests_held(txid last);
  void serving_stopped();
  /// leadership_host::may_exit or step_down follows.
  void shut_down();

  // ---- state, without waiting -------------------------------------------------------------------
  /// May an answer leave that shows state? Asked after the request was taken and the state looked
  /// at.
  [[nodiscard]] bool may_show() const noexcept;
  /// Of a standby: as leadership::stale_as_of().
  [[nodiscard]] std::optional<cluster::time_ms> stale_as_of() const noexcept;
  /// At most 50 ms old.
  [[nodiscard]] leadership_status status() const;
  /// The process's number in this set.
  [[nodiscard]] std::uint64_t process() const noexcept { return options_.config.process; }

 private:
  template <class Event>
  void on_thread(Event event);
  template <class Wish>
  void wish(Wish what, unique_function<void(result<void>)> done);
  void tick();
  void settle();
  void publish();
  void report();

  void perform(const cluster::member_action::read_register& a);
  void perform(const cluster::member_action::change_register& a);
  void perform(const cluster::member_action::send_promise& a);
  void perform(const cluster::member_action::send_greeting& a);
  void perform(const cluster::member_action::follow& a) { host_.follow(a.epoch, a.leader); }
  void perform(const cluster::member_action::cut_log& a) { host_.cut_log(a.to); }
  void perform(const cluster::member_action::fetch_image&) { host_.fetch_image(); }
  void perform(const cluster::member_action::begin_reign& a) {
    host_.begin_reign(a.epoch, a.accepted);
  }
  void perform(const cluster::member_action::start_serving& a) { host_.start_serving(a.epoch); }
  void perform(const cluster::member_action::hold_requests&) { host_.hold_requests(); }
  void perform(const cluster::member_action::stop_serving&) { host_.stop_serving(); }
  void perform(const cluster::member_action::resume_serving&) { host_.resume_serving(); }
  void perform(const cluster::member_action::committed& a) { host_.committed(a.upto); }
  void perform(const cluster::member_action::step_down& a) { host_.step_down(a); }
  void perform(const cluster::member_action::remember_loss& a) { host_.remember_loss(a.lost); }
  void perform(const cluster::member_action::serve_reads_only& a) { host_.serve_reads_only(a.why); }
  void perform(const cluster::member_action::may_exit&) { host_.may_exit(); }

  void answer_promise(net::request& r, std::uint64_t connection);
  void answer_match(net::request& r, std::uint64_t connection);
  void chain_checked(net::request& r, const log_history& theirs, std::uint64_t connection,
                     chain_result what);
  [[nodiscard]] std::shared_ptr<net::channel> promise_channel(const std::string& address);
  [[nodiscard]] net::channel_options channel_to(node_id expected) const;

  runner_options options_;
  leadership_host& host_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<coord::shared_register> register_;

  // The leadership thread's.
  std::optional<cluster::leadership> machine_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<net::channel> promises_;
  std::map<node_id, std::shared_ptr<net::channel>> greetings_;
  bool settling_ = false;
  bool stopped_ = false;

  std::atomic<cluster::time_ms> serve_until_;
  std::atomic<cluster::time_ms> as_of_;
  mutable std::mutex mutex_;
  cluster::leadership_report report_;  // under mutex_
  std::thread thread_;
};

}  // namespace ssdfs::member
