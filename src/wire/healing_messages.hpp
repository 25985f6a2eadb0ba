// Operator to master: copies under way, nodes that are to leave, rebalancing.
#pragma once

#include "base/ids.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::wire {

/// Volumes that are copied from node to node for one purpose.
struct copy_status {
  std::uint64_t volumes_running = 0;
  std::uint64_t volumes_waiting = 0;
  std::uint64_t bytes_left = 0;
  std::uint64_t bytes_done = 0;  ///< since the master started, or the rebalance began
  std::uint64_t bytes_per_s = 0;
  std::int64_t time_left_ms = -1;  ///< -1: cannot be said
};
BOOST_DESCRIBE_STRUCT(copy_status, (),
                      (volumes_running, volumes_waiting, bytes_left, bytes_done, bytes_per_s,
                       time_left_ms))

struct rebalance_state {
  bool running = false;
  bool paused = false;
  std::uint32_t threshold_permille = 0;
  std::uint64_t planned_bytes = 0;
  std::uint64_t needed_bytes = 0;  ///< that no plan can do without
  std::uint64_t moved_bytes = 0;
  std::uint64_t moved_volumes = 0;
  std::string reason;
  copy_status progress;
};
BOOST_DESCRIBE_STRUCT(rebalance_state, (),
                      (running, paused, threshold_permille, planned_bytes, needed_bytes,
                       moved_bytes, moved_volumes, reason, progress))

/// A node about which an operator has decided something.
struct decided_node {
  node_id node;
  std::string name;
  std::string address;
  std::string state;
  std::uint64_t volumes_left = 0;
  std::uint64_t bytes_left = 0;
  std::uint64_t volumes_stuck = 0;       ///< that no other node can take now
  std::int64_t maintenance_left_ms = 0;  ///< 0: none
  std::string waiting;  ///< what holds up a decommission, for people; empty if nothing does
};
BOOST_DESCRIBE_STRUCT(decided_node, (),
                      (node, name, address, state, volumes_left, bytes_left, volumes_stuck,
                       maintenance_left_ms, waiting))

struct admin_healing_reply {
  ssdfs::epoch_t epoch;
  copy_status repairs;
  copy_status decommissions;
  rebalance_state rebalance;
  std::vector<decided_node> nodes;
  std::uint64_t relocations_left = 0;  ///< chunks known to be in volumes of another class
  bool relocations_known = false;      ///< false: the namespace is being searched for more
};
BOOST_DESCRIBE_STRUCT(admin_healing_reply, (),
                      (epoch, repairs, decommissions, rebalance, nodes, relocations_left,
                       relocations_known))
struct admin_healing_request {
  static constexpr opcode code = opcode::admin_healing;
  using reply = admin_healing_reply;
};
BOOST_DESCRIBE_STRUCT(admin_healing_request, (), ())

struct admin_node_reply {
  decided_node node;
};
BOOST_DESCRIBE_STRUCT(admin_node_reply, (), (node))
/// Decides about a node, durably.
struct admin_node_request {
  static constexpr opcode code = opcode::admin_node;
  using reply = admin_node_reply;
  std::string_view node;    ///< name, address, or a unique beginning of the uuid
  std::string_view action;  ///< show, decommission, recommission, maintenance
  std::int64_t for_ms = 0;  ///< maintenance
};
BOOST_DESCRIBE_STRUCT(admin_node_request, (), (node, action, for_ms))

struct volume_move {
  volume_id volume;
  node_id from;
  node_id to;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(volume_move, (), (volume, from, to, bytes))
/// Used part of a node's capacity, in millionths.
struct node_share {
  node_id node;
  std::string name;
  std::uint32_t before_ppm = 0;
  std::uint32_t after_ppm = 0;
};
BOOST_DESCRIBE_STRUCT(node_share, (), (node, name, before_ppm, after_ppm))

struct admin_rebalance_reply {
  ssdfs::epoch_t epoch;
  rebalance_state state;
  std::vector<node_share> shares;    ///< plan
  std::vector<volume_move> moves;    ///< plan: the first 1,000
  std::uint64_t planned_moves = 0;   ///< plan: all
  std::uint64_t planned_bytes = 0;   ///< plan
  std::uint64_t needed_bytes = 0;    ///< plan
  std::uint32_t mean_share_ppm = 0;  ///< plan
  bool within = false;               ///< plan: every node will be within the threshold
};
BOOST_DESCRIBE_STRUCT(admin_rebalance_reply, (),
                      (epoch, state, shares, moves, planned_moves, planned_bytes, needed_bytes,
                       mean_share_ppm, within))
struct admin_rebalance_request {
  static constexpr opcode code = opcode::admin_rebalance;
  using reply = admin_rebalance_reply;
  std::string_view action;                 ///< start, plan, pause, resume, status
  std::uint32_t threshold_permille = 100;  ///< start, plan: 1 to 1,000
};
BOOST_DESCRIBE_STRUCT(admin_rebalance_request, (), (action, threshold_permille))

}  // namespace ssdfs::wire
