// The value of the register, the one place outside of the members that says who leads.
#pragma once

#include "base/membership.hpp"
#include "base/result.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cluster {

inline constexpr std::size_t max_members = 16;
inline constexpr std::size_t max_address_length = 255;
inline constexpr std::size_t max_register_bytes = 16 * 1024;

/// Format: docs/formats/register.md.
struct register_value {
  cluster_id cluster;
  epoch_t epoch;
  node_id leader;
  /// The in-sync set, in the order in which they take over; the leader is among them.
  std::vector<member_address> insync;
  node_id writer;
  /// Of the attempt that wrote it; never used twice, so that a writer knows its own again.
  std::uint64_t nonce = 0;
  friend bool operator==(const register_value&, const register_value&) = default;
};
BOOST_DESCRIBE_STRUCT(register_value, (), (cluster, epoch, leader, insync, writer, nonce))

/// A value that decode_register() takes: 1 to max_members different members, the leader among them.
[[nodiscard]] std::string encode_register(const register_value& value);

/// errc::version_mismatch for a format that this program does not know, errc::damaged for what is
/// no value of this format.
[[nodiscard]] result<register_value> decode_register(std::string_view text);

[[nodiscard]] bool names(const std::vector<member_address>& set, node_id node);
/// `set` without that member.
[[nodiscard]] std::vector<member_address> without(std::vector<member_address> set, node_id node);

}  // namespace ssdfs::cluster
