#include "base/host_kind.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace ssdfs {
namespace {

std::string_view host_of(std::string_view address) noexcept {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  const std::size_t colon = address.find(':');
  // More than one: an IPv6 address alone.
  if (colon != std::string_view::npos && address.find(':', colon + 1) != std::string_view::npos) {
    return address;
  }
  return address.substr(0, colon);
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) noexcept {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

bool is_localhost(std::string_view host) noexcept {
  constexpr std::string_view below = ".localhost";
  if (host.ends_with('.')) host.remove_suffix(1);
  for (const std::string_view name :
       {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}) {
    if (equals_ignoring_case(host, name)) return true;
  }
  return host.size() > below.size() &&
         equals_ignoring_case(host.substr(host.size() - below.size()), below);
}

host_kind kind_of_v4(const std::uint8_t* bytes) noexcept {
  if (bytes[0] == 127) return host_kind::loopback;
  return bytes[0] == 0 ? host_kind::wildcard : host_kind::ordinary;
}

host_kind kind_of_v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes.data(), mapped.data(), mapped.size()) == 0) {
    return kind_of_v4(bytes.data() + mapped.size());
  }
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) return host_kind::link_local;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    if (bytes[i] != 0) return host_kind::ordinary;
  }
  if (bytes.back() == 0) return host_kind::wildcard;
  return bytes.back() == 1 ? host_kind::loopback : host_kind::ordinary;
}

}  // namespace

host_kind kind_of_host(std::string_view address) noexcept {
  std::string_view host = host_of(address);
  host = host.substr(0, host.find('%'));  // the interface of a link-local address
  if (host.empty() || host == "*") return host_kind::wildcard;
  std::array<char, INET6_ADDRSTRLEN + 1> text{};
  if (host.size() < text.size()) {
    std::memcpy(text.data(), host.data(), host.size());
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(AF_INET6, text.data(), bytes.data()) == 1) return kind_of_v6(bytes);
    if (::inet_pton(AF_INET, text.data(), bytes.data()) == 1) return kind_of_v4(bytes.data());
    if (host == "0") return host_kind::wildcard;  // as getaddrinfo takes it
  }
  return is_localhost(host) ? host_kind::loopback : host_kind::ordinary;
}

}  // namespace ssdfs
