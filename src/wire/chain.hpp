// The chain of a write as text: who gets it, in which order, and where they answer.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"

#include <boost/container/static_vector.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace ssdfs::wire {

/// Longest chain: the replication classes end at 3.
inline constexpr std::size_t max_chain = 3;

struct chain_member {
  node_id node;
  std::string_view address;  ///< "HOST:PORT"; aliases the text
};
using chain_members = boost::container::static_vector<chain_member, max_chain>;

/// "UUID@HOST:PORT,UUID@HOST:PORT", in the order in which the bytes travel.
[[nodiscard]] std::string chain_text(std::span<const replica_address> members);

/// Takes it apart. errc::invalid_argument if it is empty, longer than max_chain, malformed, or
/// names a node or an address twice: a chain that came back to a member would count one copy as
/// two.
[[nodiscard]] result<chain_members> parse_chain(std::string_view text);

}  // namespace ssdfs::wire
