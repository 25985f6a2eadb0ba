// The seam between the machines of a leader and the edits log.
#pragma once

#include "base/result.hpp"
#include "meta/commands.hpp"

namespace ssdfs::leader {

/// The edits log and the clocks, as the machines of this room see them. The process around them
/// implements it over its log on disk, a simulation over a log in memory.
///
/// Invariant: a record is applied to the replayed state in the moment it is logged, so after log()
/// the state shows the change. Whether the change is durable is another question, which delays
/// answers and orders and no decision.
/// Concurrency: called on the strand of the namespace only; nothing blocks.
class edits {
 public:
  virtual ~edits() = default;

  /// Appends the record to the log, which gives it its txid, tells grant_desk::about_to_apply(),
  /// and applies it. A failure (of the log) has changed nothing.
  [[nodiscard]] virtual result<void> log(meta::record& change) = 0;
  /// What commands decide with, set to the clocks of now. Valid until the next call; records alias
  /// its texts.
  virtual meta::context& context() = 0;
  /// errc::read_only, with the reason, if this leader may not change anything now; errc::busy or
  /// errc::no_space if the log takes nothing.
  [[nodiscard]] virtual result<void> may_change() const = 0;
};

}  // namespace ssdfs::leader
