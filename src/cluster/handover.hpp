// How a leader hands over to a standby of its in-sync set.
#pragma once

#include "cluster/member_action.hpp"
#include "cluster/time.hpp"

#include <utility>
#include <vector>

namespace ssdfs::cluster {

/// Operation: hold new requests, wait until the chosen standby holds the whole log and all of it is
/// committed, stop serving, release the standby from its promise, and wait until it leads. Where
/// one of these takes too long, everything goes on as before; the standby may take over all the
/// same, but no promise is held then that was given before the release.
///
///   idle -> holding -> draining -> stopping -> released -> (the successor leads: the leader ends)
///                \---------------------------------\-----> idle again, after limit_ms
///
/// Concurrency: single-threaded.
class handover {
 public:
  static constexpr std::int64_t limit_ms = 2'000;  ///< of each half
  enum class phase : std::uint8_t { idle, holding, draining, stopping, released };

  /// An operator's wish, or the end of the process.
  void begin(node_id to, time_ms now) {
    to_ = to;
    phase_ = phase::holding;
    deadline_ = now + limit_ms;
    actions_.push_back(member_action::hold_requests{});
  }
  /// Of a leader that cannot serve: nothing to wait for.
  void begin_release(node_id to, time_ms now) {
    to_ = to;
    stop(now);
  }
  void requests_held(txid last) {
    if (phase_ != phase::holding) return;
    last_ = last;
    phase_ = phase::draining;
  }
  /// What is durable here, what is committed, and what the successor holds.
  void progress(txid durable, txid committed, txid held, time_ms now) {
    if (phase_ == phase::draining && durable >= last_ && committed >= durable && held >= durable) {
      stop(now);
    }
  }
  /// True if the successor is to be released now: every promise has to be voided before it is told.
  bool serving_stopped(time_ms now) {
    if (phase_ != phase::stopping) return false;
    phase_ = phase::released;
    deadline_ = now + limit_ms;
    return true;
  }
  /// True if it was given up at this moment.
  bool timer(time_ms now) {
    if (phase_ == phase::idle || now < deadline_) return false;
    phase_ = phase::idle;
    actions_.push_back(member_action::resume_serving{});
    return true;
  }

  [[nodiscard]] bool active() const noexcept { return phase_ != phase::idle; }
  /// Nothing may be shown.
  [[nodiscard]] bool stops() const noexcept { return phase_ >= phase::stopping; }
  [[nodiscard]] bool released() const noexcept { return phase_ == phase::released; }
  [[nodiscard]] node_id to() const noexcept { return to_; }
  [[nodiscard]] std::vector<leadership_action> take_actions() {
    return std::exchange(actions_, {});
  }

 private:
  void stop(time_ms now) {
    phase_ = phase::stopping;
    deadline_ = now + limit_ms;
    actions_.push_back(member_action::stop_serving{});
  }

  phase phase_ = phase::idle;
  node_id to_;
  txid last_;
  time_ms deadline_ = never;
  std::vector<leadership_action> actions_;
};

}  // namespace ssdfs::cluster
