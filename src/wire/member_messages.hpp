// Member to member of a master set: promises, what one knows, how two logs are related. The values
// are those of base/membership.hpp; what they mean is told in docs/failover.md.
#pragma once

#include "base/membership.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>

namespace ssdfs::wire {

struct promise_reply {
  ssdfs::promise_reply said;
};
BOOST_DESCRIBE_STRUCT(promise_reply, (), (said))
/// A standby's promise not to lead for a while, or, without an echo, only its wish for a stamp. On
/// a connection of its own, so that it never waits behind pulled lines. Any member answers; one
/// that does not lead says who does.
struct promise_request {
  static constexpr opcode code = opcode::promise;
  using reply = promise_reply;
  ssdfs::promise_request said;
};
BOOST_DESCRIBE_STRUCT(promise_request, (), (said))

struct greet_reply {
  member_greeting said;
};
BOOST_DESCRIBE_STRUCT(greet_reply, (), (said))
/// One that wants to take over asks a member what it knows.
struct greet_request {
  static constexpr opcode code = opcode::greet;
  using reply = greet_reply;
};
BOOST_DESCRIBE_STRUCT(greet_request, (), ())

struct match_log_reply {
  history_answer said;
};
BOOST_DESCRIBE_STRUCT(match_log_reply, (), (said))
/// The first request of a standby on each connection over which it pulls: how its log came about.
/// After `follow` the lines that it pulls on this connection continue its log.
struct match_log_request {
  static constexpr opcode code = opcode::match_log;
  using reply = match_log_reply;
  log_history theirs;
};
BOOST_DESCRIBE_STRUCT(match_log_request, (), (theirs))

}  // namespace ssdfs::wire
