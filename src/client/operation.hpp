// What all operations of the client have in common.
#pragma once

#include "base/result.hpp"
#include "client/core.hpp"
#include "client/timers.hpp"
#include "net/channel.hpp"
#include "ssdfs/config.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace ssdfs::detail {

/// A call in flight, to be given up if its operation stops.
class call_handle {
 public:
  void set(net::channel& to, std::uint64_t id) noexcept {
    channel_ = &to;
    id_ = id;
  }
  void clear() noexcept { channel_ = nullptr; }
  [[nodiscard]] bool pending() const noexcept { return channel_ != nullptr; }
  /// The call's handler still runs, with errc::cancelled.
  void cancel() {
    if (channel_ != nullptr) channel_->cancel(id_);
  }

 private:
  net::channel* channel_ = nullptr;
  std::uint64_t id_ = 0;
};

/// One operation from its submission to its completion. All members run on the client's strand,
/// but for the constructor. It keeps itself alive from begin() to retire(), and is linked into the
/// core's list of running operations meanwhile, so that closing the client can stop it. Whoever
/// calls it back otherwise than by a call's handler holds a reference while doing so.
///
/// Stopping: stop() notes why and calls on_stop(), where the derived class gives up what it waits
/// for (each wait then ends with a failure, as any other); it finishes when nothing that uses the
/// caller's memory is under way any more.
class operation : public task,
                  public boost::intrusive_ref_counter<operation, boost::thread_safe_counter> {
 public:
  operation(core_ptr c, std::string path, std::chrono::milliseconds timeout, diagnostics* diag);
  virtual ~operation() = default;
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;

  /// task: adopts the reference that launch() made, and begins.
  void run() final;
  void discard() noexcept final;
  /// Begins directly (for a parent operation on the strand).
  void begin();
  /// Ends it early; harmless if it has finished or is being stopped already. The reason is
  /// errc::cancelled or errc::aborted.
  void stop(errc why);

  [[nodiscard]] core& owner() const noexcept { return *core_; }
  [[nodiscard]] const core_ptr& owner_ptr() const noexcept { return core_; }
  [[nodiscard]] bool stopped() const noexcept { return stop_reason_ != 0; }
  /// Why it was stopped; only if stopped().
  [[nodiscard]] failure stop_failure() const { return {static_cast<errc>(stop_reason_)}; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // Attempts.

  [[nodiscard]] std::int64_t deadline_ns() const noexcept { return deadline_ns_; }
  /// Something was achieved: the timeout starts again.
  void progress();
  /// One more request was sent.
  void count_attempt() noexcept { ++attempts_; }
  /// `wanted`, but not beyond the deadline; at least 1.
  [[nodiscard]] std::int64_t call_timeout_ms(std::int64_t wanted) const;
  /// True if a pause of `pause_ns` still ends before the deadline and nobody stopped us.
  [[nodiscard]] bool has_time_for(std::int64_t pause_ns) const;
  /// Remembers where the last failure came from, for the diagnostics.
  void blame(const server& s) noexcept { blamed_ = &s; }

  /// Calls back after a pause; the reference to `this` is kept until then. One at a time.
  void pause(std::int64_t pause_ns, void (operation::*then)());
  [[nodiscard]] bool pausing() const noexcept { return pausing_; }
  /// Ends a pause early: `then` runs soon.
  void end_pause();
  /// The pause after failure number `failures` (from 1): 10 ms, doubled up to 1 s, with jitter.
  [[nodiscard]] std::int64_t backoff_ns(std::uint32_t failures);

 protected:
  virtual void start() = 0;
  virtual void on_stop() = 0;
  /// Completes with a failure; nothing is under way.
  virtual void fail(failure why) = 0;

  /// To be called once at the end, before the completion: takes it out of the list, drops its hold
  /// on itself and fills the diagnostics, or keeps them for publish_diagnostics() if nobody waits.
  void retire(const failure* why);

  /// Whether a handler of the caller is waiting. Only then may the caller's diagnostics be touched:
  /// those of a stream end with it, and the stream's own end comes later.
  [[nodiscard]] virtual bool caller_waits() const noexcept { return true; }
  /// Hands over what retire() kept.
  void publish_diagnostics();

  friend class core;

 private:
  core_ptr core_;
  std::string path_;
  std::int64_t timeout_ns_;
  std::int64_t deadline_ns_ = 0;
  diagnostics* diag_;
  std::unique_ptr<diagnostics> kept_;  // for publish_diagnostics()
  const server* blamed_ = nullptr;
  timers::id pause_{};
  void (operation::*after_pause_)() = nullptr;
  std::uint32_t attempts_ = 0;
  std::uint16_t stop_reason_ = 0;
  bool pausing_ = false;
  bool retired_ = false;
  boost::intrusive_ptr<operation> self_;   // from begin() to retire()
  operation* previous_running_ = nullptr;  // the core's list
  operation* next_running_ = nullptr;
};

using operation_ptr = boost::intrusive_ptr<operation>;

}  // namespace ssdfs::detail
