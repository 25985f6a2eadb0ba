#include "coord/zookeeper_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace ssdfs::coord {
namespace {

failure bad_zookeeper(std::string_view text, const std::string& why) {
  return {errc::invalid_argument,
          "'" + std::string(text) + "' is not HOST:PORT[,...][/CHROOT]: " + why};
}

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

// The host of "HOST:PORT" or "[V6]:PORT" into `out`, the text behind the colon into `port`.
std::string split_server(std::string_view server, std::string& out, std::string_view& port) {
  if (server.empty()) return "there is a comma too many, or nothing before the path";
  const std::string quoted = "'" + std::string(server) + "'";
  std::string_view host;
  if (server.starts_with('[')) {
    const auto end = server.find(']');
    if (end == std::string_view::npos) return "']' is missing in " + quoted;
    host = server.substr(1, end - 1);
    const std::string_view rest = server.substr(end + 1);
    if (!rest.starts_with(':')) return quoted + " has no port; ZooKeeper's is usually 2181";
    port = rest.substr(1);
    const bool plausible = std::all_of(
        host.begin(), host.end(), [](char c) { return host_character(c) || c == ':' || c == '%'; });
    if (!plausible || host.find(':') == std::string_view::npos) {
      return quoted + " has no IPv6 address in its brackets";
    }
  } else {
    const auto colon = server.rfind(':');
    if (colon == std::string_view::npos)
      return quoted + " has no port; ZooKeeper's is usually 2181";
    host = server.substr(0, colon);
    port = server.substr(colon + 1);
    if (host.empty()) return quoted + " has no host";
    if (host.find(':') != std::string_view::npos) {
      return quoted + ": an IPv6 address needs brackets, as in [::1]:2181";
    }
    if (!std::all_of(host.begin(), host.end(), host_character)) {
      return quoted + " has a character that no host name has";
    }
  }
  if (host.size() > 255) return quoted + ": the host name is too long";
  out.assign(host);
  return {};
}

std::string read_server(std::string_view text, server_address& out) {
  std::string_view port;
  if (std::string why = split_server(text, out.host, port); !why.empty()) return why;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (port.empty() || ec != std::errc() || end != port.data() + port.size() || out.port == 0) {
    return "the port of '" + std::string(text) + "' is not a number from 1 to 65535";
  }
  return {};
}

std::string check_chroot(std::string_view path) {
  if (path.size() > 255) return "the path is longer than 255 bytes";
  if (path.find(',') != std::string_view::npos) {
    return "the path comes once, behind the last server";
  }
  std::size_t at = 1;
  while (at <= path.size()) {
    const auto end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty()) return "the path has an empty part (two slashes, or one at its end)";
    if (part == "." || part == "..") return "the path has a part '" + std::string(part) + "'";
    for (const char c : part) {
      if (c <= ' ' || c > '~') return "the path has a character that is not printable ASCII";
    }
    at = end + 1;
  }
  if (path == "/zookeeper" || path.starts_with("/zookeeper/")) {
    return "/zookeeper is ZooKeeper's own";
  }
  return {};
}

}  // namespace

result<zookeeper_address> parse_zookeeper_address(std::string_view text) {
  if (text.empty()) return bad_zookeeper(text, "it is empty");
  if (text.find("://") != std::string_view::npos) {
    return bad_zookeeper(text, "it has no scheme: servers are reached by TCP, without TLS");
  }
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) {
    return bad_zookeeper(text, "it has blanks; a comma alone separates servers");
  }
  zookeeper_address out;
  std::string_view servers = text;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    servers = text.substr(0, slash);
    const std::string_view path = text.substr(slash);
    if (path != "/") {
      if (const std::string why = check_chroot(path); !why.empty()) return bad_zookeeper(text, why);
      out.chroot.assign(path);
    }
  }
  std::size_t at = 0;
  while (at <= servers.size()) {
    const auto end = std::min(servers.find(',', at), servers.size());
    server_address server;
    if (const std::string why = read_server(servers.substr(at, end - at), server); !why.empty()) {
      return bad_zookeeper(text, why);
    }
    if (std::find(out.servers.begin(), out.servers.end(), server) != out.servers.end()) {
      return bad_zookeeper(text, to_string(server) + " is there twice");
    }
    if (out.servers.size() == max_zookeeper_servers) {
      return bad_zookeeper(text, "more than " + std::to_string(max_zookeeper_servers) + " servers");
    }
    out.servers.push_back(std::move(server));
    at = end + 1;
  }
  return out;
}

std::string to_string(const server_address& server) {
  const bool v6 = server.host.find(':') != std::string::npos;
  return (v6 ? "[" + server.host + "]" : server.host) + ":" + std::to_string(server.port);
}

std::string to_string(const zookeeper_address& address) {
  std::string out;
  for (const server_address& server : address.servers) {
    if (!out.empty()) out += ',';
    out += to_string(server);
  }
  return out + address.chroot;
}

std::string parent_path(const zookeeper_address& address) { return address.chroot + "/ssdfs"; }

std::string register_path(const zookeeper_address& address) {
  return parent_path(address) + "/register";
}

}  // namespace ssdfs::coord
