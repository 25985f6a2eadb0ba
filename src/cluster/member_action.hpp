// What a member's state machine (cluster/leadership.hpp) wants done. Performed in the order in
// which they come, before the next event is given.
#pragma once

#include "base/membership.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ssdfs::cluster {

/// Of the register's value, as the register counts them: 0 and up, one more with each change.
using register_version = std::int64_t;

enum class step_down_reason : std::uint8_t {
  replaced,      ///< a higher epoch is known, or the register names another leader
  handed_over,   ///< another member has taken over as was asked for
  lost_history,  ///< a member holds committed records that this log lacks
};

namespace member_action {

/// Read the register from any server; answer with register_read() within a second.
struct read_register {
  std::uint64_t id = 0;
};
/// Compare-and-set; answer with register_changed() within a second. Never queued: if there is no
/// connection at this moment the answer is `not_sent`. `expected` is the version to be replaced; if
/// there is none, the register is created and must not exist.
struct change_register {
  std::uint64_t id = 0;
  std::optional<register_version> expected;
  std::string bytes;
};
/// Send to this address over the connection for promises, which is made if it is missing, and
/// closed when another address comes; answer with promise_answered() or promise_failed() within
/// lease / 2.
struct send_promise {
  std::uint64_t id = 0;
  std::string address;
  promise_request request;
};
/// Ask this member for its member_greeting; answer with greeted() or greeting_failed() within
/// 300 ms.
struct send_greeting {
  std::uint64_t id = 0;
  member_address to;
};
/// Pull the log of this leader from now on; the first request of each connection carries history().
/// No address: stop pulling.
struct follow {
  epoch_t epoch;
  member_address leader;
};
/// Put the records behind `to` aside, then pull again.
struct cut_log {
  txid to;
};
/// Put the log aside and begin with an image of the leader.
struct fetch_image {};
/// This member has won: append START of this epoch to the log as it is (what it holds beyond the
/// committed is kept, and applied), behind everything that was pulled; leadership::log_is() follows
/// when it is durable. If `accepted` is set, the acceptance of the loss of what is missing up to
/// that epoch is logged behind it.
struct begin_reign {
  epoch_t epoch;
  std::optional<epoch_t> accepted;
};
/// START is committed: answer requests (each look at state subject to may_show()), tell datanodes
/// the epoch, give orders.
struct start_serving {
  epoch_t epoch;
};
/// Hold new requests (bounded); answer with requests_held() when the last change that was begun is
/// in the log.
struct hold_requests {};
/// Stop every thread that answers; then serving_stopped().
struct stop_serving {};
/// The handover did not happen: answer what was held, and go on.
struct resume_serving {};
/// Everything up to here may be answered, shown, and be the reason of orders.
struct committed {
  txid upto;
};
/// This process has led and never answers again: close every connection that waits, end with the
/// exit code for "replaced". The hint is for what is held.
struct step_down {
  step_down_reason reason = step_down_reason::replaced;
  std::string why;
  member_address hint;
};
/// Keep in the data directory that this log lacks committed records (or that it does no more,
/// because it has matched a leader): leadership_config::lost_history of the next process.
struct remember_loss {
  bool lost = true;
};
/// Nobody else is left who could lead: answer reads, change nothing, until a loss is accepted.
struct serve_reads_only {
  std::string why;
};
/// The member that was asked to end may do so: it is out of the set, or has waited long enough.
struct may_exit {};

}  // namespace member_action

using leadership_action =
    std::variant<member_action::read_register, member_action::change_register,
                 member_action::send_promise, member_action::send_greeting, member_action::follow,
                 member_action::cut_log, member_action::fetch_image, member_action::begin_reign,
                 member_action::start_serving, member_action::hold_requests,
                 member_action::stop_serving, member_action::resume_serving,
                 member_action::committed, member_action::step_down, member_action::remember_loss,
                 member_action::serve_reads_only, member_action::may_exit>;

}  // namespace ssdfs::cluster
