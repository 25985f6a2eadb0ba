#include "io/child_process.hpp"

#include "io/background.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace ssdfs::io {
namespace {

// What the child begins with, released in any case.
class spawn_settings {
 public:
  spawn_settings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    sigset_t ignored;
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~spawn_settings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

}  // namespace

result<std::unique_ptr<child_process>> child_process::start(
    const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> texts{program};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  const spawn_settings settings;
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &settings.files, &settings.attributes,
                                  pointers.data(), environ);
  if (error != 0)
    return failure(errc::io, program + ": cannot be started: " + std::strerror(error));
  return std::unique_ptr<child_process>(new child_process(pid));
}

child_process::~child_process() {
  kill();
  static_cast<void>(wait().has_value());
}

result<void> child_process::wait() {
  {
    const std::lock_guard lock(mutex_);
    if (reaped_) return outcome();
  }
  // The pid stays the child's until it is reaped, which happens under the mutex.
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  if (!reaped_) {
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
  }
  return outcome();
}

result<void> child_process::outcome() const {
  if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
  if (WIFSIGNALED(status_)) {
    return failure(errc::io,
                   "the child process was ended by signal " + std::to_string(WTERMSIG(status_)));
  }
  return failure(errc::io,
                 "the child process ended with exit code " + std::to_string(WEXITSTATUS(status_)));
}

void child_process::kill() {
  const std::lock_guard lock(mutex_);
  if (!reaped_) ::kill(pid_, SIGKILL);
}

void become_background_child(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have ended before we asked.
  if (::getppid() != parent) ::_exit(1);
  run_in_background();
}

}  // namespace ssdfs::io
