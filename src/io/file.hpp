// The seam to the machine's files. Everything that SSDFS stores goes through these two interfaces,
// so that tests can count, fail, tear and drop what was not synced.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ssdfs::io {

/// An open file. Thread-safe for reads and for writes to disjoint ranges; calls block, so they
/// belong in the disk pool. Closed by the destructor (close reports nothing: what must be durable
/// is synced).
class file {
 public:
  virtual ~file() = default;

  /// Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  virtual result<std::size_t> read(bytes_span out, std::uint64_t offset) = 0;

  /// As read, but only what needs no disk access (RWF_NOWAIT). errc::busy if some of it would
  /// block or the file system does not support this. Safe on a network thread.
  virtual result<std::size_t> read_cached(bytes_span out, std::uint64_t offset) = 0;

  /// Writes all parts one behind the other at `offset`. On failure any prefix may be there.
  virtual result<void> write(std::span<const bytes_view> parts, std::uint64_t offset) = 0;

  /// fdatasync: contents and length are durable on return. After a failure nothing that was
  /// written since the last success may be assumed durable, not even after a later success.
  virtual result<void> sync() = 0;

  virtual result<void> truncate(std::uint64_t length) = 0;

  /// Reserves disk space for [offset, offset + length) without changing the file's length, where
  /// the file system can; errc::no_space if there is none. Success without effect where it cannot.
  virtual result<void> reserve(std::uint64_t offset, std::uint64_t length) = 0;

  /// Gives the disk space of [offset, offset + length) back; reads there return zeros.
  virtual result<void> punch(std::uint64_t offset, std::uint64_t length) = 0;

  virtual result<std::uint64_t> size() = 0;

  /// Starts writing dirty pages of the range to the disk without waiting (sync_file_range). A hint.
  virtual void start_writeback(std::uint64_t offset, std::uint64_t length) = 0;

  /// The descriptor, for sendfile and mmap; -1 for a file that is not the operating system's.
  [[nodiscard]] virtual int native_handle() const noexcept = 0;
};

/// A whole file mapped for reading; unmapped by the destructor.
class mapping {
 public:
  virtual ~mapping() = default;
  [[nodiscard]] virtual bytes_view bytes() const noexcept = 0;
};

enum class open_mode {
  read,        ///< must exist
  read_write,  ///< must exist
  create,      ///< read and write; made if missing, kept if there
  create_new,  ///< read and write; errc::exists if there
};

struct directory_entry {
  std::string name;
  bool is_directory = false;
  std::uint64_t size = 0;
};

struct disk_space {
  std::uint64_t capacity = 0;   ///< bytes of the file system
  std::uint64_t available = 0;  ///< bytes that this process may still allocate
  /// Files that there may be at all, and those that may still be made; both 0 where the file system
  /// has no fixed number of them.
  std::uint64_t inodes = 0;
  std::uint64_t inodes_available = 0;
};

/// Holds an exclusive lock; released by the destructor or the end of the process.
class directory_lock {
 public:
  virtual ~directory_lock() = default;
};

/// Directory operations. Names become durable only with sync_directory of their directory.
/// Thread-safe; calls block.
///
/// Failures: errc::no_space where bytes or inodes are missing (the message says which), errc::busy
/// where the process or the machine is out of descriptors or memory. Neither says anything about
/// what is stored: see io/passing.hpp. errc::io for everything else.
class file_system {
 public:
  virtual ~file_system() = default;
  virtual result<std::unique_ptr<file>> open(const std::string& path, open_mode mode) = 0;
  virtual result<std::unique_ptr<mapping>> map(const std::string& path) = 0;
  virtual result<void> rename(const std::string& from, const std::string& to) = 0;
  /// errc::not_found if there is no such file.
  virtual result<void> remove(const std::string& path) = 0;
  virtual result<void> make_directories(const std::string& path) = 0;
  virtual result<void> sync_directory(const std::string& path) = 0;
  /// Entries without "." and "..", sorted by name. errc::not_found if the directory is missing.
  virtual result<std::vector<directory_entry>> list(const std::string& path) = 0;
  virtual result<bool> exists(const std::string& path) = 0;
  virtual result<disk_space> space(const std::string& path) = 0;
  /// Locks `directory` (flock on its LOCK file) against other processes; errc::locked if taken.
  virtual result<std::unique_ptr<directory_lock>> lock(const std::string& directory) = 0;
};

/// The operating system's files. One instance serves the whole process; never destroyed.
[[nodiscard]] file_system& system_files();

/// The directory that holds `path`: "." for a bare name.
[[nodiscard]] std::string parent_directory(const std::string& path);

/// Reads a whole file of at most `limit` bytes (errc::too_large beyond). A failure of the disk is
/// believed only when it comes three times in a row: what such files say (who a process is, whom it
/// has followed) must not be taken for unknown because descriptors were short for a moment.
result<std::vector<std::byte>> read_file(file_system& fs, const std::string& path,
                                         std::uint64_t limit);

/// Replaces `path` durably and atomically: temporary name, write, sync, rename, directory sync.
/// After a crash the old content or the new is there, whole.
result<void> replace_file(file_system& fs, const std::string& path, bytes_view content);

}  // namespace ssdfs::io
