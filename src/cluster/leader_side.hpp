// A member that has won the register: takes over, leads, changes its in-sync set, hands over.
// The rules are at the head of cluster/leadership.hpp.
#pragma once

#include "cluster/handover.hpp"
#include "cluster/member_core.hpp"
#include "cluster/standby_table.hpp"

#include <optional>
#include <string>

namespace ssdfs::cluster {

class leader_side {
 public:
  static constexpr std::int64_t stuck_ms = 2'000;   ///< strand or log: no stamps are given
  static constexpr std::int64_t resign_ms = 2'000;  ///< could not serve, nor change its set
  static constexpr std::int64_t joining_ms = 500;   ///< what one that joins may take to catch up
  static constexpr std::int64_t pause_ms = 100;     ///< after a change that was not made
  static constexpr std::int64_t reluctant_pause_ms = 60'000;

  /// The register holds, or held, `won`; the process itself had promised up to `may_from`.
  leader_side(member_core& core, const register_value& won, time_ms may_from, time_ms now);

  // ---- the log
  void log_durable(time_ms now);
  /// The namespace's strand had a turn; the oldest batch that is not synced was begun then.
  void alive(time_ms turned_at, time_ms unsynced_since) {
    turned_at_ = turned_at;
    unsynced_since_ = unsynced_since;
  }

  // ---- standbys
  promise_reply promised(const promise_request& q, std::uint64_t line, time_ms now);
  history_answer history(const log_history& h, std::uint64_t pull, chain_check chain, time_ms now);
  void matched(node_id node, std::uint64_t pull, txid durable, time_ms now);
  void acknowledged(node_id node, std::uint64_t pull, txid durable, time_ms now);
  void closed(node_id node, std::uint64_t connection, time_ms now);

  // ---- wishes
  result<void> hand_over(node_id to, time_ms now);
  result<void> keep_out(node_id node, bool out);
  void shutdown(time_ms now);
  void requests_held(txid last, time_ms now);
  void serving_stopped(time_ms now);

  void timer(time_ms now);
  /// This process did not run for a while.
  void paused(time_ms now) { table_.paused(now); }
  /// A higher epoch is known.
  void replaced(const member_address& by);

  // ---- state
  [[nodiscard]] bool may_show(time_ms now) const;
  /// May show until just before this time, if it may now; `never` if nobody's promise is needed.
  [[nodiscard]] time_ms serve_until() const;
  [[nodiscard]] txid committed() const noexcept { return table_.gate().committed(); }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] bool serving() const noexcept { return announced_; }
  [[nodiscard]] bool read_only() const noexcept { return read_only_; }
  [[nodiscard]] epoch_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] const standby_table& standbys() const noexcept { return table_; }
  [[nodiscard]] const handover& changing_hands() const noexcept { return handover_; }

 private:
  struct set_change {
    std::vector<member_address> target;
    node_id added;          ///< nil: a removal
    time_ms until = never;  ///< an addition that could not be sent by then is given up
  };

  [[nodiscard]] bool healthy(time_ms now) const;
  [[nodiscard]] bool may_answer(time_ms now) const;
  void settle(time_ms now);
  void look_at_register(time_ms now);
  void take_settled(time_ms now);
  void give_up_change(time_ms now);
  void plan_change(time_ms now);
  void send_change(time_ms now);
  void watch_service(time_ms now);
  void flush_handover();
  void lost(const std::string& why);
  void step_down(step_down_reason reason, std::string why, const member_address& hint = {});
  [[nodiscard]] member_address address_of(node_id node) const;

  member_core& core_;
  const epoch_t epoch_;
  const std::uint64_t first_nonce_;  ///< values with this process's nonces from here on are its own
  const time_ms may_from_;
  standby_table table_;
  handover handover_;
  std::optional<set_change> change_;
  txid start_;  ///< of START; 0: not durable yet
  txid told_;   ///< last member_action::committed
  time_ms turned_at_;
  time_ms unsynced_since_ = never;
  time_ms unserved_since_;
  time_ms next_change_at_ = 0;
  time_ms next_reluctant_at_ = 0;
  bool announced_ = false;
  bool read_only_ = false;
  bool exiting_ = false;  ///< the process shall end
  bool ended_ = false;
};

}  // namespace ssdfs::cluster
