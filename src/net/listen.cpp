#include "net/listen.hpp"

#include "net/address.hpp"
#include "net/socket.hpp"

#include <boost/asio/io_context.hpp>

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace ssdfs::net {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t most_listeners = 16;

struct listen_error {
  int number = 0;
  ip::tcp::endpoint where;
};

bool set_flag(int descriptor, int level, int name, bool on) {
  const int value = on ? 1 : 0;
  return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

// Returns the descriptor, or -1 and errno.
int open_listener(const ip::tcp::endpoint& where) {
  const int family = where.protocol().family();
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (descriptor < 0) return -1;
  // A restarted server must not wait for its old connections to leave TIME_WAIT; a second process
  // on the port is still refused.
  bool good = set_flag(descriptor, SOL_SOCKET, SO_REUSEADDR, true);
  if (good && family == AF_INET6) {
    const bool every = where.address().is_unspecified();
    good = set_flag(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, !every);
  }
  good = good && ::bind(descriptor, where.data(), static_cast<socklen_t>(where.size())) == 0 &&
         ::listen(descriptor, SOMAXCONN) == 0;
  if (good) return descriptor;
  const int why = errno;
  ::close(descriptor);
  errno = why;
  return -1;
}

ip::tcp::endpoint bound_endpoint(int descriptor) {
  ip::tcp::endpoint at;
  socklen_t length = static_cast<socklen_t>(at.capacity());
  if (::getsockname(descriptor, at.data(), &length) == 0) at.resize(length);
  return at;
}

// This machine has no such address, or not this kind of addresses.
bool is_not_ours(int error_number) {
  return error_number == EADDRNOTAVAIL || error_number == EAFNOSUPPORT;
}

result<std::vector<listening_socket>> open_all(const std::vector<ip::tcp::endpoint>& where,
                                               listen_error& why) {
  std::vector<listening_socket> out;
  std::uint16_t port = where.front().port();
  for (ip::tcp::endpoint one : where) {
    one.port(port);
    const int descriptor = open_listener(one);
    if (descriptor < 0) {
      why = {errno, one};
      if (is_not_ours(why.number)) continue;
      return errc::io;
    }
    out.emplace_back(descriptor, bound_endpoint(descriptor));
    port = out.back().endpoint().port();
  }
  if (out.empty()) return errc::io;
  return out;
}

std::string lower_message(int error_number) {
  std::string text = std::strerror(error_number);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] += 'a' - 'A';
  return text;
}

}  // namespace

listening_socket::listening_socket(listening_socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), at_(other.at_) {}

listening_socket& listening_socket::operator=(listening_socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(at_, other.at_);
  return *this;
}

listening_socket::~listening_socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int listening_socket::release() noexcept { return std::exchange(descriptor_, -1); }

result<std::vector<listening_socket>> listen_everywhere(const std::string& text) {
  const result<host_port> where = parse_host_port(text);
  if (!where) return where.error();
  listen_error why;
  if (where->host.empty()) {
    // Every address: IPv6 with IPv4 mapped, or only IPv4 on a machine without IPv6.
    auto opened = open_all({{ip::address_v6::any(), where->port}}, why);
    if (!opened) opened = open_all({{ip::address_v4::any(), where->port}}, why);
    if (opened) return opened;
    return failure(errc::io, "cannot listen on " + text + ": " + lower_message(why.number));
  }
  boost::asio::io_context io;
  ip::tcp::resolver resolver(io);
  boost::system::error_code ec;
  const auto found =
      resolver.resolve(where->host, std::to_string(where->port),
                       ip::tcp::resolver::passive | ip::tcp::resolver::numeric_service, ec);
  if (ec) return failure(errc::io, "cannot listen on " + text + ": " + ec.message());
  std::vector<ip::tcp::endpoint> all;
  for (const auto& entry : found) {
    const bool is_new = std::find(all.begin(), all.end(), entry.endpoint()) == all.end();
    if (is_new && all.size() < most_listeners) all.push_back(entry.endpoint());
  }
  // A port that is free at the first address may be taken at another: then another one is tried.
  constexpr int most_tries = 20;
  for (int tried = 1;; ++tried) {
    auto opened = open_all(all, why);
    if (opened) return opened;
    if (where->port != 0 || all.size() == 1 || tried == most_tries) break;
  }
  std::string at = endpoint_text(why.where);
  if (at == text) {
    at.clear();
  } else {
    at += ": ";
  }
  return failure(errc::io, "cannot listen on " + text + ": " + at + lower_message(why.number));
}

void stop_making_connections(int listening) noexcept {
  // For TCP the filter sees a segment from its header on: byte 13 holds the flags. Only what asks
  // for a connection is dropped, so that handshakes that have begun end well.
  constexpr std::uint32_t flags_at = 13;
  constexpr std::uint32_t syn = 0x02;
  std::array<sock_filter, 4> program{{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_at),
                                      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, syn, 0, 1),
                                      BPF_STMT(BPF_RET | BPF_K, 0),
                                      BPF_STMT(BPF_RET | BPF_K, 0xffffffff)}};
  const sock_fprog filter{program.size(), program.data()};
  // A kernel without filters leaves the moment between the last accept and the close as it is.
  static_cast<void>(::setsockopt(listening, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
}

std::string listening_text(const ip::tcp::endpoint& bound) {
  const bool every = bound.address().is_v6() && bound.address().is_unspecified();
  return every ? format_host_port({"0.0.0.0", bound.port()}) : endpoint_text(bound);
}

}  // namespace ssdfs::net
