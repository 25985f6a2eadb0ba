#include "net/address.hpp"

#include <charconv>

namespace ssdfs::net {
namespace {

failure bad_address(std::string_view text, const char* why) {
  return {errc::invalid_argument, "'" + std::string(text) + "' is not HOST:PORT: " + why};
}

}  // namespace

result<host_port> parse_host_port(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return bad_address(text, "']' is missing");
    host = text.substr(1, end - 1);
    if (host.empty()) return bad_address(text, "an empty address in brackets");
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty()) {
      if (rest.front() != ':') return bad_address(text, "unexpected text behind ']'");
      port = rest.substr(1);
      has_port = true;
    }
  } else if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
    if (host.find(':') != std::string_view::npos) {
      return bad_address(text, "an IPv6 address needs brackets");
    }
  }
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '/' || c == ',' || c == '[' || c == ']') {
      return bad_address(text, "a character that no host name has");
    }
  }
  if (host.size() > 255) return bad_address(text, "the host name is too long");

  host_port out;
  if (host != "*") out.host.assign(host);
  if (!has_port) {
    if (default_port == 0) return bad_address(text, "the port is missing");
    if (host.empty()) return bad_address(text, "it is empty");
    out.port = default_port;
    return out;
  }
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (port.empty() || ec != std::errc() || end != port.data() + port.size()) {
    return bad_address(text, "the port is not a number from 0 to 65535");
  }
  return out;
}

std::string format_host_port(const host_port& address) {
  std::string out;
  const bool v6 = address.host.find(':') != std::string::npos;
  if (v6) out += '[';
  out += address.host.empty() ? "*" : address.host;
  if (v6) out += ']';
  out += ':';
  out += std::to_string(address.port);
  return out;
}

}  // namespace ssdfs::net
