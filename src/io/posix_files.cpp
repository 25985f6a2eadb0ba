// The operating system's files behind the seam (Linux).
#include "io/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace ssdfs::io {
namespace {

// Pictures may be read by the group, for backups, and are nobody else's business.
constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;

// True if the file system that `path` is on can make no more files, whatever bytes are free.
bool out_of_inodes(const std::string& path) {
  struct statvfs st {};
  if (::statvfs(path.c_str(), &st) != 0 && ::statvfs(parent_directory(path).c_str(), &st) != 0) {
    return false;
  }
  return st.f_files > 0 && st.f_favail == 0;
}

failure path_failure(int error_number, const std::string& path, const char* what) {
  std::string text = path + ": " + what;
  if (error_number == ENOSPC && out_of_inodes(path)) {
    return failure(errc::no_space,
                   text + ": no inode is left on the file system of " + parent_directory(path));
  }
  failure f = errno_failure(error_number, std::move(text));
  if (error_number == ENOENT) f.code = make_error_code(errc::not_found);
  if (error_number == EEXIST) f.code = make_error_code(errc::exists);
  if (error_number == EACCES || error_number == EPERM) {
    f.code = make_error_code(errc::permission_denied);
  }
  return f;
}

// A descriptor that closes itself.
class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

int open_retrying(const char* path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path, flags | O_CLOEXEC, file_mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

class posix_file final : public file {
 public:
  posix_file(descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  result<std::size_t> read(bytes_span out, std::uint64_t offset) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
      if (n == 0) break;
      if (n > 0) {
        done += static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        return error("read");
      }
    }
    return done;
  }

  result<std::size_t> read_cached(bytes_span out, std::uint64_t offset) override {
    std::size_t done = 0;
    while (done < out.size()) {
      iovec part{out.data() + done, out.size() - done};
      const ssize_t n =
          ::preadv2(fd_.get(), &part, 1, static_cast<off_t>(offset + done), RWF_NOWAIT);
      if (n == 0) break;
      if (n > 0) {
        done += static_cast<std::size_t>(n);  // short: the rest is beyond the end or not cached
      } else if (errno == EAGAIN || errno == EOPNOTSUPP || errno == EINVAL) {
        return errc::busy;
      } else if (errno != EINTR) {
        return error("read");
      }
    }
    return done;
  }

  result<void> write(std::span<const bytes_view> parts, std::uint64_t offset) override {
    constexpr std::size_t most = 512;
    std::array<iovec, most> vec;
    std::size_t part = 0;
    std::size_t skip = 0;  // bytes of parts[part] that are written
    while (part < parts.size()) {
      std::size_t count = 0;
      for (std::size_t i = part; i < parts.size() && count < most; ++i) {
        const bytes_view view = i == part ? parts[i].subspan(skip) : parts[i];
        if (view.empty()) continue;
        vec[count++] = {const_cast<std::byte*>(view.data()), view.size()};
      }
      if (count == 0) break;
      const ssize_t n =
          ::pwritev(fd_.get(), vec.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return error("write");
      if (n == 0) return failure(errc::io, path_ + ": write: nothing was written");
      offset += static_cast<std::uint64_t>(n);
      skip += static_cast<std::size_t>(n);
      while (part < parts.size() && skip >= parts[part].size()) skip -= parts[part++].size();
    }
    return {};
  }

  result<void> sync() override {
    while (::fdatasync(fd_.get()) != 0) {
      if (errno != EINTR) return error("fdatasync");
    }
    return {};
  }

  result<void> truncate(std::uint64_t length) override {
    while (::ftruncate(fd_.get(), static_cast<off_t>(length)) != 0) {
      if (errno != EINTR) return error("truncate");
    }
    return {};
  }

  result<void> reserve(std::uint64_t offset, std::uint64_t length) override {
    if (length == 0) return {};
    while (::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                       static_cast<off_t>(length)) != 0) {
      if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
      if (errno != EINTR) return error("reserve");
    }
    return {};
  }

  result<void> punch(std::uint64_t offset, std::uint64_t length) override {
    if (length == 0) return {};
    while (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
      if (errno == EOPNOTSUPP || errno == ENOSYS) return errc::unsupported;
      if (errno != EINTR) return error("punch");
    }
    return {};
  }

  result<std::uint64_t> size() override {
    struct stat st {};
    if (::fstat(fd_.get(), &st) != 0) return error("stat");
    return static_cast<std::uint64_t>(st.st_size);
  }

  void start_writeback(std::uint64_t offset, std::uint64_t length) override {
    // A hint: what fails here is found by sync().
    static_cast<void>(::sync_file_range(fd_.get(), static_cast<off_t>(offset),
                                        static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE));
  }

  [[nodiscard]] int native_handle() const noexcept override { return fd_.get(); }

 private:
  [[nodiscard]] failure error(const char* what) const { return path_failure(errno, path_, what); }

  descriptor fd_;
  std::string path_;
};

class posix_mapping final : public mapping {
 public:
  posix_mapping(void* at, std::size_t length) noexcept : at_(at), length_(length) {}
  ~posix_mapping() override {
    if (length_ > 0) ::munmap(at_, length_);
  }
  [[nodiscard]] bytes_view bytes() const noexcept override {
    return {static_cast<const std::byte*>(at_), length_};
  }

 private:
  void* at_;
  std::size_t length_;
};

class posix_lock final : public directory_lock {
 public:
  explicit posix_lock(descriptor fd) noexcept : fd_(std::move(fd)) {}

 private:
  descriptor fd_;  // closing it releases the lock
};

int flags_of(open_mode mode) {
  switch (mode) {
    case open_mode::read: return O_RDONLY;
    case open_mode::read_write: return O_RDWR;
    case open_mode::create: return O_RDWR | O_CREAT;
    case open_mode::create_new: return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

class posix_file_system final : public file_system {
 public:
  result<std::unique_ptr<file>> open(const std::string& path, open_mode mode) override {
    descriptor fd(open_retrying(path.c_str(), flags_of(mode)));
    if (fd.get() < 0) return path_failure(errno, path, "open");
    return std::unique_ptr<file>(std::make_unique<posix_file>(std::move(fd), path));
  }

  result<std::unique_ptr<mapping>> map(const std::string& path) override {
    const descriptor fd(open_retrying(path.c_str(), O_RDONLY));
    if (fd.get() < 0) return path_failure(errno, path, "open");
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return path_failure(errno, path, "stat");
    const auto length = static_cast<std::size_t>(st.st_size);
    void* at = nullptr;
    if (length > 0) {
      at = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd.get(), 0);
      if (at == MAP_FAILED) return path_failure(errno, path, "map");
    }
    return std::unique_ptr<mapping>(std::make_unique<posix_mapping>(at, length));
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return path_failure(errno, from, "rename");
    return {};
  }

  result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return path_failure(errno, path, "remove");
    return {};
  }

  // Not for others than the owner and his group, as the files in them, whatever the umask says.
  result<void> make_directories(const std::string& path) override {
    for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (::mkdir(part.c_str(), directory_mode) != 0 && errno != EEXIST) {
        const int why = errno;
        // Others may have to be looked through on the way, where nothing can be made.
        struct stat status {};
        if (::stat(part.c_str(), &status) != 0) return path_failure(why, path, "make directory");
      }
      if (end == std::string::npos) break;
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return path_failure(errno, path, "make directory");
    if (!S_ISDIR(status.st_mode)) return path_failure(ENOTDIR, path, "make directory");
    return {};
  }

  result<void> sync_directory(const std::string& path) override {
    const descriptor fd(open_retrying(path.c_str(), O_RDONLY | O_DIRECTORY));
    if (fd.get() < 0) return path_failure(errno, path, "open");
    if (::fsync(fd.get()) != 0) return path_failure(errno, path, "sync");
    return {};
  }

  result<std::vector<directory_entry>> list(const std::string& path) override {
    std::error_code ec;
    std::vector<directory_entry> entries;
    std::filesystem::directory_iterator at(path, ec);
    for (; !ec && at != std::filesystem::directory_iterator(); at.increment(ec)) {
      struct stat st {};
      // An entry that vanished since it was listed is no entry any more.
      if (::stat(at->path().c_str(), &st) != 0) {
        if (errno == ENOENT) continue;
        return path_failure(errno, at->path().string(), "stat");
      }
      entries.push_back({at->path().filename().string(), S_ISDIR(st.st_mode),
                         static_cast<std::uint64_t>(st.st_size)});
    }
    if (ec) return path_failure(ec.value(), path, "list");
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
  }

  result<bool> exists(const std::string& path) override {
    if (::access(path.c_str(), F_OK) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return path_failure(errno, path, "look up");
  }

  result<disk_space> space(const std::string& path) override {
    struct statvfs st {};
    if (::statvfs(path.c_str(), &st) != 0) return path_failure(errno, path, "statvfs");
    const std::uint64_t block = st.f_frsize;
    return disk_space{block * st.f_blocks, block * st.f_bavail, st.f_files, st.f_favail};
  }

  result<std::unique_ptr<directory_lock>> lock(const std::string& directory) override {
    const std::string path = directory + "/LOCK";
    descriptor fd(open_retrying(path.c_str(), O_RDWR | O_CREAT));
    if (fd.get() < 0) return path_failure(errno, path, "open");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return failure(errc::locked, directory + ": in use by another process");
      }
      return path_failure(errno, path, "lock");
    }
    return std::unique_ptr<directory_lock>(std::make_unique<posix_lock>(std::move(fd)));
  }
};

}  // namespace

file_system& system_files() {
  // Never destroyed: files may be open in other static objects' destructors.
  static auto* const instance = new posix_file_system;
  return *instance;
}

}  // namespace ssdfs::io
