// Where the replicas of a new volume go.
#pragma once

#include "base/ids.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace ssdfs::cluster {

/// Source of randomness of this room: seeded by the caller, so that a run can be repeated.
using random_source = std::mt19937_64;

/// A node as placement sees it. Candidates are usable nodes; who is silent is left out.
struct placement_candidate {
  node_id node;
  std::string rack;
  std::string host;  ///< the machine, as far as the node's address names it; may be empty
  std::uint64_t capacity_bytes = 0;
  std::uint64_t used_bytes = 0;    ///< written, plus what grants have reserved
  std::uint64_t free_bytes = 0;    ///< what may still be granted, reservations taken off
  std::uint32_t open_volumes = 0;  ///< replicas that take or will soon take appends
};

struct placement_wish {
  std::uint32_t replicas = 2;        ///< wanted
  std::uint32_t min_replicas = 1;    ///< with fewer candidates than wanted, at least so many
  std::uint64_t min_free_bytes = 0;  ///< a node with less is full
  std::vector<node_id> exclude;
  node_id needed;                       ///< must be among them, unless it is nil
  std::vector<std::string> used_racks;  ///< racks of copies that exist already: avoided
  std::vector<std::string> used_hosts;  ///< and their machines: avoided where racks do not help
};

/// Chooses members in chain order: distinct nodes, distinct racks as far as there are some,
/// distinct machines within them, full nodes never. Prefers the smaller share of used capacity, but
/// spreads: a node that already has more open volumes than the others waits, so an empty node is
/// not flooded. Empty if fewer than min_replicas nodes fit. Pure: equal arguments and equal
/// `random` state give equal results.
[[nodiscard]] std::vector<node_id> choose_members(std::span<const placement_candidate> candidates,
                                                  const placement_wish& wish,
                                                  random_source& random);

[[nodiscard]] inline bool contains(const std::vector<node_id>& list, node_id node) {
  return std::find(list.begin(), list.end(), node) != list.end();
}

}  // namespace ssdfs::cluster
