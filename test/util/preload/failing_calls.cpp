// Loaded in front of a server (LD_PRELOAD): lets its calls to one directory fail.
//
// FAIL_UNDER   paths that begin with this count
// FAIL_ERRNO   what they fail with: ENOSPC hits what makes, lengthens or names files, EMFILE what
//              opens them, every other error all calls
// FAIL_AT      the call that fails, from 1; 0 or nothing: none. Once, whatever processes there are
// FAIL_WHILE   instead: all calls that change something fail while this file exists
// FAIL_ONLY    only in processes whose command line has this word
// FAIL_NOT     not in those
// FAIL_NOTES   needed: file to append to: "failed CALL PATH", and at the end "calls N"
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

enum class effect { reads, changes, grows };

template <class Function>
Function next_of(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

const char* text_of(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

struct plan {
  plan()
      : under(text_of("FAIL_UNDER")), during(text_of("FAIL_WHILE")), notes(text_of("FAIL_NOTES")) {
    error = std::atoi(text_of("FAIL_ERRNO"));
    at = std::strtoull(text_of("FAIL_AT"), nullptr, 10);
    std::string command;
    if (std::FILE* file = std::fopen("/proc/self/cmdline", "r")) {
      char piece[4096];
      const std::size_t n = std::fread(piece, 1, sizeof piece, file);
      for (std::size_t i = 0; i < n; ++i) command += piece[i] == '\0' ? ' ' : piece[i];
      std::fclose(file);
    }
    const std::string only = text_of("FAIL_ONLY");
    const std::string never = text_of("FAIL_NOT");
    active = !under.empty() && (only.empty() || command.find(only) != command.npos) &&
             (never.empty() || command.find(never) == command.npos);
  }
  ~plan() {
    if (active) note("calls", std::to_string(calls.load()).c_str());
    active = false;
  }
  void note(const char* what, const char* about) const {
    if (notes.empty()) return;
    // Not by the functions below.
    static const auto real_open = next_of<int (*)(const char*, int, ...)>("open");
    const int fd = real_open(notes.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return;
    const std::string line = std::string(what) + " " + about + "\n";
    static_cast<void>(::write(fd, line.data(), line.size()) < 0);
    ::close(fd);
  }
  // True in the first process that asks.
  [[nodiscard]] bool first() const {
    static const auto real_open = next_of<int (*)(const char*, int, ...)>("open");
    const std::string mark = notes + ".struck";
    const int fd = real_open(mark.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
  }
  std::string under;
  std::string during;
  std::string notes;
  int error = 0;
  unsigned long long at = 0;
  bool active = false;
  std::atomic<unsigned long long> calls{0};
};

plan& the_plan() {
  static plan instance;
  return instance;
}

// True if the call is to fail; errno is set then.
bool fails(const char* call, const char* path, effect what, bool opens) {
  plan& p = the_plan();
  if (!p.active || path == nullptr || std::strncmp(path, p.under.c_str(), p.under.size()) != 0) {
    return false;
  }
  if (!p.during.empty()) {
    if (what == effect::reads || ::access(p.during.c_str(), F_OK) != 0) return false;
  } else {
    if (p.error == ENOSPC && what != effect::grows) return false;
    if (p.error == EMFILE && !opens) return false;
    if (++p.calls != p.at || !p.first()) return false;
  }
  p.note((std::string("failed ") + call).c_str(), path);
  errno = p.error;
  return true;
}

bool fails(const char* call, int fd, effect what) {
  if (!the_plan().active) return false;
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), path, sizeof path - 1);
  if (n <= 0) return false;
  path[n] = '\0';
  return fails(call, path, what, false);
}

int open_checked(const char* name, const char* path, int flags, mode_t mode) {
  const bool makes = (flags & O_CREAT) != 0;
  const bool changes = (flags & (O_WRONLY | O_RDWR)) != 0;
  const effect what = makes ? effect::grows : changes ? effect::changes : effect::reads;
  if (fails("open", path, what, true)) return -1;
  return next_of<int (*)(const char*, int, ...)>(name)(path, flags, mode);
}

mode_t mode_of(int flags, va_list more) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(more, int)) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return open_checked("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return open_checked("open64", path, flags, mode);
}
DIR* opendir(const char* path) {
  if (fails("opendir", path, effect::reads, true)) return nullptr;
  return next_of<DIR* (*)(const char*)>("opendir")(path);
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  if (fails("pwritev", fd, effect::grows)) return -1;
  return next_of<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev")(fd, parts, count, offset);
}
ssize_t pread(int fd, void* to, size_t size, off_t offset) {
  if (fails("pread", fd, effect::reads)) return -1;
  return next_of<ssize_t (*)(int, void*, size_t, off_t)>("pread")(fd, to, size, offset);
}
int fdatasync(int fd) {
  if (fails("fdatasync", fd, effect::grows)) return -1;
  return next_of<int (*)(int)>("fdatasync")(fd);
}
int fsync(int fd) {
  if (fails("fsync", fd, effect::grows)) return -1;
  return next_of<int (*)(int)>("fsync")(fd);
}
int ftruncate(int fd, off_t length) {
  if (fails("ftruncate", fd, effect::changes)) return -1;
  return next_of<int (*)(int, off_t)>("ftruncate")(fd, length);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
  if (fails("fallocate", fd, effect::grows)) return -1;
  return next_of<int (*)(int, int, off_t, off_t)>("fallocate")(fd, mode, offset, length);
}
int rename(const char* from, const char* to) {
  if (fails("rename", from, effect::grows, false)) return -1;
  return next_of<int (*)(const char*, const char*)>("rename")(from, to);
}
int unlink(const char* path) {
  if (fails("unlink", path, effect::changes, false)) return -1;
  return next_of<int (*)(const char*)>("unlink")(path);
}
int mkdir(const char* path, mode_t mode) {
  if (fails("mkdir", path, effect::grows, false)) return -1;
  return next_of<int (*)(const char*, mode_t)>("mkdir")(path, mode);
}

}  // extern "C"
