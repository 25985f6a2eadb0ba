// What a leader knows of a standby.
#pragma once

#include "base/membership.hpp"
#include "cluster/time.hpp"

#include <bit>
#include <cstdint>
#include <deque>

namespace ssdfs::cluster {

/// When records became durable at the leader: how old is the oldest that a standby lacks?
/// Operation: a mark at most every `step_ms`, so an age is understated by at most that.
/// Bounds: 128 marks, which is longer than any sync-timeout that counts.
class durable_marks {
 public:
  static constexpr std::int64_t step_ms = 50;

  void durable(txid upto, time_ms now) {
    if (!marks_.empty() && now - marks_.back().since < step_ms) {
      marks_.back().upto = upto;
      return;
    }
    marks_.push_back({upto, now});
    if (marks_.size() > 128) marks_.pop_front();
  }
  /// Age of the oldest record behind `held`; 0 if there is none.
  [[nodiscard]] std::int64_t age_ms(txid held, time_ms now) const {
    for (const mark& m : marks_) {
      if (m.upto > held) return now - m.since;
    }
    return 0;
  }
  /// The process did not run for a while: what is missing counts as missing from now on.
  void restart(time_ms now) {
    for (mark& m : marks_) m.since = now;
  }

 private:
  struct mark {
    txid upto;
    time_ms since;
  };
  std::deque<mark> marks_;
};

/// Whether a standby is slow: in most of the last ten seconds an acknowledgement took long.
class slowness {
 public:
  static constexpr std::int64_t slow_ms = 200;
  static constexpr int seconds = 10;

  void took(std::int64_t ms) { worst_ms_ = ms > worst_ms_ ? ms : worst_ms_; }
  /// Every tick; `outstanding_ms` is how long the oldest record is unacknowledged now.
  void tick(time_ms now, std::int64_t outstanding_ms) {
    took(outstanding_ms);
    if (now < next_at_) return;
    next_at_ = now + 1'000;
    history_ = (history_ << 1U | static_cast<std::uint32_t>(worst_ms_ > slow_ms)) & 0x3ffU;
    worst_ms_ = 0;
    kept_up_ = history_ == 0 ? kept_up_ + 1 : 0;
  }
  [[nodiscard]] bool slow() const { return std::popcount(history_) > seconds / 2; }
  [[nodiscard]] bool kept_up() const { return history_ == 0; }
  /// What was before is forgotten.
  [[nodiscard]] bool kept_up_long() const { return kept_up_ >= 600; }

 private:
  std::uint32_t history_ = 0;  ///< bit n: the second n ago was slow
  std::int64_t worst_ms_ = 0;
  time_ms next_at_ = 0;
  int kept_up_ = 0;  ///< seconds with nothing slow in the ten before
};

struct standby_record {
  member_address who;
  std::uint64_t process = 0;
  std::uint64_t line = 0;  ///< number of its connection for promises; 0: closed
  std::uint64_t pull = 0;  ///< number of its connection for pulls; 0: closed
  /// Its log, as told on `pull`, is a prefix of the leader's in this reign.
  bool matched = false;
  bool eligible = true;
  bool leaving = false;
  bool reluctant = false;
  bool reaches_register = false;
  bool kept_out = false;  ///< by an operator
  /// It must give up more than its uncommitted tail, needs an image, or shows less than is
  /// committed: not as long as the register may name it.
  bool short_of_log = false;
  time_ms heard_at = 0;           ///< last promise or pull
  time_ms closed_since = never;   ///< `line` or `pull` is closed since
  time_ms lacking_since = never;  ///< no promise is held since
  slowness pace;
  time_ms welcome_at = 0;       ///< not taken into the set before
  std::int64_t penalty_ms = 0;  ///< of its last removal for slowness
};

}  // namespace ssdfs::cluster
