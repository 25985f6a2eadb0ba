// The seam to what chooses the leader: one small value outside of the cluster's processes that is
// changed by compare-and-set only.
//
// What stands behind it may be away, slow, or restored from an old copy. So nothing safe may rest
// on what a read shows, on a connection that is up, or on a notice that something has changed: only
// a change that was answered with `done` says something about the present, and a change with an
// unknown outcome counts as perhaps made, and perhaps made yet, until its content is seen, a higher
// version is seen, or the same change sent again is answered.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::coord {

/// Longest content of a register, in bytes. What is longer is never written, and foreign when read.
inline constexpr std::size_t max_register_bytes = 64 * 1024;

/// Calls of one object that may be on their way at a time; errc::busy beyond.
inline constexpr int max_register_calls = 64;

/// Says whether content is a register of this cluster, in a format that this program knows:
/// errc::wrong_cluster for another cluster's, any other failure for anything else. Called on a
/// thread of the register for what is read and for what shall be written; depends on nothing but
/// its argument, or on what it may ask from any thread.
using register_judge = std::function<result<void>(std::string_view content)>;

struct register_value {
  /// Of this value, as the register counts: 0 when it is made, one more with each change. Begins
  /// again at 0 where a register was removed and made anew.
  std::int64_t version = 0;
  std::string content;
  friend bool operator==(const register_value&, const register_value&) = default;
};

/// What is known of the register, for people and for who must know whether to rely on it.
enum class register_state : std::uint8_t {
  connecting,     ///< no answer yet since the start, or since a connection was lost
  ready,          ///< read, and this cluster's
  exposed,        ///< as ready; but others than this cluster's processes may change it
  missing,        ///< the service answers, and has no register
  no_root,        ///< the service answers, and has not even the node that shall hold the register
  denied,         ///< the service answers, and does not let this process read or change it
  auth_failed,    ///< the service does not take the credentials at all
  foreign,        ///< something is there that is no register of a known format; never written
  other_cluster,  ///< a register of another cluster is there; never written
  away,           ///< no server answers that can serve
  stopped,        ///< by stop()
};

/// "ready", "no_root" and so on, for logs, metrics and JSON.
[[nodiscard]] std::string_view name_of(register_state state) noexcept;

/// True if a value of this cluster was read at the last look.
[[nodiscard]] constexpr bool usable(register_state state) noexcept {
  return state == register_state::ready || state == register_state::exposed;
}

/// The state as administrators' reports show it, in three words: "connected" (usable), "foreign"
/// (what is there is not this cluster's register), "away" (everything else).
[[nodiscard]] std::string_view summary_of(register_state state) noexcept;

/// The failure of a call that a state stands in the way of.
[[nodiscard]] failure failure_of(register_state state, std::string problem);

struct register_view {
  register_state state = register_state::connecting;
  std::string problem;                  ///< a sentence for an operator; empty if ready
  std::optional<std::int64_t> version;  ///< of the newest value seen, if the state is usable
  std::string server;                   ///< the one that is connected to, or empty
  friend bool operator==(const register_view&, const register_view&) = default;
};

enum class set_outcome : std::uint8_t {
  done,      ///< the register holds the content, or held it
  refused,   ///< another value is there than the one to be replaced; this call changed nothing
  not_made,  ///< it was not made and will not be, for the reason that `why` tells
  unknown,   ///< made, not made, or made later
};

struct set_result {
  set_outcome outcome = set_outcome::unknown;
  std::int64_t version = -1;  ///< done: of the new value
  failure why;                ///< of the last three
};

/// The register as one process reaches it.
///
/// Operation: keeps a connection to the service by itself, for ever, with pauses between attempts;
/// looks at the register at least once a second, so view() is of the last seconds; and performs
/// calls. No call waits for a connection: without one it fails at once, and nothing that could
/// change the register is ever queued. A call for which a second has passed without an answer takes
/// the connection down with it: the next one goes another way.
///
/// Completion: each handler is called exactly once, posted to the executor that the object was made
/// with, never from within the call; in at most `within_ms`, plus what the executor takes. The
/// context of that executor has its work counted until then, and outlives the object. After stop()
/// nothing is begun: what is on its way completes as unknown (changes) or errc::aborted (reads),
/// and so do later calls, as not made.
///
/// Concurrency: every function from any thread, but stop() and the destructor only once all other
/// calls have returned, and not within a register_judge.
class shared_register {
 public:
  using read_handler = unique_function<void(result<register_value>)>;
  using set_handler = unique_function<void(set_result)>;
  /// The newest view. Called on the executor, one call at a time, first with what is known now and
  /// then whenever that has changed, at the latest a second after the register has; several changes
  /// may come as one. That nothing came does not mean that nothing has changed.
  using observer = std::function<void(const register_view&)>;

  virtual ~shared_register() = default;

  /// The value, as new as the service can tell. errc::not_found if there is no register,
  /// permission_denied, wrong_cluster, damaged (foreign), connection and timed_out (ask again),
  /// busy.
  virtual void async_read(std::int64_t within_ms, read_handler handler) = 0;

  /// Replaces the value of version `replaced`, which is 0 or more, by `content`. The content has to
  /// be one that the judge accepts, and no value like it may ever have been written, or nobody can
  /// tell later whether this call was made: callers put a number into it that they never use again.
  ///
  /// Goes out only if the newest value that this object has seen has that version and is this
  /// cluster's. Since versions begin anew where a register was made again, callers read before they
  /// change, and compare.
  virtual void async_set(std::int64_t replaced, std::string content, std::int64_t within_ms,
                         set_handler handler) = 0;

  /// Makes the register, which must not exist (`refused`). For an operator's command and a new
  /// cluster's first process: whoever makes a register without being told that there is none can
  /// make a second one.
  virtual void async_create(std::string content, std::int64_t within_ms, set_handler handler) = 0;

  /// Sets the observer, in place of the one before, which may be called once more.
  virtual void observe(observer o) = 0;
  [[nodiscard]] virtual register_view view() const = 0;

  /// Closes the connection, joins the threads: up to five seconds where a server hangs. Once it has
  /// returned the observer is not called any more, unless it runs at that moment. Also done by the
  /// destructor.
  virtual void stop() = 0;
};

}  // namespace ssdfs::coord
