// Files of this machine, as put, get and verify use them.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ssdfs::cli {

/// An open descriptor, closed by the destructor.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept;
  descriptor& operator=(descriptor&& other) noexcept;
  ~descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

/// Of a file on this machine. Times before 1970 are negative.
struct local_status {
  bool is_directory = false;
  bool is_regular = false;
  std::uint64_t size = 0;
  std::int64_t mtime_ms = 0;
  std::uint16_t mode = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

/// Symbolic links are followed. The failure's message is the system's text alone.
[[nodiscard]] result<local_status> local_stat(const std::string& path);
[[nodiscard]] result<descriptor> open_for_reading(const std::string& path);
/// Reads up to `size` bytes, fewer only at the end.
[[nodiscard]] result<std::size_t> read_full(int fd, std::byte* to, std::size_t size);
[[nodiscard]] result<void> write_full(int fd, bytes_view bytes);
/// CRC32C of a whole file, read in pieces.
[[nodiscard]] result<std::uint32_t> local_crc32c(const std::string& path);
/// Names in a directory, sorted by bytes.
[[nodiscard]] result<std::vector<std::string>> local_list(const std::string& path);

/// Where a file that takes the place of `path` has to appear, so that a symbolic link stays one:
/// the path itself, or what the links name in the end. invalid_argument: a link to nothing, or what
/// is there is no regular file, so nothing may take its place.
[[nodiscard]] result<std::string> replaceable_path(const std::string& path);

/// A file that appears whole: written without a name in the target's directory, so that nothing is
/// left of it if the process dies, and linked when it is complete. Where the file system cannot do
/// that, under a temporary name, which the destructor removes if commit() was not called.
///
/// What is no regular file (a device, a pipe) is never replaced: it is written into, as it comes.
/// Links stay links, what they name is replaced.
class local_target {
 public:
  /// `overwrite`: an existing file may be replaced, and a block device written to; else
  /// errc::exists. A new file gets the permission bits of `mode` that the umask leaves; one that
  /// replaces another gets that one's, and its owner where this process may give files away.
  /// Waits until somebody reads if `path` is a pipe. invalid_argument: a link to nothing.
  static result<local_target> create(const std::string& path, bool overwrite,
                                     std::uint16_t mode = 0666);
  local_target(local_target&&) noexcept;
  local_target& operator=(local_target&&) = delete;
  ~local_target();
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  result<void> commit();

 private:
  local_target() = default;
  result<void> link_as(const std::string& name);
  std::string path_;
  std::string temporary_;   // empty while the file has no name
  std::string spare_name_;  // for the moment before it replaces another
  bool overwrite_ = false;
  bool in_place_ = false;  // a device or a pipe, which stays what it is
  descriptor file_;
};

/// One file or directory below a local path. `relative` is "" for the path itself.
struct local_entry {
  std::string path;
  std::string relative;
  local_status status;
  bool empty_directory = false;
};

/// Everything at and below `path`, parents first, in byte order; links are followed, cycles and
/// special files reported to `error(path, reason)`.
void walk_local(const std::string& path, const std::function<void(const local_entry&)>& visit,
                const std::function<void(const std::string&, const std::string&)>& error);

}  // namespace ssdfs::cli
