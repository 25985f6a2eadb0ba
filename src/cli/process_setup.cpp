#include "cli/process_setup.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace ssdfs::cli {
namespace {

constexpr std::size_t connection_descriptors = 32;

// Opened the wrong way round: reading from the first and writing to the others is refused.
void take_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free descriptor is this one. Without /dev/null nothing can be done about it.
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

void raise_descriptor_limit() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &descriptors));
}

}  // namespace

void prepare_process() {
  take_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);
  raise_descriptor_limit();
}

std::size_t files_at_once(std::size_t wanted) noexcept {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return wanted;
  const std::size_t all = descriptors.rlim_cur;
  const std::size_t left = all > connection_descriptors ? all - connection_descriptors : 0;
  return std::clamp<std::size_t>(left / 2, 1, std::max<std::size_t>(wanted, 1));
}

}  // namespace ssdfs::cli
