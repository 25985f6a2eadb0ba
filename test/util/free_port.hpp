// Ports for servers that a test starts: what util/free_ports.py is for tests in Python.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace ssdfs::test {

/// A port of loopback that nothing uses. Not one that the kernel gives to outgoing connections, and
/// kept from other tests of this network, in C++ or Python, until this object or the process ends.
class free_port {
 public:
  free_port() {
    const auto [first, end] = range();
    std::mt19937 random(std::random_device{}());
    std::uniform_int_distribution<int> any(first, end - 1);
    for (int i = 0; i < 1'000; ++i) {
      const int port = any(random);
      if (unused(port) && claim(port)) {
        port_ = static_cast<std::uint16_t>(port);
        return;
      }
    }
    throw std::runtime_error("no free port");
  }
  ~free_port() { ::close(claim_); }
  free_port(const free_port&) = delete;
  free_port& operator=(const free_port&) = delete;

  [[nodiscard]] std::uint16_t number() const noexcept { return port_; }
  [[nodiscard]] std::string text() const { return std::to_string(port_); }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + text(); }

 private:
  // The larger side of the range of outgoing connections.
  static std::pair<int, int> range() {
    int low = 32'768;
    int high = 60'999;
    std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low >> high;
    if (low - 10'000 >= 65'536 - (high + 1)) return {10'000, low};
    return {high + 1, 65'536};
  }
  static bool unused(int port) {
    const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool bound = ::bind(s, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
    const bool listens = bound && ::listen(s, 1) == 0;
    ::close(s);
    return listens;
  }
  // Bound to a name that goes with the process, however that ends.
  bool claim(int port) {
    const std::string name = "ssdfs-test-port-" + std::to_string(port);
    claim_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (::bind(claim_, reinterpret_cast<const sockaddr*>(&at), length) == 0) return true;
    ::close(claim_);
    claim_ = -1;
    return false;
  }

  std::uint16_t port_ = 0;
  int claim_ = -1;
};

}  // namespace ssdfs::test
