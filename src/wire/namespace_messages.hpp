// Client to master: the namespace and grants. Fields of type string_view alias the frame they were
// decoded from (or, when encoding, the caller's memory): copy what must outlive it.
#pragma once

#include "base/ids.hpp"
#include "base/orders.hpp"
#include "ssdfs/limits.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::wire {

/// Names one mutation for ever, so that a repeat gets the recorded result.
struct operation {
  client_id client;
  std::uint64_t sequence = 0;           ///< 1, 2, ... per client
  std::uint64_t lowest_unanswered = 0;  ///< results below it may be forgotten
};
BOOST_DESCRIBE_STRUCT(operation, (), (client, sequence, lowest_unanswered))

/// Attributes of a file (type 1) or directory (type 2).
struct entry_info {
  std::uint8_t type = 0;
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  std::int64_t mtime_ms = 0;
  std::string owner;
  std::string group;
  std::uint16_t mode = 0;
  std::uint8_t replication = 0;
  std::string content_type;
};
BOOST_DESCRIBE_STRUCT(entry_info, (),
                      (type, size, crc32c, mtime_ms, owner, group, mode, replication, content_type))

/// In place of a generation in answers: no replica has the chunk any more.
inline constexpr generation_t chunk_lost = ~generation_t{0};
/// One chunk of a file. `generation` is the grant's at a commit, and in answers 0 or chunk_lost.
struct chunk_ref {
  volume_id volume;
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
  generation_t generation = 0;
};
BOOST_DESCRIBE_STRUCT(chunk_ref, (), (volume, key, size, crc32c, generation))

/// Chunks of a file that one message carries: longer lists go in pages.
inline constexpr std::uint32_t chunk_page = 8192;
/// Volumes of one locate_request, and volumes and addresses that one grant_request avoids, at most.
inline constexpr std::size_t most_located = 1024;
inline constexpr std::size_t most_avoided = 64;

struct lookup_reply {
  entry_info entry;
  std::vector<chunk_ref> chunks;   ///< the page that was asked for
  std::uint32_t chunk_count = 0;   ///< of the file
  std::uint32_t first_chunk = 0;   ///< number of the page's first chunk in the file, from 0
  std::uint64_t first_offset = 0;  ///< of the page's first byte in the file
  /// Sizes and CRCs of all chunks of the file, mixed: pages with the same size, CRC, number of
  /// chunks and layout are of the same content, cut in the same way. 0 if no chunks were asked for.
  std::uint64_t layout = 0;
};
BOOST_DESCRIBE_STRUCT(lookup_reply, (),
                      (entry, chunks, chunk_count, first_chunk, first_offset, layout))
/// Attributes and chunks of a path. Where the chunks are is asked with locate, and cached. The list
/// of chunks is cut into pages of `chunk_limit`; the answer has the one with the byte at `offset`,
/// which is empty if the file ends before that.
struct lookup_request {
  static constexpr opcode code = opcode::lookup;
  using reply = lookup_reply;
  std::string_view path;
  std::string_view user;
  std::string_view token;
  std::uint64_t offset = 0;
  std::uint32_t chunk_limit = chunk_page;  ///< at most chunk_page; 0: no chunks
};
BOOST_DESCRIBE_STRUCT(lookup_request, (), (path, user, token, offset, chunk_limit))

/// Where a volume is; replicas that can be read, best first.
struct volume_location {
  volume_id volume;
  std::vector<replica_address> replicas;
  /// The others are for when these fail: their nodes are silent or about to stop, or their copies
  /// may lack something. 0: all are as good.
  std::uint32_t preferred = 0;
};
BOOST_DESCRIBE_STRUCT(volume_location, (), (volume, replicas, preferred))
struct locate_reply {
  std::vector<volume_location> volumes;  ///< unknown volumes are left out
  std::int64_t cache_ms = 0;  ///< how long the answer may be used: half the delete grace at most
};
BOOST_DESCRIBE_STRUCT(locate_reply, (), (volumes, cache_ms))
struct locate_request {
  static constexpr opcode code = opcode::locate;
  using reply = locate_reply;
  std::vector<volume_id> volumes;  ///< at most most_located
};
BOOST_DESCRIBE_STRUCT(locate_request, (), (volumes))

struct list_entry {
  std::string name;
  entry_info entry;
};
BOOST_DESCRIBE_STRUCT(list_entry, (), (name, entry))
struct list_reply {
  std::vector<list_entry> entries;  ///< byte order of names
  bool more = false;
};
BOOST_DESCRIBE_STRUCT(list_reply, (), (entries, more))
/// A page of a directory: the names after `after`, at most `limit` (1 to max_list_entries).
struct list_request {
  static constexpr opcode code = opcode::list;
  using reply = list_reply;
  std::string_view path;
  std::string_view after;
  std::uint32_t limit = 1000;
  std::string_view user;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(list_request, (), (path, after, limit, user, token))

struct summary_reply {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(summary_reply, (), (files, directories, bytes))
/// Totals at and below a path; the root's leave /.trash out.
struct summary_request {
  static constexpr opcode code = opcode::summary;
  using reply = summary_reply;
  std::string_view path;
  std::string_view user;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(summary_request, (), (path, user, token))

/// Answer to every mutation.
struct mutation_reply {
  ssdfs::txid txid;       ///< record that holds the result
  bool replaced = false;  ///< commit_file, rename: something was there before
  std::string path;       ///< remove: where in the trash it went; empty if it is gone
};
BOOST_DESCRIBE_STRUCT(mutation_reply, (), (txid, replaced, path))

/// Tells one state of a file from another: size, CRC32C of the content, mtime.
struct file_version {
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  std::int64_t mtime_ms = 0;
};
BOOST_DESCRIBE_STRUCT(file_version, (), (size, crc32c, mtime_ms))

/// In commit_file_request::mtime_ms: no time is given, the file gets the master's. No file can have
/// this one.
inline constexpr std::int64_t no_mtime = std::numeric_limits<std::int64_t>::min();
struct commit_chunks_reply {};
BOOST_DESCRIBE_STRUCT(commit_chunks_reply, (), ())
/// Brings a page of the chunks of a commit_file that names more than one message can: the pages of
/// one operation come in order, on connections of one client, and are forgotten after its
/// commit_file, when they are not continued for a while and with the session. A page that was there
/// already takes the place of that and of all behind it. errc::busy: the page before it is not
/// there (any more), or too much is kept already: begin again with the first one after a pause.
struct commit_chunks_request {
  static constexpr opcode code = opcode::commit_chunks;
  using reply = commit_chunks_reply;
  operation op;                   ///< of the commit_file that follows
  std::uint32_t first_chunk = 0;  ///< number of the page's first chunk in the file
  std::vector<chunk_ref> chunks;  ///< 1 to chunk_page
};
BOOST_DESCRIBE_STRUCT(commit_chunks_request, (), (op, first_chunk, chunks))

/// Makes a file visible, whole. Parents are created as needed. errc::regrant: the volume of one of
/// the chunks is closed; the error's hint is its id in decimal (empty: write all chunks again).
struct commit_file_request {
  static constexpr opcode code = opcode::commit_file;
  using reply = mutation_reply;
  operation op;
  ssdfs::epoch_t epoch;  ///< of the hello reply; informational, grants are valid by generation
  std::string_view path;
  bool overwrite = false;
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  std::int64_t mtime_ms = no_mtime;  ///< 0 and before are times like others
  std::uint16_t mode = 0644;
  std::uint8_t replication = 0;  ///< 0: the cluster's default
  std::string_view user;
  std::string_view group;
  std::string_view content_type;
  std::vector<chunk_ref> chunks;  ///< at most chunk_page
  std::string_view token;
  /// Not empty: only a file of one of these versions is replaced, else errc::precondition.
  std::vector<file_version> expected;
  /// How many chunks commit_chunks has brought, which come before `chunks`. errc::busy: they are
  /// not there (any more).
  std::uint32_t chunks_before = 0;
};
BOOST_DESCRIBE_STRUCT(commit_file_request, (),
                      (op, epoch, path, overwrite, size, crc32c, mtime_ms, mode, replication, user,
                       group, content_type, chunks, token, expected, chunks_before))

struct make_directory_request {
  static constexpr opcode code = opcode::make_directory;
  using reply = mutation_reply;
  operation op;
  std::string_view path;
  bool parents = false;  ///< create missing parents, and succeed if the directory is there
  std::uint16_t mode = 0755;
  std::string_view user;
  std::string_view group;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(make_directory_request, (), (op, path, parents, mode, user, group, token))

/// Moves `from` to exactly `to`. With overwrite a file replaces a file atomically; a directory is
/// never replaced.
struct rename_request {
  static constexpr opcode code = opcode::rename;
  using reply = mutation_reply;
  operation op;
  std::string_view from;
  std::string_view to;
  bool overwrite = false;
  bool parents = false;  ///< create missing parents of `to`
  std::string_view user;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(rename_request, (), (op, from, to, overwrite, parents, user, token))

struct remove_request {
  static constexpr opcode code = opcode::remove;
  using reply = mutation_reply;
  operation op;
  std::string_view path;
  bool recursive = false;
  bool skip_trash = false;
  std::string_view user;
  std::string_view token;
  /// Not empty: only a file of one of these versions is removed, else errc::precondition.
  std::vector<file_version> expected;
};
BOOST_DESCRIBE_STRUCT(remove_request, (), (op, path, recursive, skip_trash, user, token, expected))

/// Bits of set_attributes_request::mask.
inline constexpr std::uint8_t attribute_mtime = 1;
inline constexpr std::uint8_t attribute_mode = 2;
inline constexpr std::uint8_t attribute_owner = 4;
inline constexpr std::uint8_t attribute_group = 8;
inline constexpr std::uint8_t attribute_replication = 16;   ///< files only
inline constexpr std::uint8_t attribute_content_type = 32;  ///< files only
struct set_attributes_request {
  static constexpr opcode code = opcode::set_attributes;
  using reply = mutation_reply;
  operation op;
  std::string_view path;
  std::uint8_t mask = 0;
  std::int64_t mtime_ms = 0;
  std::uint16_t mode = 0;
  std::string_view owner;
  std::string_view group;
  std::string_view user;
  std::string_view token;
  std::uint8_t replication = 0;
  std::string_view content_type;
};
BOOST_DESCRIBE_STRUCT(set_attributes_request, (),
                      (op, path, mask, mtime_ms, mode, owner, group, user, token, replication,
                       content_type))

/// Bits of set_quota_request::mask.
inline constexpr std::uint8_t quota_names = 1;
inline constexpr std::uint8_t quota_bytes = 2;
/// Limits of a directory. What the mask leaves out stays as it is; 0 is no limit.
struct set_quota_request {
  static constexpr opcode code = opcode::set_quota;
  using reply = mutation_reply;
  operation op;
  std::string_view path;
  std::uint8_t mask = 0;
  std::uint64_t names = 0;
  std::uint64_t bytes = 0;
  std::string_view user;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(set_quota_request, (), (op, path, mask, names, bytes, user, token))

struct get_quota_reply {
  std::uint64_t names_limit = 0;  ///< 0: none
  std::uint64_t bytes_limit = 0;  ///< 0: none
  std::uint64_t names_used = 0;   ///< files and directories below, without the directory itself
  std::uint64_t bytes_used = 0;   ///< content below, one copy
};
BOOST_DESCRIBE_STRUCT(get_quota_reply, (), (names_limit, bytes_limit, names_used, bytes_used))
/// Limits of a directory and what counts against them.
struct get_quota_request {
  static constexpr opcode code = opcode::get_quota;
  using reply = get_quota_reply;
  std::string_view path;
  std::string_view user;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(get_quota_request, (), (path, user, token))

struct grant_reply {
  volume_id volume;
  generation_t generation = 0;
  chunk_key first_key = 0;
  std::uint32_t key_count = 0;
  std::uint64_t bytes = 0;                ///< content and headers that may be written
  std::vector<replica_address> replicas;  ///< chain order
  std::int64_t idle_ms = 0;      ///< the grant ends this long after the session's last connection
  std::uint32_t chunk_size = 0;  ///< length of the chunks that files should be cut into; 0: 8 MiB
  std::string ticket;            ///< to be shown with every write
};
BOOST_DESCRIBE_STRUCT(grant_reply, (),
                      (volume, generation, first_key, key_count, bytes, replicas, idle_ms,
                       chunk_size, ticket))
/// A right to write into a volume. May wait at the master until a volume is ready.
struct grant_request {
  static constexpr opcode code = opcode::grant;
  using reply = grant_reply;
  std::uint8_t replication = 0;            ///< 0: the cluster's default
  std::uint64_t bytes = 0;                 ///< wanted; the master decides
  std::uint32_t key_count = 0;             ///< wanted; the master decides
  std::vector<volume_id> exclude_volumes;  ///< at most most_avoided
  std::vector<node_id> exclude_nodes;      ///< that failed for this caller, likewise
  std::string_view user;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(grant_request, (),
                      (replication, bytes, key_count, exclude_volumes, exclude_nodes, user, token))

struct end_grant_reply {};
BOOST_DESCRIBE_STRUCT(end_grant_reply, (), ())
/// The caller will not commit anything of this grant any more.
struct end_grant_request {
  static constexpr opcode code = opcode::end_grant;
  using reply = end_grant_reply;
  volume_id volume;
  generation_t generation = 0;
  chunk_key first_key = 0;
};
BOOST_DESCRIBE_STRUCT(end_grant_request, (), (volume, generation, first_key))

}  // namespace ssdfs::wire
