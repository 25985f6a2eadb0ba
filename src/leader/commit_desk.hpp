// Changes of clients, and the answers that wait until what they show is committed.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "leader/edits.hpp"
#include "leader/fifo.hpp"
#include "leader/tokens.hpp"
#include "meta/commands.hpp"
#include "meta/state.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ssdfs::leader {

/// Those who asked, as the desk sees them. Each token that the desk was given is answered by
/// exactly one call, perhaps before the function of the desk that took it returns. A call may ask
/// the desk for something new. Concurrency: the strand of the namespace; must not block.
class answers {
 public:
  virtual ~answers() = default;

  /// The change is committed, now or when the operation came before.
  virtual void changed(token asked, const meta::outcome& what) = 0;
  /// The request is refused, and what the refusal shows is committed.
  virtual void refused(token asked, const failure& why) = 0;
  /// What the process keeps for this token may leave: all that it shows is committed.
  virtual void shown(token asked) = 0;

  enum class doubt : std::uint8_t {
    unconfirmed,  ///< it has waited too long for others to confirm what is logged
    closed,       ///< the log has been closed: whether it has the change, its next reader says
  };
  /// Whether what the answer would show becomes committed is not known, and it is waited for no
  /// longer.
  virtual void given_up(token asked, doubt why) = 0;
};

/// Decides, logs, and answers when the answer can no longer be taken back.
///
/// Invariant: an answer leaves only when all that it shows is committed: an answer to a change its
/// own record, every other one all that was applied when it was made. Answers that wait leave in
/// the order in which they began to.
/// What committed means, durable here or on backups, too, is the caller's: see committed().
/// Concurrency: the strand of the namespace; nothing blocks. All parts outlive the machine.
/// Allocates nothing for a request once its queue has grown to the usual load.
class commit_desk {
 public:
  commit_desk(meta::state& state, edits& log, answers& to) : state_(state), log_(log), to_(to) {}

  /// A client's mutation. `command` (meta::context& -> result<meta::decision>) decides; what the
  /// decision aliases stays valid until this returns. An operation is taken only from the client
  /// whose it is, so that nobody uses up another's numbers, gets its results, or commits out of its
  /// grants: errc::permission_denied. Other refusals: those of edits::may_change(), of the command,
  /// which are remembered with the operation, and of the log.
  /// `since` is when the request came, for expire().
  template <class Command>
  void change(token asked, const meta::operation& op, client_id caller, std::int64_t since_ms,
              Command&& command) {
    if (auto allowed = may_decide(op, caller); !allowed) {
      return to_.refused(asked, allowed.error());
    }
    finish(asked, op, std::forward<Command>(command)(log_.context()), since_ms);
  }

  /// True if something that was applied is not committed yet: then answers wait.
  [[nodiscard]] bool behind() const noexcept { return committed_ < state_.last_txid(); }
  /// A refusal, or anything else, that shows the state as it is now.
  void refuse(token asked, failure why, std::int64_t since_ms);
  void show(token asked, std::int64_t since_ms);

  /// Everything up to `upto` is committed: answers whoever waited for that. An earlier txid than
  /// the last one changes nothing.
  void committed(txid upto);
  /// The last txid that is committed.
  [[nodiscard]] txid committed() const noexcept { return committed_; }

  /// Gives up the answers to what came before `since_ms`, the oldest first.
  void expire(std::int64_t since_ms);
  /// Gives up all, when the log is closed.
  void close();

  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  enum class kind : std::uint8_t { change, refusal, show };
  struct pending {
    txid until;
    std::int64_t since_ms = 0;
    token asked{};
    kind what = kind::show;
    meta::outcome outcome;  // of a change
    failure why;            // of a refusal
  };
  [[nodiscard]] result<void> may_decide(const meta::operation& op, client_id caller) const;
  void finish(token asked, const meta::operation& op, result<meta::decision> decided,
              std::int64_t since_ms);
  void answer_change(token asked, meta::outcome outcome, std::int64_t since_ms);

  meta::state& state_;
  edits& log_;
  answers& to_;
  txid committed_;
  fifo<pending> waiting_;
};

}  // namespace ssdfs::leader
