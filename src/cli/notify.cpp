#include "cli/notify.hpp"

#include "base/log.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace ssdfs::cli {

void notify_service_manager(std::string_view message, bool may_be_lost) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const int flags = MSG_NOSIGNAL | (may_be_lost ? MSG_DONTWAIT : 0);
  if (::sendto(fd, message.data(), message.size(), flags,
               reinterpret_cast<const sockaddr*>(&address), size) < 0 &&
      !may_be_lost) {
    SSDFS_LOG(warning) << "service manager cannot be told: " << std::strerror(errno);
  }
  ::close(fd);
}

}  // namespace ssdfs::cli
