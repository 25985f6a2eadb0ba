// Which volumes should change their node so that all nodes are about equally full.
#pragma once

#include "base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs::cluster {

/// A node as the planner sees it. Nodes that cannot take part are left out by the caller.
struct balance_node {
  node_id node;
  std::string rack;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t used_bytes = 0;  ///< once everything that is under way has been done
  std::uint64_t free_bytes = 0;  ///< what it may take at most
};

/// A volume that may be moved.
struct balance_volume {
  volume_id id;
  std::uint64_t bytes = 0;
  bool closed = true;  ///< an open one has to be sealed before: second choice
  std::vector<node_id> members;
  std::vector<node_id> avoid;  ///< nodes that hold something of it, or failed to take it
};

struct balance_input {
  std::vector<balance_node> nodes;
  std::vector<balance_volume> volumes;
  double threshold = 0.1;          ///< of the mean share: 0.1 is within 10 percent of it
  std::size_t max_moves = 10'000;  ///< then the plan is cut
};

struct planned_move {
  volume_id volume;
  node_id from;
  node_id to;
  std::uint64_t bytes = 0;
  bool closed = true;
  friend bool operator==(const planned_move&, const planned_move&) = default;
};

/// A node's used share of its capacity, 0 to 1, before the plan and after it.
struct balance_share {
  node_id node;
  double before = 0;
  double after = 0;
};

struct balance_plan {
  std::vector<planned_move> moves;  ///< in the order in which they should be done
  std::uint64_t bytes = 0;          ///< sum of the moves
  /// No plan can do with fewer: the bytes by which nodes are above the band around the mean share,
  /// or below it, whichever is more.
  std::uint64_t needed_bytes = 0;
  double mean_share = 0;
  std::vector<balance_share> shares;
  bool within = false;  ///< after the plan every node is within the threshold
  bool cut = false;     ///< max_moves was reached: plan again after them
  std::string reason;   ///< why the plan ends where it does, for people
};

/// Moves volumes from nodes above the mean share to nodes below it until every node's share is
/// within the threshold of the mean, or no single move brings any node nearer to that.
///
/// A move is judged by what it takes off the distance of both its nodes from the band, a byte
/// moved: so the plan moves about as few bytes as can be. It never puts two copies on one node, nor
/// two into one rack that were in two. Pure; equal inputs give equal plans.
/// Cost: about moves x nodes + moves x volumes of a node.
[[nodiscard]] balance_plan plan_rebalance(const balance_input& input);

}  // namespace ssdfs::cluster
