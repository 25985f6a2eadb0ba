// What the members of a master set tell each other: plain described values, used by the state
// machine that decides who leads (cluster/leadership.hpp).
#pragma once

#include "base/log_place.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs {

/// One reign of the edits log: its START record. Of a node's witness and of another copy of the log
/// it is asked whether they fit into the list of these.
struct reign {
  epoch_t epoch;
  node_id leader;
  txid start;  ///< txid of the START record
  friend bool operator==(const reign&, const reign&) = default;
};
BOOST_DESCRIBE_STRUCT(reign, (), (epoch, leader, start))

/// A member, and where it answers ("HOST:PORT").
struct member_address {
  node_id node;
  std::string address;
  friend bool operator==(const member_address&, const member_address&) = default;
};
BOOST_DESCRIBE_STRUCT(member_address, (), (node, address))

/// Times that have to be the same at all members: the leader tells its own with each stamp, and
/// they hold for all.
struct member_timing {
  std::uint32_t lease_ms = 1'000;           ///< length of a promise, by the standby's clock
  std::uint32_t failover_after_ms = 3'000;  ///< silence after which a standby takes over
  std::uint32_t sync_timeout_ms = 2'000;    ///< unacknowledged for so long: out of the in-sync set
  friend bool operator==(const member_timing&, const member_timing&) = default;
};
BOOST_DESCRIBE_STRUCT(member_timing, (), (lease_ms, failover_after_ms, sync_timeout_ms))

/// A number that a leader gives to a standby, which sends it back with a promise. It means
/// something only to the process and in the reign that gave it. Number 0: none.
struct stamp {
  epoch_t epoch;
  std::uint64_t process = 0;
  std::uint64_t number = 0;
  friend bool operator==(const stamp&, const stamp&) = default;
};
BOOST_DESCRIBE_STRUCT(stamp, (), (epoch, process, number))

enum class promise_answer : std::uint8_t {
  leads = 1,        ///< the one that answers leads, or is about to, in the epoch of the answer
  released = 2,     ///< it leads no more: the receiver's promises are void, it shall take over
  not_leading = 3,  ///< ask the one at `hint`, if there is one
  duplicate = 4,    ///< another process that uses the same identity is alive
};
BOOST_DESCRIBE_ENUM(promise_answer, leads, released, not_leading, duplicate)

/// The answer to a promise, with the next stamp.
struct promise_reply {
  promise_answer answer = promise_answer::not_leading;
  epoch_t epoch;               ///< leads: of its reign; else the highest that it has heard of
  node_id node;                ///< who answers
  std::uint64_t process = 0;   ///< nonce of the process that answers
  member_address hint;         ///< not_leading: who does; leads: who takes over soon
  stamp given;                 ///< number 0: none is given now
  txid committed;              ///< leads: what is committed
  bool serving = false;        ///< it was allowed to show state when it answered
  bool in_sync = false;        ///< the receiver is in the in-sync set
  member_timing timing;        ///< leads
  std::uint32_t again_ms = 0;  ///< the next promise is wanted after this; 0: lease / 5
  std::vector<member_address> members;  ///< all that the leader knows
};
BOOST_DESCRIBE_STRUCT(promise_reply, (),
                      (answer, epoch, node, process, hint, given, committed, serving, in_sync,
                       timing, again_ms, members))
/// What a standby sends every lease / 5, on a connection of its own. With an echo it promises not
/// to lead for `lease_ms` from the time at which it was sent.
struct promise_request {
  member_address from;
  std::uint64_t process = 0;  ///< nonce of the process that asks
  epoch_t heard;              ///< the highest epoch that it has heard of
  stamp echo;                 ///< the newest stamp, if it was not sent before; number 0: no promise
  std::uint32_t lease_ms = 0;  ///< how long it promises
  txid durable;                ///< end of its log
  txid committed;              ///< what it knows to be committed
  bool eligible = true;        ///< it may lead, and be waited for
  bool leaving = false;        ///< it is about to end: take it out of the set first
  bool reluctant = false;  ///< its tree is behind, or its disk nearly full: rather somebody else
  bool reaches_register = false;
};
BOOST_DESCRIBE_STRUCT(promise_request, (),
                      (from, process, heard, echo, lease_ms, durable, committed, eligible, leaving,
                       reluctant, reaches_register))

/// What a member says of itself to one that wants to take over.
struct member_greeting {
  node_id node;
  std::uint64_t process = 0;
  epoch_t heard;       ///< the highest epoch that it has heard of
  bool leads = false;  ///< in epoch `heard`
  txid durable;        ///< end of its log
  txid committed;      ///< what it knows to be committed
};
BOOST_DESCRIBE_STRUCT(member_greeting, (), (node, process, heard, leads, durable, committed))

/// With the first pull of a connection: where the standby's log ends and how it got there.
struct log_history {
  node_id node;
  std::uint64_t process = 0;
  epoch_t heard;
  log_place durable;
  txid committed;             ///< what it knows to be committed
  std::vector<reign> reigns;  ///< the last ones in its log, in order; at most max_history_reigns
};
BOOST_DESCRIBE_STRUCT(log_history, (), (node, process, heard, durable, committed, reigns))
inline constexpr std::size_t max_history_reigns = 256;

/// What the leader found when it compared the chain value of the standby's last record.
enum class chain_check : std::uint8_t {
  not_yet = 1,      ///< the reigns are compared first
  wrong = 2,        ///< it differs from that of the leader's record
  unreachable = 3,  ///< the leader's segments begin behind it: the standby needs an image
};
BOOST_DESCRIBE_ENUM(chain_check, not_yet, wrong, unreachable)

enum class history_verdict : std::uint8_t {
  follow = 1,   ///< a prefix of the leader's log, if the chain value of its last record is right
  wait = 2,     ///< ask again: the reign is not begun, or the standby leaves the set first
  cut = 3,      ///< give up what is behind `common`, then ask again
  image = 4,    ///< nothing in common is known: fetch an image
  refused = 5,  ///< not by this one: it does not lead, or has lost history itself
};
BOOST_DESCRIBE_ENUM(history_verdict, follow, wait, cut, image, refused)

/// The leader's answer to a log_history.
struct history_answer {
  history_verdict verdict = history_verdict::refused;
  epoch_t epoch;  ///< of the leader
  txid common;    ///< cut: the last place where both logs agree
  /// cut, image: what was committed may be given up, because an operator has accepted its loss.
  bool loss_accepted = false;
  friend bool operator==(const history_answer&, const history_answer&) = default;
};
BOOST_DESCRIBE_STRUCT(history_answer, (), (verdict, epoch, common, loss_accepted))

}  // namespace ssdfs
