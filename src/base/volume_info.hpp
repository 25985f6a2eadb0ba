// What the cluster as a whole knows of a volume, and what one replica says of itself. Plain values
// shared by the rooms that log them (meta), plan with them (cluster) and store them (volume).
#pragma once

#include "base/digest.hpp"
#include "base/ids.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <vector>

namespace ssdfs {

/// Life of a volume. Only closed volumes are compared, compacted, copied, moved or dropped.
enum class volume_state : std::uint8_t {
  open = 1,    ///< granted to writers
  sealed = 2,  ///< no appends; commits of what was written are still accepted
  closed = 3,  ///< every grant has ended and every member acked the seal: the live set only shrinks
};
BOOST_DESCRIBE_ENUM(volume_state, open, sealed, closed)

/// Why a volume is not open; shown to operators.
enum class seal_reason : std::uint8_t {
  none = 0,
  full = 1,              ///< no room for another grant
  member_failed = 2,     ///< a member was reported failed by its chain, or is stale
  member_restarted = 3,  ///< a member registered with a new incarnation
  master_started = 4,    ///< all open volumes are sealed when a master starts
  reclaim = 5,           ///< old, with something to reclaim
  operator_request = 6,  ///< admin seal
  degraded = 7,          ///< fewer members than copies wanted, and there are nodes for more
};
BOOST_DESCRIBE_ENUM(seal_reason, none, full, member_failed, member_restarted, master_started,
                    reclaim, operator_request, degraded)

/// The durable truth about a volume, changed by edit records only.
struct volume_info {
  volume_id id;
  volume_state state = volume_state::open;
  seal_reason reason = seal_reason::none;
  std::uint8_t replication = 2;      ///< replication class: copies wanted, 1 to 3
  generation_t generation = 1;       ///< raised by every change of members and every reopening
  std::vector<node_id> members;      ///< chain order
  chunk_key next_key = 1;            ///< first key that was never granted
  std::uint64_t granted_bytes = 0;   ///< room taken: `length`, and what was granted since
  std::uint64_t length = 0;          ///< agreed length of the volume file at the last CLOSE
  std::uint64_t removal_number = 0;  ///< number of the last RECLAIM
  volume_digest digest;              ///< chunks that should be there: live or not yet reclaimed
  friend bool operator==(const volume_info&, const volume_info&) = default;
};
BOOST_DESCRIBE_STRUCT(volume_info, (),
                      (id, state, reason, replication, generation, members, next_key, granted_bytes,
                       length, removal_number, digest))

/// What a replica says of itself in registrations and heartbeats.
enum class replica_state : std::uint8_t {
  open = 1,        ///< appends accepted at its generation
  sealed = 2,      ///< seal is durable: no appends
  damaged = 3,     ///< could not be opened, or records are lost: see the node's log
  recovering = 4,  ///< being rebuilt or copied: not to be counted
};
BOOST_DESCRIBE_ENUM(replica_state, open, sealed, damaged, recovering)

struct replica_report {
  volume_id id;
  generation_t generation = 0;
  replica_state state = replica_state::open;
  std::uint64_t length = 0;          ///< bytes of the volume file that hold records
  std::uint64_t removal_number = 0;  ///< last removal batch applied durably
  std::uint64_t dead_bytes = 0;      ///< reclaimable by compaction
  std::uint32_t bad_records = 0;     ///< quarantined records
  volume_digest digest;              ///< chunks in the index
  friend bool operator==(const replica_report&, const replica_report&) = default;
};
BOOST_DESCRIBE_STRUCT(replica_report, (),
                      (id, generation, state, length, removal_number, dead_bytes, bad_records,
                       digest))

}  // namespace ssdfs
