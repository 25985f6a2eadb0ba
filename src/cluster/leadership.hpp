// A member of the master set: the state machine that decides who leads. Events come in, actions
// come out (cluster/member_action.hpp); nothing here touches a socket, a file or a clock.
//
// There is one register outside of the members (coord), changed by compare-and-set only. It names a
// cluster, an epoch, a leader and the in-sync set. A term of office, here called a reign, lasts
// from the leader's START record on and has an epoch of its own. The register decides who may lead;
// that the one before leads no more is proven by promises (leases), and that nothing is lost by the
// in-sync set. docs/failover.md tells the schedules that each rule closes.
//
// Invariants:
//  1. One leader an epoch. A process leads only after a compare-and-set of its own life, which
//     gave the register an epoch above the register's old one, its log's and every one that it
//     has heard of.
//  2. Fencing by promises. A leader shows state only while every required standby has promised
//     not to lead, and only after its own last promise has ended. So of two processes at most one
//     shows state: the second is in the set of the first, or in that of one between them.
//  3. A promise is given with the echo of a stamp, once a stamp, and counts from the time at
//     which the leader gave that stamp, for the stated lease less a tenth; so it ends at the
//     leader first as long as clocks differ by less than a tenth in their rate. Only stamps of
//     the same process and reign count. A process that starts counts as having promised at its
//     start.
//  4. Required are the members of every set that the register may hold, less the leader. A set to
//     be is required before its compare-and-set is sent; one that was replaced is not before the
//     answer is known. An old value that is read settles nothing.
//  5. Committed is what is durable at the leader and at every required standby whose log matched
//     in this reign. A new leader begins with what it was told to be committed; what it inherits
//     beyond that, and its START, are committed like every change. Before START is committed it
//     answers nothing, gives no order and names its epoch to no datanode. What is committed never
//     goes back.
//  6. Log prefix. Every member of a set that the register may hold has all that is committed: one
//     joins only when it holds it and has promised, and one that would have to give up committed
//     records, or shows fewer, leaves the set, confirmed, before it is told to. So the committed
//     log is a prefix of the log of every later leader.
//  7. A release voids every stamp before it, at the leader before the standby hears of it.
//  8. A leader that learns that it lacks what another member knows as committed has lost history
//     and does not lead; it tells nobody to cut.
//  9. From second to second nothing here depends on the register: with it away a leader and its
//     standbys go on, without changes of the set.
//
// What was chosen where several ways are open:
//  * A leader that was replaced has ended: its process makes room for a new one, which is a
//    standby and counts as having promised. There is no way back inside of a process.
//  * Each change of the register is preceded by a read that must show the value to be replaced,
//    for versions begin anew when a register is deleted and made again.
//  * A leader that sees an earlier state in the register (it was restored) writes its own again,
//    with its own epoch, which is above all that it has heard of, or it would have stepped down;
//    until that is confirmed the members of what it saw are required, too. A standby does not
//    touch such a register.
//  * A new leader gives its standbys a second to find it before their absence counts as a closed
//    connection. Several members that have to go leave in one change, for each is as safe as
//    alone.
//  * A candidate whose compare-and-set has no answer sends it again only while nobody leads: if
//    the leader is heard again, its next change of the register settles the matter.
//  * A release names the newest stamp that it voids: a standby that has echoed a later one since
//    knows that the release is old. So messages need not stay in order.
//  * Freshness of stale reads is counted only by answers of a leader that was allowed to show
//    state: one that was replaced and does not know it yet must not vouch for a standby.
#pragma once

#include "cluster/leader_side.hpp"
#include "cluster/standby_side.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::cluster {

enum class member_role : std::uint8_t {
  standby,
  taking_over,  ///< has won, START is not committed yet
  leader,
  handing_over,
  ended,  ///< has led: the process must end
};

/// A standby, as the leader sees it.
struct standby_report {
  member_address who;
  bool in_sync = false;  ///< required
  bool matched = false;
  txid holds;  ///< durable there
  time_ms promised_until = 0;
  bool slow = false;
  time_ms welcome_at = 0;  ///< removed for slowness, it does not return before this
};

/// For reports, metrics and the dashboard.
struct leadership_report {
  member_role role = member_role::standby;
  epoch_t epoch;                         ///< own reign, or the highest heard
  std::optional<member_address> leader;  ///< as far as is known
  std::vector<member_address> insync;    ///< as the register was last known to hold it
  bool reaches_register = false;
  bool serving = false;
  std::vector<standby_report> standbys;  ///< of a leader
  std::string problem;                   ///< empty: none
};

/// See the head of this file.
///
/// Operation: call an event, then perform all of take_actions(), in order. timer() is called every
/// tick_ms; a call that is late by more than leader_watch::gap_ms means that the process did not
/// run.
///
/// Time: milliseconds of a clock that counts while the machine sleeps (CLOCK_BOOTTIME). Its rate
/// may differ from that of other members by a tenth at most; its origin is any.
///
/// Concurrency: one strand, which neither the namespace nor a disk ever blocks. Other threads that
/// answer compare a copy of serve_until() with the clock after they have taken a request.
///
/// Bounds: max_members standbys, one read and one change of the register on the way.
class leadership {
 public:
  static constexpr std::int64_t tick_ms = 50;

  leadership(leadership_config config, member_log log, time_ms now);

  // ---- the register -----------------------------------------------------------------------------
  void register_read(std::uint64_t id, read_outcome what, register_version version,
                     std::string_view bytes, time_ms now);
  void register_changed(std::uint64_t id, change_outcome what, time_ms now);
  /// A watch says that it is another now.
  void register_hint(time_ms now);

  // ---- as a standby -----------------------------------------------------------------------------
  void promise_answered(std::uint64_t id, const promise_reply& reply, time_ms now);
  void promise_failed(std::uint64_t id, promise_outcome what, time_ms now);
  void greeted(std::uint64_t id, greeting_outcome what, const member_greeting& told, time_ms now);
  /// For the first pull of a connection to the leader that is followed. Everything that is in the
  /// log has to be durable and told by log_is() or log_grew() before: a tail that is not told is
  /// not compared.
  [[nodiscard]] log_history history() const;
  void history_answered(const history_answer& answer, time_ms now);
  /// Its records fit to the own log: more were appended, or it said that there are none.
  void log_matched(time_ms now);

  // ---- requests of other members ----------------------------------------------------------------
  [[nodiscard]] promise_reply promised(const promise_request& q, std::uint64_t connection,
                                       time_ms now);
  [[nodiscard]] member_greeting greet() const;
  /// The first pull of a connection, or what came of the comparison of chain values after it.
  [[nodiscard]] history_answer compare(const log_history& theirs, std::uint64_t connection,
                                       chain_check chain, time_ms now);
  /// After `follow`: the chain value is right, too, and the standby holds everything up to
  /// `durable`.
  void standby_matched(node_id node, std::uint64_t connection, txid durable, time_ms now);
  void standby_holds(node_id node, std::uint64_t connection, txid durable, time_ms now);
  /// One of its connections has ended.
  void standby_closed(node_id node, std::uint64_t connection, time_ms now);

  // ---- the log ----------------------------------------------------------------------------------
  /// The log has changed in any way: a START is durable (of another's reign, or the own one that
  /// member_action::begin_reign asked for), records were cut off, an image was adopted.
  void log_is(member_log log, time_ms now);
  /// More is durable, or known as committed, or applied.
  void log_grew(const log_place& durable, txid committed, txid applied, time_ms now);
  /// When the namespace's strand had its last turn, and when the oldest batch was begun that is not
  /// synced yet (never: there is none).
  void alive(time_ms turned_at, time_ms unsynced_since);
  void reluctant(bool yes) { core_.log.reluctant = yes; }

  // ---- wishes -----------------------------------------------------------------------------------
  /// Nil: to the best. errc::not_active at a standby, errc::unavailable if it cannot be done.
  result<void> hand_over(node_id to, time_ms now);
  void requests_held(txid last, time_ms now);
  void serving_stopped(time_ms now);
  /// Takes a member out of the set and keeps it out, or lets it in again.
  result<void> keep_out(node_id node, bool out, time_ms now);
  /// Leads although the register's set does not name it, or nobody of it is left; what others have
  /// and this one lacks is given up.
  result<void> force();
  /// The process shall end: member_action::may_exit follows, or step_down after a handover.
  void shutdown(time_ms now);

  void timer(time_ms now);

  // ---- out --------------------------------------------------------------------------------------
  [[nodiscard]] std::vector<leadership_action> take_actions();
  /// May an answer show the state of the tree that was looked at before this call?
  [[nodiscard]] bool may_show(time_ms now) const;
  /// It may, if it may now, until just before this time.
  [[nodiscard]] time_ms serve_until() const;
  /// Of a standby: its tree shows the state of some time since then, so a stale read may be
  /// answered by it that allows now - *stale_as_of(). Empty: it may not.
  [[nodiscard]] std::optional<time_ms> stale_as_of() const;
  [[nodiscard]] txid committed() const noexcept { return core_.log.committed; }
  [[nodiscard]] member_role role() const noexcept;
  [[nodiscard]] leadership_report report(time_ms now) const;

 private:
  void after(time_ms now);

  member_core core_;
  std::unique_ptr<standby_side> standby_;  ///< one of the two
  std::unique_ptr<leader_side> leader_;
  time_ms last_tick_;
  bool leaving_ = false;
};

}  // namespace ssdfs::cluster
