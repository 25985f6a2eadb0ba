// The kinds of records in the edits log. Every change of the master's durable state is one of
// these, logged as its result: ids, times and keys are fixed, so replay decides nothing.
//
// The members of each struct, in the order of their description, are the fields of its JSON line
// (none may be called txid, op, time, durable, client, seq, low or crc, which every line may have);
// a field that has its default value is left out. docs/formats/edits.md is the document of this.
#pragma once

#include "base/ids.hpp"
#include "base/volume_info.hpp"
#include "ssdfs/limits.hpp"

#include <boost/container/small_vector.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace ssdfs::meta {

/// A CRC32C as a field; eight hex digits in JSON.
using crc_value = strong<struct crc_value_tag, std::uint32_t>;
/// A digest as a field; sixteen hex digits in JSON.
using hash64 = strong<struct hash64_tag, std::uint64_t>;

/// Version of the format that START records announce; a log with a newer one is refused, older ones
/// are read.
inline constexpr std::uint32_t edits_format_version = 3;
/// Bytes of a line at most, its newline included: a longer one is malformed.
inline constexpr std::size_t max_line_bytes = std::size_t{8} << 20;
/// Chunks of one CREATE: what a file may have at most. With the longest numbers that takes 110
/// bytes a chunk, which a line has room for.
inline constexpr std::size_t max_record_chunks = max_file_chunks;
static_assert(max_record_chunks * 110 + 8 * max_path_length < max_line_bytes);
/// Keys of one RECLAIM at most.
inline constexpr std::size_t max_reclaim_keys = 65'536;
/// Chunks of one LOST or FOUND, at most.
inline constexpr std::size_t max_lost_chunks = 4'096;
inline constexpr std::size_t max_members = 16;
/// Values of each table that one FORGET takes back, at most.
inline constexpr std::size_t max_forgotten = 4096;
/// Keys of one grant, at most; a bit is kept for each.
inline constexpr std::uint32_t max_grant_keys = std::uint32_t{1} << 20;

/// Names one mutation of a client for ever, so that a repeat gets the recorded result. Sequences
/// count from 1 per client; a sequence of 0 means "not a client's".
struct operation {
  client_id client;
  std::uint64_t sequence = 0;
  std::uint64_t lowest_unanswered = 0;  ///< results below it may be forgotten
  friend bool operator==(const operation&, const operation&) = default;
};

/// A master's reign begins. The first record of a log, and of every start.
struct start_record {
  static constexpr std::string_view op = "START";
  epoch_t epoch;             ///< greater than every one before
  node_id leader;            ///< the master's node uuid
  cluster_id cluster;        ///< the same in all START records of a log
  ssdfs::txid previous;      ///< last record before; 0 in a new cluster
  std::uint32_t format = 1;  ///< left out in version 1, so that is the default
};
BOOST_DESCRIBE_STRUCT(start_record, (), (epoch, leader, cluster, previous, format))

/// Bits of the field `kept`: which values do not go to the tables of what entries share, but are
/// kept with the entries that the record makes or changes. In none of versions 1 and 2.
inline constexpr std::uint8_t kept_access = 1;   ///< owner, group and mode of the entry
inline constexpr std::uint8_t kept_parents = 2;  ///< those of directories that are made on the way
inline constexpr std::uint8_t kept_type = 4;     ///< the content type

/// Makes a directory. Like every record that does, it says how many missing ancestors it creates;
/// they get the same owner and group, mode 0755 and the record's time.
struct mkdir_record {
  static constexpr std::string_view op = "MKDIR";
  std::string_view path;
  std::uint32_t parents = 0;  ///< missing ancestors that are created
  std::uint16_t mode = 0755;
  std::string_view owner;
  std::string_view group;
  std::uint8_t kept = 0;
};
BOOST_DESCRIBE_STRUCT(mkdir_record, (), (path, parents, mode, owner, group, kept))

/// One chunk of a CREATE or RELOCATE.
struct chunk_record {
  volume_id volume;
  chunk_key key = 0;
  std::uint32_t size = 0;
  crc_value crc32c;
  friend bool operator==(const chunk_record&, const chunk_record&) = default;
};
BOOST_DESCRIBE_STRUCT(chunk_record, (), (volume, key, size, crc32c))

/// One chunk of a volume, in a LOST or FOUND.
struct stored_chunk {
  chunk_key key = 0;
  std::uint32_t size = 0;
  crc_value crc32c;
  friend bool operator==(const stored_chunk&, const stored_chunk&) = default;
};
BOOST_DESCRIBE_STRUCT(stored_chunk, (), (key, size, crc32c))

/// A file appears, whole, or replaces the file that is there.
struct create_record {
  static constexpr std::string_view op = "CREATE";
  std::string_view path;
  std::uint32_t parents = 0;
  bool replaced = false;  ///< a file was there: its chunks are freed
  std::uint64_t size = 0;
  crc_value crc32c;
  std::int64_t mtime = 0;
  std::uint16_t mode = 0644;
  std::uint8_t replication = 0;
  std::string_view owner;
  std::string_view group;
  std::string_view type;  ///< content type
  boost::container::small_vector<chunk_record, 1> chunks;
  std::uint8_t kept = 0;
};
BOOST_DESCRIBE_STRUCT(create_record, (),
                      (path, parents, replaced, size, crc32c, mtime, mode, replication, owner,
                       group, type, chunks, kept))

/// Moves an entry. With `trash` the target is in the trash, whose bucket's mtime becomes the
/// record's time.
struct rename_record {
  static constexpr std::string_view op = "RENAME";
  std::string_view from;
  std::string_view to;
  std::uint32_t parents = 0;
  bool replaced = false;  ///< a file was at `to`: its chunks are freed
  bool trash = false;
  std::string_view owner;  ///< of created parents
  std::string_view group;
  std::uint8_t kept = 0;
};
BOOST_DESCRIBE_STRUCT(rename_record, (), (from, to, parents, replaced, trash, owner, group, kept))

/// Removes a file, or a directory with all that is below.
struct delete_record {
  static constexpr std::string_view op = "DELETE";
  std::string_view path;
};
BOOST_DESCRIBE_STRUCT(delete_record, (), (path))

/// Bits of setattr_record::mask. The first four are those of the protocol.
inline constexpr std::uint8_t attribute_mtime = 1;
inline constexpr std::uint8_t attribute_mode = 2;
inline constexpr std::uint8_t attribute_owner = 4;
inline constexpr std::uint8_t attribute_group = 8;
inline constexpr std::uint8_t attribute_replication = 16;
inline constexpr std::uint8_t attribute_type = 32;

struct setattr_record {
  static constexpr std::string_view op = "SETATTR";
  std::string_view path;
  std::uint8_t mask = 0;  ///< which of the following are set
  std::int64_t mtime = 0;
  std::uint16_t mode = 0;
  std::string_view owner;
  std::string_view group;
  std::uint8_t replication = 0;  ///< files only
  std::string_view type;         ///< files only
  std::uint8_t kept = 0;
};
BOOST_DESCRIBE_STRUCT(setattr_record, (),
                      (path, mask, mtime, mode, owner, group, replication, type, kept))

/// Limits of a directory; 0 is no limit.
struct quota_record {
  static constexpr std::string_view op = "QUOTA";
  std::string_view path;
  std::uint64_t names = 0;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(quota_record, (), (path, names, bytes))

/// A new, open volume at generation 1.
struct add_volume_record {
  static constexpr std::string_view op = "ADD_VOLUME";
  volume_id volume;
  std::uint8_t replication = 0;
  std::vector<node_id> members;  ///< chain order
};
BOOST_DESCRIBE_STRUCT(add_volume_record, (), (volume, replication, members))

/// Other members for a volume that is not open.
struct members_record {
  static constexpr std::string_view op = "MEMBERS";
  volume_id volume;
  generation_t generation = 0;  ///< the new one: the last plus 1
  std::vector<node_id> members;
};
BOOST_DESCRIBE_STRUCT(members_record, (), (volume, generation, members))

/// A right to write into an open volume, or its end.
struct grant_record {
  static constexpr std::string_view op = "GRANT";
  volume_id volume;
  generation_t generation = 0;
  chunk_key first = 0;      ///< first key; names the grant inside its volume
  bool end = false;         ///< the grant ends: what follows is left out
  std::uint32_t count = 0;  ///< keys
  std::uint64_t bytes = 0;
  client_id owner;
};
BOOST_DESCRIBE_STRUCT(grant_record, (), (volume, generation, first, end, count, bytes, owner))

/// A volume is granted no more.
struct seal_record {
  static constexpr std::string_view op = "SEAL";
  volume_id volume;
  seal_reason reason = seal_reason::none;
};
BOOST_DESCRIBE_STRUCT(seal_record, (), (volume, reason))

/// All grants have ended and all members have acked the seal.
struct close_record {
  static constexpr std::string_view op = "CLOSE";
  volume_id volume;
  generation_t generation = 0;
  std::uint64_t length = 0;  ///< agreed length of the volume file
};
BOOST_DESCRIBE_STRUCT(close_record, (), (volume, generation, length))

/// A closed volume is granted again.
struct reopen_record {
  static constexpr std::string_view op = "REOPEN";
  volume_id volume;
  generation_t generation = 0;  ///< the new one: the last plus 1
};
BOOST_DESCRIBE_STRUCT(reopen_record, (), (volume, generation))

/// Freed chunks leave a closed volume's digest; its members are told to forget them.
struct reclaim_record {
  static constexpr std::string_view op = "RECLAIM";
  volume_id volume;
  std::uint64_t number = 0;     ///< the volume's removal number: the last plus 1
  std::uint64_t confirmed = 0;  ///< batches up to here are applied by all members: forgotten
  std::vector<chunk_key> keys;
};
BOOST_DESCRIBE_STRUCT(reclaim_record, (), (volume, number, confirmed, keys))

/// Compare-and-set of one chunk's address; the old address is freed. Sizes and CRCs are equal.
struct relocate_record {
  static constexpr std::string_view op = "RELOCATE";
  std::string_view path;
  std::uint32_t index = 0;  ///< of the chunk in the file
  chunk_record from;
  chunk_record to;
};
BOOST_DESCRIBE_STRUCT(relocate_record, (), (path, index, from, to))

/// Chunks that no replica of a closed volume has any more, and that files still name.
struct lost_record {
  static constexpr std::string_view op = "LOST";
  volume_id volume;
  std::vector<stored_chunk> chunks;
};
BOOST_DESCRIBE_STRUCT(lost_record, (), (volume, chunks))

/// Lost chunks that have turned up.
struct found_record {
  static constexpr std::string_view op = "FOUND";
  volume_id volume;
  std::vector<stored_chunk> chunks;
};
BOOST_DESCRIBE_STRUCT(found_record, (), (volume, chunks))

/// What an operator wants of a node.
enum class node_decision : std::uint8_t { normal = 0, decommission = 1, maintenance = 2 };
BOOST_DESCRIBE_ENUM(node_decision, normal, decommission, maintenance)

struct node_record {
  static constexpr std::string_view op = "NODE";
  node_id node;
  node_decision decision = node_decision::normal;
  std::int64_t until = 0;  ///< log time at which maintenance ends; 0 for none
};
BOOST_DESCRIBE_STRUCT(node_record, (), (node, decision, until))

/// What an operator wants of the rebalance, or how the last one ended. The values are in images.
enum class rebalance_phase : std::uint8_t {
  none = 0,
  running = 1,
  paused = 2,
  done = 3,
  stopped = 4
};
BOOST_DESCRIBE_ENUM(rebalance_phase, none, running, paused, done, stopped)

struct rebalance_record {
  static constexpr std::string_view op = "REBALANCE";
  rebalance_phase phase = rebalance_phase::none;  ///< never none
  std::uint32_t threshold = 0;  ///< permille of the mean share that a node may be off, 1 to 1,000
};
BOOST_DESCRIBE_STRUCT(rebalance_record, (), (phase, threshold))

/// Values of the tables of what entries share that no entry has any more: their ids are free.
struct forget_record {
  static constexpr std::string_view op = "FORGET";
  std::vector<std::uint16_t> access;
  std::vector<std::uint16_t> types;
};
BOOST_DESCRIBE_STRUCT(forget_record, (), (access, types))

/// What the state must be at this place: checked in replay.
struct mark_record {
  static constexpr std::string_view op = "MARK";
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  hash64 digest;  ///< state::digest()
};
BOOST_DESCRIBE_STRUCT(mark_record, (), (files, directories, bytes, digest))

using record_body =
    std::variant<start_record, mkdir_record, create_record, rename_record, delete_record,
                 setattr_record, quota_record, add_volume_record, members_record, grant_record,
                 seal_record, close_record, reopen_record, reclaim_record, relocate_record,
                 node_record, rebalance_record, mark_record, forget_record, lost_record,
                 found_record>;

/// One record. The string_views of the body alias what it was built or parsed from: the request
/// and the context's scratch, or the line and the parser. A record is never kept, but encoded and
/// applied.
struct record {
  ssdfs::txid txid;
  std::int64_t time_ms = 0;  ///< log time: never less than that of the record before
  ssdfs::txid durable;       ///< in the first record of a batch: the last one durable before it
  operation op;
  record_body body;
};

/// "CREATE" and so on.
[[nodiscard]] std::string_view kind_name(const record_body& body);

}  // namespace ssdfs::meta
