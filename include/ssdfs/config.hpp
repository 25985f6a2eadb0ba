// SSDFS: how a client reaches a cluster, and what its operations can be told. Needs no Asio.
#pragma once

#include "ssdfs/limits.hpp"
#include "ssdfs/types.hpp"

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs {

/// What stays the same for the life of a client. The defaults fit a cluster on this machine.
struct client_config {
  /// Every master of the cluster, "HOST:PORT" each. The one that leads is found by asking.
  std::vector<std::string> masters{"127.0.0.1:9600"};
  std::string user;   ///< on whose behalf; empty: the user that the process runs as
  std::string group;  ///< of new files and directories; empty: the user's name
  std::string token;  ///< proof of identity, empty while the cluster asks for none
  /// How long an operation goes on without any progress before it gives up. Errors that a pause may
  /// cure (a master that restarts, a datanode that dies) are retried until then. A large transfer
  /// makes progress with every chunk, so it may take longer than this as a whole.
  std::chrono::milliseconds timeout{30000};
  /// How long one datanode may take over one piece before another is tried.
  std::chrono::milliseconds datanode_timeout{5000};
  /// A server that waits with its answers and then does not even answer a ping for so long counts
  /// as hung: its calls are given up, other servers are tried, and it is left alone until it
  /// answers again. 0: only the other limits hold.
  std::chrono::milliseconds silence_timeout{900};
  /// How long a master may take over one request before it is sent again (doubled each time). A
  /// repeated request is recognized by the master and never done twice.
  std::chrono::milliseconds master_timeout{2000};
  /// TCP connect and handshake.
  std::chrono::milliseconds connect_timeout{3000};
  /// Connections to each server. One carries many operations at once.
  std::size_t connections_per_server = 1;
  /// Length of the chunks that large files are cut into, min_chunk_size to max_chunk_size; 0: what
  /// the cluster is configured for.
  std::uint32_t chunk_size = 0;
  /// Volumes that the client writes to at the same time, per replication class.
  std::size_t parallel_grants = 2;
  /// Rights to write that have not been used for so long are given back.
  std::chrono::milliseconds grant_idle{10000};
  /// Chunks of one large file in flight while it is written.
  std::size_t chunks_in_flight = 3;
  /// Memory that large reads and writes of this client may use for running ahead, in bytes. Every
  /// transfer may use a minimum beyond it: a reader 1 MiB, a writer one chunk.
  std::size_t read_ahead_bytes = 64U << 20;
  std::size_t write_behind_bytes = 64U << 20;
  /// Operations of one ..._many call in flight at once.
  std::size_t batch_concurrency = 64;
};

/// More about a failed operation than its error code says.
struct diagnostics {
  std::string path;            ///< what the operation was about
  std::string server;          ///< HOST:PORT that reported the error, empty if it arose here
  std::string message;         ///< a sentence for people, never empty after a failure
  std::uint32_t attempts = 0;  ///< requests that were tried
};

/// When a write is answered.
enum class ack : std::uint8_t {
  all = 0,  ///< every replica has the bytes
  one = 1,  ///< the first replica has them, the others get them behind the answer. Only for content
            ///< that fits one small chunk (256 KiB); longer content waits for all.
};

// Options. In all of them `timeout` replaces the client's (0: keeps it), and `diag`, if set, is
// filled in before a failed operation completes; it must live until then.

/// Tells one state of a file from another, as file_status has it. What is written anew within the
/// same millisecond with the same content is the same.
struct file_version {
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  std::int64_t mtime_ms = 0;
};

struct put_options {
  bool overwrite = false;  ///< replace an existing file, atomically; else errc::exists
  /// Modification time, milliseconds since 1970 (0 and before are times like others); not set: the
  /// master's clock at the commit.
  std::optional<std::int64_t> mtime_ms;
  std::uint16_t mode = 0644;     ///< permission bits
  std::uint8_t replication = 0;  ///< copies, 1 to 3; 0: the cluster's default
  ack acknowledge = ack::all;
  /// How long the content will be, for streams whose source knows: what no file can have is refused
  /// before the first byte, and the chunks are made long enough. It binds nobody.
  std::optional<std::uint64_t> size;
  std::string content_type;  ///< media type, may be empty
  std::string user;          ///< overrides the client's
  std::string group;         ///< overrides the client's
  /// Replace this version of a file and nothing else; decided by the commit itself, so that of
  /// several writers who expect the same one succeeds. Else errc::precondition.
  std::optional<file_version> expected;
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

struct get_options {
  std::uint64_t offset = 0;  ///< first byte; beyond the end: nothing is read
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();  ///< cut at the file's end
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

struct stat_options {
  bool chunks = false;  ///< fill file_status::chunks, with the addresses of the replicas
  /// 0: all chunks. Else the list is cut into pages of so many, and the one with the byte at
  /// `chunks_at` is given.
  std::uint32_t chunk_limit = 0;
  std::uint64_t chunks_at = 0;
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

struct mkdir_options {
  bool parents = false;  ///< make missing parents, and succeed if the directory is there
  std::uint16_t mode = 0755;
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

struct rename_options {
  bool overwrite = false;  ///< a file may replace a file, atomically
  bool parents = false;    ///< make missing parents of the target
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

struct remove_options {
  bool recursive = false;   ///< directories with all that is in them
  bool skip_trash = false;  ///< remove for good
  std::optional<file_version>
      expected;  ///< remove a file of this version only; else errc::precondition
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

struct list_options {
  std::string after;           ///< names after this one; empty: from the start
  std::uint32_t limit = 1000;  ///< entries of this page at most, 1 to max_list_entries
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

/// For operations that need nothing else.
struct call_settings {
  std::chrono::milliseconds timeout{0};
  diagnostics* diag = nullptr;
};

/// For a ..._many call. Each item's diagnostics are in its outcome.
struct many_options {
  std::chrono::milliseconds timeout{0};  ///< of each item
  std::size_t concurrency = 0;           ///< items in flight; 0: the client's batch_concurrency
};

/// Attributes to change; those that are not set stay.
struct attribute_changes {
  std::optional<std::int64_t> mtime_ms;
  std::optional<std::uint16_t> mode;
  std::optional<std::string> owner;
  std::optional<std::string> group;
  std::optional<std::uint8_t> replication;  ///< files only: copies wanted, 1 to 3
  std::optional<std::string> content_type;  ///< files only
};

/// Limits of a directory to change; those that are not set stay. 0 removes a limit.
struct quota_changes {
  std::optional<std::uint64_t> names;  ///< files and directories below it
  std::optional<std::uint64_t> bytes;  ///< content below it, one copy
};

// Results.

/// Of everything that changes the namespace.
struct mutation_result {
  std::uint64_t txid = 0;  ///< number of the change in the master's log
  bool replaced = false;   ///< put, commit, rename: something was there before
  std::string trash_path;  ///< remove: where it went; empty if it is gone for good
};

/// A part of a directory.
struct list_page {
  std::vector<file_status> entries;  ///< byte order of names; `path` is the full path
  bool more = false;                 ///< ask again with `after` = next
  std::string next;                  ///< name of the last entry
};

/// What became of one item of a ..._many call.
template <class T>
struct outcome {
  boost::system::error_code ec;
  T value{};
  diagnostics diag;
};

}  // namespace ssdfs
