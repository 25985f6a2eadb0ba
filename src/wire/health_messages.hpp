// Operator to master and datanodes: what is stored against what should be, scrubbing, repair.
#pragma once

#include "base/ids.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/namespace_messages.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::wire {

// ---- master ----

struct fsck_file {
  std::string path;
  std::uint64_t size = 0;
  std::vector<chunk_ref> chunks;  ///< those in the volumes asked about, at most 64
};
BOOST_DESCRIBE_STRUCT(fsck_file, (), (path, size, chunks))
struct fsck_reply {
  std::vector<fsck_file> files;  ///< of this page, those that the request asks to be named
  std::uint32_t next_slice = 0;  ///< where the next page begins: both 0 at the end
  std::uint32_t next_inode = 0;
  std::uint64_t files_seen = 0;  ///< in this page, below the path
  std::uint64_t chunks_seen = 0;
  std::uint64_t bytes_seen = 0;
  std::uint64_t slices = 0;  ///< that there are now, for a progress bar
};
BOOST_DESCRIBE_STRUCT(fsck_reply, (),
                      (files, next_slice, next_inode, files_seen, chunks_seen, bytes_seen, slices))
/// Volumes of one fsck_request at most.
inline constexpr std::size_t most_checked_volumes = 4096;
/// A page of all files at and below a path, in no useful order; those are named that have a chunk
/// in one of `volumes` (at most most_checked_volumes), or one that is lost, or all. What is
/// created, moved or removed between the pages may be missing.
struct fsck_request {
  static constexpr opcode code = opcode::fsck;
  using reply = fsck_reply;
  std::string_view path;
  std::uint32_t slice = 0;
  std::uint32_t inode = 0;
  bool all = false;
  std::vector<volume_id> volumes;
};
BOOST_DESCRIBE_STRUCT(fsck_request, (), (path, slice, inode, all, volumes))

// ---- datanode ----

struct scrub_reply {
  std::uint64_t pass = 0;  ///< under way, or the next
  bool running = false;
  std::uint64_t bytes_done = 0;  ///< of this pass
  std::uint64_t bytes_total = 0;
  std::int64_t last_full_ms = 0;  ///< end of the last whole pass, wall clock; 0: none yet
  std::uint64_t bad = 0;          ///< records found bad since the node was made
  std::uint64_t repaired = 0;     ///< of them, replaced
  std::uint64_t unrepaired = 0;   ///< known to be bad now
};
BOOST_DESCRIBE_STRUCT(scrub_reply, (),
                      (pass, running, bytes_done, bytes_total, last_full_ms, bad, repaired,
                       unrepaired))
/// How far the scrubber is. With `begin` it first begins a whole pass, which is over when `pass` is
/// higher than in this reply.
struct scrub_request {
  static constexpr opcode code = opcode::scrub;
  using reply = scrub_reply;
  bool begin = false;
};
BOOST_DESCRIBE_STRUCT(scrub_request, (), (begin))

/// A replica that is not as it should be, or holds orphans.
struct replica_trouble {
  volume_id volume;
  std::uint32_t bad_records = 0;
  std::uint64_t orphans = 0;  ///< chunks set aside
  std::uint64_t orphan_bytes = 0;
  bool orphans_wait = false;  ///< orphans_waiting is not 0
  /// Of them, those kept until an operator agrees: lost history may have known them, and they are
  /// more than 1 % of the volume.
  std::uint64_t orphans_waiting = 0;
};
BOOST_DESCRIBE_STRUCT(replica_trouble, (),
                      (volume, bad_records, orphans, orphan_bytes, orphans_wait, orphans_waiting))
struct replica_health_reply {
  std::vector<replica_trouble> replicas;  ///< by volume; all others are fine
  bool more = false;
};
BOOST_DESCRIBE_STRUCT(replica_health_reply, (), (replicas, more))
/// The node's replicas with bad records or orphans, from volume `from`, at most 4,096.
struct replica_health_request {
  static constexpr opcode code = opcode::replica_health;
  using reply = replica_health_reply;
  volume_id from;
};
BOOST_DESCRIBE_STRUCT(replica_health_request, (), (from))

struct bad_chunks_reply {
  std::vector<chunk_key> keys;  ///< ascending
  bool more = false;
};
BOOST_DESCRIBE_STRUCT(bad_chunks_reply, (), (keys, more))
/// Chunks of a replica whose records are known to be bad, from `from_key`, at most 16,384.
struct bad_chunks_request {
  static constexpr opcode code = opcode::bad_chunks;
  using reply = bad_chunks_reply;
  volume_id volume;
  chunk_key from_key = 0;
};
BOOST_DESCRIBE_STRUCT(bad_chunks_request, (), (volume, from_key))

struct repair_replica_reply {};
BOOST_DESCRIBE_STRUCT(repair_replica_reply, (), ())
/// Replaces the replica's bad records soon. With `release_orphans` the chunks that are set aside
/// need not wait for an operator any more: this is one.
struct repair_replica_request {
  static constexpr opcode code = opcode::repair_replica;
  using reply = repair_replica_reply;
  volume_id volume;
  bool release_orphans = false;
};
BOOST_DESCRIBE_STRUCT(repair_replica_request, (), (volume, release_orphans))

}  // namespace ssdfs::wire
