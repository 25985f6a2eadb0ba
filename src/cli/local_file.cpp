#include "cli/local_file.hpp"

#include "base/crc32c.hpp"
#include "cli/transfer_limits.hpp"
#include "io/clock.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <utility>

namespace ssdfs::cli {
namespace {

constexpr const char* own_descriptors = "/proc/self/fd";

failure system_failure() {
  const boost::system::error_code ec(errno, boost::system::system_category());
  return {ec, ec.message()};
}

using identity_set = std::set<std::pair<std::uint64_t, std::uint64_t>>;

struct walker {
  const std::function<void(const local_entry&)>& visit;
  const std::function<void(const std::string&, const std::string&)>& error;
  identity_set open_directories;  // on the way down to here

  void walk(const std::string& path, const std::string& relative) {
    const auto status = local_stat(path);
    if (!status) return error(path, status.error().message());
    if (!status->is_directory) {
      if (!status->is_regular) return error(path, "not a regular file or directory");
      return visit({path, relative, *status, false});
    }
    const std::pair id(status->device, status->inode);
    if (!open_directories.insert(id).second) return error(path, "symbolic link cycle");
    const auto names = local_list(path);
    if (!names) {
      error(path, names.error().message());
    } else {
      visit({path, relative, *status, names->empty()});
      for (const auto& name : *names) {
        walk(path + (path.ends_with('/') ? "" : "/") + name,
             relative.empty() ? name : relative + "/" + name);
      }
    }
    open_directories.erase(id);
  }
};

}  // namespace

descriptor::descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

descriptor::~descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

result<local_status> local_stat(const std::string& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return system_failure();
  local_status out;
  out.is_directory = S_ISDIR(s.st_mode);
  out.is_regular = S_ISREG(s.st_mode);
  out.size = static_cast<std::uint64_t>(s.st_size);
  out.mtime_ms = s.st_mtim.tv_sec * 1000LL + s.st_mtim.tv_nsec / 1'000'000;
  out.mode = static_cast<std::uint16_t>(s.st_mode & 07777);
  out.device = s.st_dev;
  out.inode = s.st_ino;
  return out;
}

result<descriptor> open_for_reading(const std::string& path) {
  descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_failure();
  return file;
}

result<std::size_t> read_full(int fd, std::byte* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd, to + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure();
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

result<void> write_full(int fd, bytes_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure();
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

result<std::uint32_t> local_crc32c(const std::string& path) {
  auto file = open_for_reading(path);
  if (!file) return file.error();
  std::vector<std::byte> buffer(stream_piece);
  std::uint32_t crc = 0;
  for (;;) {
    const auto n = read_full(file->get(), buffer.data(), buffer.size());
    if (!n) return n.error();
    crc = crc32c({buffer.data(), *n}, crc);
    if (*n < buffer.size()) return crc;
  }
}

result<std::vector<std::string>> local_list(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return system_failure();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(directory);
  if (error != 0) {
    errno = error;
    return system_failure();
  }
  std::sort(names.begin(), names.end());
  return names;
}

namespace {

failure not_regular() { return {errc::invalid_argument, "is not a regular file"}; }

// The path behind all links; `path` itself if nothing is there. invalid_argument: a link to
// nothing.
result<std::string> behind_links(const std::string& path) {
  struct stat s {};
  if (::lstat(path.c_str(), &s) != 0 || !S_ISLNK(s.st_mode)) return path;
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real) return std::string(real.get());
  if (errno == ENOENT) return failure(errc::invalid_argument, "is a symbolic link to nothing");
  return system_failure();
}

// A file that is about to replace another looks like that one. Files that belong to somebody else
// can be given to them by the superuser only: for others that is no failure, the file is theirs.
result<void> look_like(int fd, const struct stat& old) {
  if (::fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM) return system_failure();
  if (::fchmod(fd, old.st_mode & 0777) != 0) return system_failure();
  return {};
}

}  // namespace

result<std::string> replaceable_path(const std::string& path) {
  auto real = behind_links(path);
  if (!real) return real;
  struct stat s {};
  if (::stat(real->c_str(), &s) == 0 && !S_ISREG(s.st_mode)) return not_regular();
  return real;
}

result<local_target> local_target::create(const std::string& path, bool overwrite,
                                          std::uint16_t mode) {
  local_target out;
  out.overwrite_ = overwrite;
  struct stat s {};
  const bool there = ::stat(path.c_str(), &s) == 0;
  if (there && S_ISDIR(s.st_mode)) return failure(errc::is_directory);
  if (there && !overwrite && (S_ISREG(s.st_mode) || S_ISBLK(s.st_mode))) {
    return failure(errc::exists);
  }
  if (there && !S_ISREG(s.st_mode)) {
    out.in_place_ = true;
    out.file_ = descriptor(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
    if (out.file_.get() < 0) return system_failure();
    return out;
  }
  auto real = behind_links(path);
  if (!real) return real.error();
  out.path_ = std::move(*real);
  const auto slash = out.path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : out.path_.substr(0, slash + 1);
  out.spare_name_ = directory + ".ssdfs-" + std::to_string(io::random_u64()) + ".part";
  const mode_t bits = mode & 0777U;
  // Without a name nothing is left behind, whatever ends this process.
  if (::access(own_descriptors, X_OK) == 0) {
    out.file_ = descriptor(::open(directory.empty() ? "." : directory.c_str(),
                                  O_WRONLY | O_TMPFILE | O_CLOEXEC, bits));
  }
  if (out.file_.get() < 0) {  // file systems that do not have that
    out.file_ =
        descriptor(::open(out.spare_name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, bits));
    if (out.file_.get() < 0) return system_failure();
    out.temporary_ = out.spare_name_;
  }
  if (there) SSDFS_TRY(look_like(out.file_.get(), s));
  return out;
}

// Gives the file without a name one; errc::exists if that is taken.
result<void> local_target::link_as(const std::string& name) {
  const std::string self = own_descriptors + ("/" + std::to_string(file_.get()));
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
  if (errno == EEXIST) return failure(errc::exists);
  return system_failure();
}

local_target::local_target(local_target&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      spare_name_(std::move(other.spare_name_)),
      overwrite_(other.overwrite_),
      in_place_(other.in_place_),
      file_(std::move(other.file_)) {}

local_target::~local_target() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

result<void> local_target::commit() {
  if (in_place_) return {};
  if (temporary_.empty()) {
    if (!overwrite_) return link_as(path_);
    SSDFS_TRY(link_as(spare_name_));  // only rename() replaces
    temporary_ = spare_name_;
  }
  // link() refuses an existing name, which rename() would replace.
  if (overwrite_) {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_failure();
    temporary_.clear();
    return {};
  }
  if (::link(temporary_.c_str(), path_.c_str()) == 0)
    return {};  // the destructor unlinks the other
  if (errno == EEXIST) return failure(errc::exists);
  // File systems without hard links.
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_failure();
  temporary_.clear();
  return {};
}

void walk_local(const std::string& path, const std::function<void(const local_entry&)>& visit,
                const std::function<void(const std::string&, const std::string&)>& error) {
  walker{visit, error, {}}.walk(path, "");
}

}  // namespace ssdfs::cli
