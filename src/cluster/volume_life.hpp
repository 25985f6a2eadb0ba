// One volume's next step, decided from what is known now. Nothing is remembered here: the decision
// is derived anew whenever an input changes, so a lost message or a restarted master cannot leave a
// volume in a state without a way on.
//
// Life:  open --SEAL--> sealed --CLOSE--> closed --REOPEN--> open.  MEMBERS may come in between, in
// sealed and closed. Each arrow is one log record; orders make the replicas follow the log, never
// the other way round.
//
// Rules (each closes a schedule that loses data):
//  * A volume is granted only while all its members have reported an open replica at the volume's
//    generation in this epoch, from the same process that reported it first (`ready`).
//  * It is sealed when a member fails, is silent, restarts or is about to stop, when it is full,
//    when this master started after it was opened, when it is old and has something to reclaim, or
//    on request.
//  * It is closed when every grant on it has ended and every member has acked the seal at the
//    volume's generation. A member that is dead, or has lost its replica, is first taken off by
//    MEMBERS, but only if another member has acked the seal at that generation: then all that was
//    ever acknowledged is on that member, and the replica of the one taken off stays on its disk
//    until enough others are complete. From a closed volume a dead member is taken off when another
//    member is complete.
//  * Only a complete copy counts: volume closed; digest, removal number and generation equal to the
//    log's; reported by the node's current incarnation in this epoch.
//  * A replica with a lower generation is no copy: a sealed member takes the new generation and is
//    then compared by digest; a node that is no member is compared first and joins by MEMBERS.
//  * Destructive orders (remove_keys, drop) come only outside of safe mode; a drop only if as many
//    complete copies as are wanted stay, all of them members. Where chunks are lost, a replica that
//    differs is compared before it is dropped: it may be the one that has them.
#pragma once

#include "base/orders.hpp"
#include "base/volume_info.hpp"
#include "cluster/registry.hpp"
#include "cluster/time.hpp"

#include <boost/describe/enum.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ssdfs::cluster {

/// A replica, a member that should have one, or both, as seen in this epoch.
struct replica_view {
  node_id node;
  node_state state = node_state::stale;
  bool usable = false;    ///< live, connected, and its report is in: no `report` means no replica
  bool parting = false;   ///< an operator wants no open replica there
  bool stopping = false;  ///< the process there is about to end
  std::optional<replica_report> report;
  /// Another process of the node answers than when this volume became ready.
  bool restarted = false;
  /// A drop was ordered and is not confirmed: not to be counted, not to be taken back as member.
  bool drop_ordered = false;
};

/// Everything that the decision may depend on.
struct volume_situation {
  const volume_info* info = nullptr;
  std::span<const replica_view> replicas;  ///< members in chain order first, then all others
  bool life_committed = true;  ///< the last record that changed its life is durable everywhere
  bool grants_outstanding = false;
  bool was_ready = false;            ///< was granted, or might have been, at this generation
  bool opened_before_start = false;  ///< open since before this master started
  bool chain_failed = false;         ///< a member of it reported a failed append at this generation
  bool seal_requested = false;       ///< by an operator
  bool reclaim_due = false;          ///< chunks of it are past their delete grace, or removals pend
  std::uint64_t freed_chunks = 0;    ///< in its digest, but in no file any more
  std::uint64_t lost_chunks = 0;     ///< in files, but not in its digest: nobody had them
  bool safe_mode = false;            ///< holds back repair and destruction
  bool mass_silence = false;         ///< holds back repair
  bool more_members_possible = false;  ///< there are nodes that could make it whole
  bool wanted_open = false;            ///< the controller asks for this one to be reopened
  bool busy = false;  ///< a compaction, copy or reconcile of it may run on some node
  std::optional<node_id> repair_target;  ///< node that shall get a copy that is lacking
  /// Member whose place repair_target takes, once it has a copy: a move. The member's replica is
  /// surplus then, and dropped like any other: when all wanted copies are complete without it.
  std::optional<node_id> move_from;
  bool held_closed = false;  ///< is moved, or shall be soon: not to be reopened
  bool rack_shared = false;  ///< members share a rack, and a node in another one has room
  std::int64_t open_for_ms = 0;
  std::uint64_t first_pending_removal = 0;  ///< lowest batch still kept, 0 for none
};

struct life_settings {
  std::uint64_t volume_size = std::uint64_t{1} << 30;
  std::uint64_t min_grant_bytes = std::uint64_t{1} << 20;  ///< less room than this is full
  std::int64_t reclaim_seal_age_ms = 60'000;
  std::uint32_t compact_dead_percent = 25;  ///< of a replica's length
  std::uint64_t compact_min_bytes = std::uint64_t{1} << 20;

  /// A closed volume of that length has so much room that it is worth opening again.
  [[nodiscard]] bool has_reopen_room(std::uint64_t length) const noexcept {
    constexpr std::uint64_t part = 16;  // of the whole volume must be free
    const std::uint64_t room = length >= volume_size ? 0 : volume_size - length;
    return room >= std::max(volume_size / part, min_grant_bytes);
  }
};

/// Next record for the log.
struct log_step {
  enum class kind : std::uint8_t { none, seal, close, reopen, members };
  kind what = kind::none;
  seal_reason reason = seal_reason::none;  ///< seal
  generation_t generation = 0;             ///< reopen, members: the new one, the last plus 1
  std::uint64_t length = 0;                ///< close, reopen: bytes of the longest replica
  std::vector<node_id> members;            ///< members: the new chain
  friend bool operator==(const log_step&, const log_step&) = default;
};

/// What a node shall do for the volume. Ids, keys and addresses are added when it is sent.
struct wanted_order {
  node_id node;
  order_kind kind = order_kind::create;
  generation_t generation = 0;
  std::uint64_t removal_number = 0;
  std::vector<node_id> sources;  ///< copy, reconcile: complete copies first
  friend bool operator==(const wanted_order&, const wanted_order&) = default;
};

/// Why a volume is as it is: one name for reports and metrics. Each but `healthy` and `open` has an
/// automatic way on, told behind it.
enum class volume_condition : std::uint8_t {
  open,                 ///< ready for grants
  opening,              ///< waits for its members to open their replicas; a failure seals it
  waiting_for_log,      ///< its last record is not committed yet
  sealed_for_grants,    ///< waits for grants to end: their sessions' time does it
  sealed_for_members,   ///< waits for members to ack the seal: they do, or are dead and taken off
  sealed_without_copy,  ///< no member has its replica: waits for one to come back
  healthy,              ///< closed, all wanted copies complete
  one_rack,             ///< whole, but copies share a rack though others have room: moved
  degraded,             ///< closed, all members complete, but fewer than wanted: repaired
  removing,             ///< replicas apply removal batches
  comparing,            ///< replicas differ from the namespace: reconciled
  member_silent,        ///< a member is silent or lost its replica: returns, is copied or taken off
  missing,              ///< closed, and no replica is reported: waits for one to come back
};
BOOST_DESCRIBE_ENUM(volume_condition, open, opening, waiting_for_log, sealed_for_grants,
                    sealed_for_members, sealed_without_copy, healthy, one_rack, degraded, removing,
                    comparing, member_silent, missing)
[[nodiscard]] std::string_view name_of(volume_condition condition) noexcept;

struct volume_decision {
  log_step step;
  std::vector<wanted_order> orders;
  volume_condition condition = volume_condition::opening;
  bool ready = false;          ///< may be granted now
  bool reopenable = false;     ///< closed, whole, with room: first choice when room is needed
  std::uint32_t complete = 0;  ///< complete copies among the members, on live nodes
  std::uint32_t good = 0;     ///< members on live nodes whose replica is not known to lack anything
  std::uint32_t holders = 0;  ///< replicas on live nodes, of any quality
  std::int64_t again_in_ms = 0;  ///< decide again after so long even if nothing changes; 0: never
};

/// Bytes of the volume file that are written, or may be by the grants of the current opening.
[[nodiscard]] inline std::uint64_t taken_bytes(const volume_info& info) noexcept {
  return info.granted_bytes > info.length ? info.granted_bytes : info.length;
}

/// True if a replica with this report is a complete copy by the rule above.
[[nodiscard]] bool is_complete(const volume_info& info, const replica_report& report) noexcept;

/// Why a replica does not count as a copy, in words ("complete" if it does).
[[nodiscard]] std::string_view replica_standing(const volume_info& info,
                                                const replica_view& replica, bool member) noexcept;

/// The decision. Pure and total: any combination of inputs gives one.
[[nodiscard]] volume_decision decide(const volume_situation& situation,
                                     const life_settings& settings);

}  // namespace ssdfs::cluster
