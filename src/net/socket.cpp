#include "net/socket.hpp"

#include "net/address.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string_view>

namespace ssdfs::net {
namespace {

// The address without the port, or nothing.
std::string_view address_bytes(const sockaddr_storage& from) noexcept {
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    return {reinterpret_cast<const char*>(&v4.sin_addr), sizeof v4.sin_addr};
  }
  if (from.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
    return {reinterpret_cast<const char*>(&v6.sin6_addr), sizeof v6.sin6_addr};
  }
  return {};
}

bool is_within_machine(int socket) noexcept {
  sockaddr_storage here{};
  sockaddr_storage there{};
  socklen_t here_length = sizeof here;
  socklen_t there_length = sizeof there;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&here), &here_length) != 0 ||
      ::getpeername(socket, reinterpret_cast<sockaddr*>(&there), &there_length) != 0) {
    return false;
  }
  const std::string_view address = address_bytes(here);
  return !address.empty() && address == address_bytes(there);
}

}  // namespace

void do_not_pace_within_machine(int socket) noexcept {
  std::array<char, 16> name{};  // the kernel's limit
  socklen_t length = name.size();
  if (::getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) return;
  if (std::strncmp(name.data(), "bbr", 3) != 0 || !is_within_machine(socket)) return;
  // Which of them a process may choose is the administrator's decision; reno always may be.
  for (const std::string_view other : {"cubic", "reno"}) {
    if (::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, other.data(), other.size()) == 0) return;
  }
}

std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint) {
  namespace ip = boost::asio::ip;
  ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  return format_host_port({address.to_string(), endpoint.port()});
}

}  // namespace ssdfs::net
