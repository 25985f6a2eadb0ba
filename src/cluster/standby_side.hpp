// A member that does not lead: finds the leader and follows it, promises, notices its end, takes
// over. The rules are at the head of cluster/leadership.hpp.
#pragma once

#include "cluster/leader_watch.hpp"
#include "cluster/member_core.hpp"
#include "cluster/promises.hpp"
#include "cluster/takeover.hpp"

#include <map>
#include <optional>

namespace ssdfs::cluster {

/// What became of a promise that was not answered.
enum class promise_outcome : std::uint8_t { refused, closed, silent };

class standby_side {
 public:
  static constexpr std::int64_t brisk_poll_ms = 100;  ///< of the register, while nobody leads
  static constexpr std::int64_t leave_ms = 3'000;     ///< to be taken out of the set
  /// Time for the other process of the identity to take over, if there is one: a leader that was
  /// cut off may just have missed that it has ended.
  static constexpr std::int64_t duplicate_ms = 10'000;
  static constexpr std::size_t max_unanswered = 5;

  standby_side(member_core& core, time_ms now);

  void timer(time_ms now);
  void promise_answered(std::uint64_t id, const promise_reply& reply, time_ms now);
  void promise_failed(std::uint64_t id, promise_outcome what, time_ms now);
  void greeted(std::uint64_t id, greeting_outcome what, const member_greeting& told, time_ms now) {
    takeover_.greeted(id, what, told, now);
  }
  [[nodiscard]] log_history history() const;
  void history_answered(const history_answer& answer);
  /// Records of the leader that it follows fit to the own log.
  void matched();
  void log_changed() { fresh_.applied(core_.log.applied); }
  void force() { takeover_.force(); }
  void leave(time_ms now);

  /// What another standby is told that asks here.
  [[nodiscard]] promise_reply promised(const promise_request& q) const;
  [[nodiscard]] std::optional<register_value> take_won() { return takeover_.take_won(); }
  [[nodiscard]] std::optional<epoch_t> accepted() const noexcept { return takeover_.accepted(); }
  /// Its own last promise ends then.
  [[nodiscard]] time_ms promised_until() const noexcept { return keeper_.until(); }
  [[nodiscard]] std::optional<time_ms> as_of() const noexcept { return fresh_.as_of(); }
  [[nodiscard]] const std::optional<member_address>& leader() const noexcept { return leader_; }
  [[nodiscard]] bool follows() const noexcept { return following_; }
  [[nodiscard]] bool in_sync() const noexcept { return in_sync_; }
  [[nodiscard]] const std::string& held_back() const noexcept { return takeover_.held_back(); }

 private:
  struct sent_promise {
    time_ms at = 0;
    std::string address;
    bool to_leader = false;
  };

  void look_at_register();
  void aim(const member_address& leader);
  void send_promise(time_ms now);
  void follow(const promise_reply& reply, const sent_promise& sent, time_ms now);
  void create_register(time_ms now);
  void next_target();
  [[nodiscard]] bool may_lead(time_ms now) const;
  [[nodiscard]] bool nobody_leads() const;

  member_core& core_;
  promise_keeper keeper_;
  leader_watch watch_;
  freshness fresh_;
  takeover takeover_;

  std::optional<member_address> leader_;  ///< as the register or an answer says
  epoch_t aimed_epoch_;                   ///< of the register's value that it was taken from
  std::string target_;                    ///< where promises are sent
  int target_failures_ = 0;
  std::size_t rotation_ = 0;
  std::map<std::uint64_t, sent_promise> unanswered_;
  std::uint64_t next_id_ = 1;
  std::uint64_t answered_id_ = 0;  ///< the newest that was answered
  time_ms next_promise_at_ = 0;
  std::uint64_t leader_process_ = 0;
  epoch_t leader_epoch_;
  bool following_ = false;
  bool in_sync_ = false;
  bool released_ = false;
  time_ms duplicate_until_ =
      0;  ///< refused as a second process of one identity: does not lead before
  time_ms brisk_until_ = 0;
  time_ms leave_until_ = never;
  bool creating_ = false;
};

}  // namespace ssdfs::cluster
