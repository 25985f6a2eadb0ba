// "HOST:PORT[,HOST:PORT...][/CHROOT]": where ZooKeeper's servers are, and which part of its tree is
// ours.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::coord {

/// Servers that one address may name.
inline constexpr std::size_t max_zookeeper_servers = 16;

struct server_address {
  std::string host;  ///< a name or an address; IPv6 without brackets
  std::uint16_t port = 0;
  friend bool operator==(const server_address&, const server_address&) = default;
};

struct zookeeper_address {
  std::vector<server_address> servers;  ///< 1 to max_zookeeper_servers, all different
  std::string chroot;                   ///< "" or "/a/b": where the register's node is made
  friend bool operator==(const zookeeper_address&, const zookeeper_address&) = default;
};

/// errc::invalid_argument with a sentence that says which part is wrong, and how it should be.
[[nodiscard]] result<zookeeper_address> parse_zookeeper_address(std::string_view text);

/// "HOST:PORT", an IPv6 address in brackets.
[[nodiscard]] std::string to_string(const server_address& server);
/// The text that parse_zookeeper_address() takes.
[[nodiscard]] std::string to_string(const zookeeper_address& address);

/// The node below the chroot that holds the register, and the register's own path. The first is
/// made by us and with our ACL, because who may change a node's parent may remove the node.
[[nodiscard]] std::string parent_path(const zookeeper_address& address);
[[nodiscard]] std::string register_path(const zookeeper_address& address);

}  // namespace ssdfs::coord
