// Changes of the state: each function checks a request against the state and builds the record
// that makes it so, with everything fixed that replay must not decide again.
//
// All are pure functions for the namespace strand. The pattern of a caller:
//
//   auto d = make_create(state, request, context);
//   if (!d) { state.remember_failure(request.op, d.error()); answer d.error(); }
//   else if (d->answered) answer d->answer when d->answer.txid is durable;
//   else { journal.append(d->change) -> crc; state.apply(d->change, crc);
//          answer outcome_of(d->change) when d->change.txid is durable; }
//
// A refusal shows state that may not be durable yet: the answer to it, too, waits until everything
// up to state.last_txid() is durable.
#pragma once

#include "base/result.hpp"
#include "meta/records.hpp"
#include "meta/state.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ssdfs::meta {

/// Who asks. Names are at most 255 bytes; an empty user is "root", an empty group the user's name.
struct caller {
  std::string_view user;
  std::string_view group;
};

/// What commands take from the outside of the state. One object serves many calls.
struct context {
  std::int64_t now_ms = 0;   ///< log clock
  std::int64_t wall_ms = 0;  ///< wall clock: what files get as mtime
  std::uint8_t replication = 2;
  std::int64_t trash_expiry_ms = 24LL * 3600 * 1000;
  std::int64_t delete_grace_ms = 5LL * 60 * 1000;
  std::uint64_t max_reclaim_keys = 4096;  ///< keys of one RECLAIM
  bool permissions = false;               ///< check modes and owners
  std::string superuser = "root";         ///< whom no permission stops
  /// Texts that records alias: a record is valid until the next command with the same context.
  std::string scratch;
};

/// What a command found out.
struct decision {
  /// Nothing is to be logged: a repeat of an operation, or what is asked for is there already.
  bool answered = false;
  outcome answer;  ///< if answered
  record change;   ///< else; its views alias the request and the context
};

// --- Mutations of clients ---
//
// Each looks at the operation's recorded result first. Failures of all: those of the path
// (invalid_path, name_too_long), permission_denied, invalid_argument for fields out of range,
// busy (too many unanswered operations).

/// A chunk that a client has written.
struct chunk_claim {
  volume_id volume;
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
  generation_t generation = 0;  ///< of the grant
};

/// Tells one state of a file from another.
struct file_version {
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  std::int64_t mtime_ms = 0;
  friend bool operator==(const file_version&, const file_version&) = default;
};

struct create_request {
  operation op;
  client_id session;  ///< who asks: the chunks must lie in its own grants
  std::string_view path;
  bool overwrite = false;
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  std::optional<std::int64_t> mtime_ms;  ///< not set: the wall clock
  std::uint16_t mode = 0644;
  std::uint8_t replication = 0;  ///< 0: the default
  caller by;
  std::string_view content_type;
  std::span<const chunk_claim> chunks;
  std::span<const file_version> expected;  ///< not empty: only one of these may be replaced
};
/// A file appears whole, with missing parents. exists, is_directory, not_directory, quota_exceeded,
/// precondition (what is there, or that nothing is, is not expected), permission_denied (a chunk
/// lies in the grant of another session), regrant (the grant of a chunk has ended), key_conflict (a
/// key is committed already), checksum (chunks do not combine to the file's CRC).
result<decision> make_create(const state& s, const create_request& q, context& c);

struct directory_request {
  operation op;
  std::string_view path;
  bool parents = false;  ///< make missing parents; an existing directory is success
  std::uint16_t mode = 0755;
  caller by;
};
/// exists, not_found (a parent is missing), not_directory, quota_exceeded.
result<decision> make_directory(const state& s, const directory_request& q, context& c);

struct rename_request {
  operation op;
  std::string_view from;
  std::string_view to;
  bool overwrite = false;  ///< a file may replace a file
  bool parents = false;
  caller by;
};
/// not_found, exists, is_directory and not_directory (a file and a directory cannot replace each
/// other), into_itself, quota_exceeded, name_too_long (also of something below). Out of the trash,
/// but never into it.
result<decision> make_rename(const state& s, const rename_request& q, context& c);

struct remove_request {
  operation op;
  std::string_view path;
  bool recursive = false;
  bool skip_trash = false;
  caller by;
  std::span<const file_version> expected;  ///< not empty: only one of these may be removed
};
/// Moves to the trash, or deletes for good what is in the trash, with skip_trash, and when trash
/// expiry is 0. not_found, not_empty (a directory with entries, without recursive), precondition
/// (what is there is not expected).
result<decision> make_remove(const state& s, const remove_request& q, context& c);

struct attributes_request {
  operation op;
  std::string_view path;
  std::uint8_t mask = 0;  ///< attribute_... of records.hpp
  std::int64_t mtime_ms = 0;
  std::uint16_t mode = 0;
  std::string_view owner;
  std::string_view group;
  std::uint8_t replication = 0;
  std::string_view content_type;
  caller by;
};
/// not_found; is_directory if replication or content type are to be set on one.
result<decision> make_set_attributes(const state& s, const attributes_request& q, context& c);

struct quota_request {
  operation op;
  std::string_view path;
  std::optional<std::uint64_t> names;  ///< 0 for no limit; not given: the limit stays
  std::optional<std::uint64_t> bytes;
  caller by;
};
/// A limit below what is there is allowed; then nothing can be added until enough is gone.
/// not_found, not_directory; permission_denied for all but the superuser when permissions are on;
/// invalid_argument: neither limit is given.
result<decision> make_quota(const state& s, const quota_request& q, context& c);

// --- The master's own changes ---

struct start_request {
  node_id leader;
  cluster_id cluster;      ///< made by the caller for a new log; must equal the state's otherwise
  bool promotion = false;  ///< the epoch jumps to the next multiple of 256
};
/// wrong_cluster.
result<record> make_start(const state& s, const start_request& q, const context& c);

/// invalid_argument: no or too many members, or one twice.
result<record> make_add_volume(const state& s, std::span<const node_id> members,
                               std::uint8_t replication, const context& c);

struct grant_choice {
  volume_id volume;
  std::uint32_t key_count = 0;  ///< 1 to max_grant_keys
  std::uint64_t bytes = 0;
  client_id owner;
};
/// How much to give is the caller's policy. sealed: the volume is not open. no_space: its keys are
/// used up.
result<record> make_grant(const state& s, const grant_choice& q, const context& c);
/// not_found if there is no such grant (any more).
result<record> make_end_grant(const state& s, volume_id volume, chunk_key first, const context& c);

/// sealed: it is not open.
result<record> make_seal(const state& s, volume_id volume, seal_reason reason, const context& c);
/// busy: grants are outstanding. sealed: it is open or closed already.
result<record> make_close(const state& s, volume_id volume, std::uint64_t length, const context& c);
/// sealed: it is not closed. busy: removals are not confirmed by all members yet.
result<record> make_reopen(const state& s, volume_id volume, const context& c);
/// sealed: it is open. invalid_argument as make_add_volume.
result<record> make_members(const state& s, volume_id volume, std::span<const node_id> members,
                            const context& c);

/// The next removal batch of a closed volume: freed chunks whose delete grace has passed. nullopt
/// if there is none, or if too many batches wait for the members.
result<std::optional<record>> make_reclaim(const state& s, volume_id volume, const context& c);

/// Chunks of a closed volume that no replica has. precondition: nothing of them can be lost now:
/// they wait for their removal, are lost already, or are not in the volume. sealed: it is not
/// closed. That files name them is the caller's to know.
result<record> make_lost(const state& s, volume_id volume, std::span<const stored_chunk> chunks,
                         const context& c);
/// Chunks that were lost and have turned up. precondition: none of them is lost, with that size and
/// CRC. sealed: the volume is not closed.
result<record> make_found(const state& s, volume_id volume, std::span<const stored_chunk> chunks,
                          const context& c);

struct relocate_request {
  std::string_view path;
  std::uint32_t index = 0;
  chunk_record from;
  chunk_claim to;     ///< size and CRC as `from`
  client_id session;  ///< whose grant holds `to`
};
/// changed: the chunk is not at `from` any more. permission_denied, regrant, key_conflict as
/// make_create.
result<record> make_relocate(const state& s, const relocate_request& q, const context& c);

/// invalid_argument: `until_ms` without maintenance.
result<record> make_node(const state& s, node_id node, node_entry entry, const context& c);

/// The rebalance begins (also in place of one that runs), or changes its phase with the threshold
/// that it has. precondition: none is running, and `phase` is not `running`. invalid_argument: the
/// threshold is not 1 to 1,000 permille, or `phase` is none.
result<record> make_rebalance(const state& s, rebalance_entry entry, const context& c);

/// The state's own digest, for replay to check.
record make_mark(const state& s, const context& c);

/// The values of the tables of what entries share that no entry has any more, at most max_forgotten
/// of each table; nullopt if there are fewer than `least` (not 0).
std::optional<record> make_forget(const state& s, std::size_t least, const context& c);

/// A DELETE of the oldest trash bucket whose expiry has passed; nullopt if there is none.
result<std::optional<record>> make_trash_expiry(const state& s, context& c);
/// A DELETE of the whole trash; nullopt if it is empty.
std::optional<record> make_trash_empty(const state& s, const context& c);

}  // namespace ssdfs::meta
