#include "base/host_kind.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>

namespace ssdfs {
namespace {

using v4_bytes = std::array<std::uint8_t, 4>;
using v6_groups = std::array<std::uint16_t, 8>;

bool equals_ignoring_case(std::string_view a, std::string_view lower) noexcept {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
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

template <class Number>
bool parse_whole(std::string_view text, Number& out, int base) noexcept {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return !text.empty() && ec == std::errc() && end == text.data() + text.size();
}

std::optional<v4_bytes> parse_v4(std::string_view text) noexcept {
  v4_bytes out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t dot = i + 1 < out.size() ? text.find('.') : text.size();
    if (dot == std::string_view::npos || !parse_whole(text.substr(0, dot), out[i], 10)) return {};
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return out;
}

// Groups between colons, the last of which may be an IPv4 address. The number of groups, or
// nothing.
std::optional<std::size_t> parse_groups(std::string_view text, v6_groups& out) noexcept {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, colon);
    const auto mapped = colon == text.size() ? parse_v4(group) : std::nullopt;
    if (count + (mapped ? 2 : 1) > out.size()) return {};
    if (mapped) {
      for (std::size_t i = 0; i < 4; i += 2) {
        out[count++] = static_cast<std::uint16_t>((*mapped)[i] << 8 | (*mapped)[i + 1]);
      }
    } else if (group.size() > 4 || !parse_whole(group, out[count++], 16)) {
      return {};
    }
    if (colon == text.size()) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return {};  // a colon at the end
  }
  return count;
}

std::optional<v6_groups> parse_v6(std::string_view text) noexcept {
  v6_groups out{};
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto all = parse_groups(text, out);
    return all && *all == out.size() ? std::optional(out) : std::nullopt;
  }
  v6_groups last{};
  const auto before = parse_groups(text.substr(0, gap), out);
  const auto behind = parse_groups(text.substr(gap + 2), last);
  if (!before || !behind || *before + *behind >= out.size()) return {};
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(*before), out.end(), std::uint16_t{0});
  std::copy_n(last.begin(), *behind, out.end() - static_cast<std::ptrdiff_t>(*behind));
  return out;
}

host_kind kind_of_v4(std::uint8_t first) noexcept {
  if (first == 127) return host_kind::loopback;
  return first == 0 ? host_kind::wildcard : host_kind::ordinary;
}

host_kind kind_of_v6(const v6_groups& groups) noexcept {
  const auto leading_zeros = static_cast<std::size_t>(
      std::find_if(groups.begin(), groups.end(), [](std::uint16_t g) { return g != 0; }) -
      groups.begin());
  if (leading_zeros == groups.size()) return host_kind::wildcard;
  if (leading_zeros == 7 && groups[7] == 1) return host_kind::loopback;
  if (leading_zeros == 5 && groups[5] == 0xffff) {
    return kind_of_v4(static_cast<std::uint8_t>(groups[6] >> 8));
  }
  return (groups[0] & 0xffc0) == 0xfe80 ? host_kind::link_local : host_kind::ordinary;
}

}  // namespace

std::string_view host_of(std::string_view address) noexcept {
  if (address.starts_with('[')) {
    const std::size_t end = std::min(address.find(']'), address.size());
    return address.substr(1, end - 1);
  }
  const std::size_t colon = address.find(':');
  // More than one: an IPv6 address alone.
  if (colon != std::string_view::npos && address.find(':', colon + 1) != std::string_view::npos) {
    return address;
  }
  return address.substr(0, colon);
}

host_kind kind_of_host(std::string_view address) noexcept {
  std::string_view host = host_of(address);
  host = host.substr(0, host.find('%'));  // the interface of a link-local address
  // "0" is 0.0.0.0 for the resolver.
  if (host.empty() || host == "*" || host == "0") return host_kind::wildcard;
  if (const auto v4 = parse_v4(host)) return kind_of_v4((*v4)[0]);
  if (host.find(':') != std::string_view::npos) {
    const auto v6 = parse_v6(host);
    return v6 ? kind_of_v6(*v6) : host_kind::ordinary;
  }
  return is_localhost(host) ? host_kind::loopback : host_kind::ordinary;
}

}  // namespace ssdfs
