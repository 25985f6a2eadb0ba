// What the rest of a member does for the machine that decides who leads.
#pragma once

#include "base/membership.hpp"
#include "base/unique_function.hpp"
#include "cluster/member_action.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ssdfs::member {

/// What came of looking up the record that a standby's log ends with.
enum class chain_result : std::uint8_t {
  same,         ///< this log has that record, with the same chain value
  different,    ///< it has another one at that place
  unreachable,  ///< its segments begin behind it
};

/// The member's log, tree and doors, as its leadership needs them. What each function means is told
/// at the action of the same name in cluster/member_action.hpp.
///
/// Concurrency: called on the leadership thread, one call at a time, in the order that the machine
/// wants. That thread renews promises, so nothing here may wait: not for a disk, a lock that is
/// held for long, nor a call. What takes time is begun, and its end is told to the runner.
class leadership_host {
 public:
  virtual ~leadership_host() = default;

  // ---- as a standby -----------------------------------------------------------------------------
  virtual void follow(epoch_t epoch, const member_address& leader) = 0;
  virtual void cut_log(txid to) = 0;
  virtual void fetch_image() = 0;
  virtual void remember_loss(bool lost) = 0;

  // ---- as a leader ------------------------------------------------------------------------------
  virtual void begin_reign(epoch_t epoch, std::optional<epoch_t> accepted) = 0;
  virtual void start_serving(epoch_t epoch) = 0;
  virtual void serve_reads_only(const std::string& why) = 0;
  virtual void committed(txid upto) = 0;
  virtual void hold_requests() = 0;
  virtual void stop_serving() = 0;
  virtual void resume_serving() = 0;
  /// Compares the record that a standby's log ends with; `done` is called once, on any thread. The
  /// log has no record 0, which every log agrees on.
  virtual void check_chain(const log_place& theirs, unique_function<void(chain_result)> done) = 0;

  // ---- the end ----------------------------------------------------------------------------------
  virtual void step_down(const cluster::member_action::step_down& how) = 0;
  virtual void may_exit() = 0;
};

}  // namespace ssdfs::member
