// What the controller tells of the cluster: totals, progress of copies, and the state of one node
// or volume.
#pragma once

#include "base/ids.hpp"
#include "base/volume_info.hpp"
#include "cluster/volume_life.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cluster {

/// Totals for reports and metrics; kept up to date, O(1).
struct cluster_counts {
  std::uint64_t volumes_open = 0;
  std::uint64_t volumes_sealed = 0;  ///< sealed or closed
  std::uint64_t volumes_ready = 0;
  std::uint64_t under_replicated = 0;  ///< volumes with fewer good copies than wanted
  std::uint64_t over_replicated = 0;   ///< volumes with more replicas than wanted
  std::uint64_t one_rack = 0;          ///< volumes in that condition
  std::uint64_t missing = 0;           ///< chunks in volumes without any reported replica
  std::uint64_t bad_records = 0;       ///< quarantined records on replicas
  std::uint64_t unknown_replicas = 0;  ///< replicas of volumes that the log does not have
  std::uint64_t orders_outstanding = 0;
};

/// Volumes that are copied from node to node for one purpose, and how fast.
struct copy_progress {
  std::uint64_t volumes_running = 0;  ///< being copied now
  std::uint64_t volumes_waiting = 0;  ///< for a stream, or for a node that can take them
  std::uint64_t bytes_left = 0;
  std::uint64_t bytes_done = 0;    ///< since this master started
  std::uint64_t bytes_per_s = 0;   ///< over the last seconds
  std::int64_t time_left_ms = -1;  ///< -1: nothing moves, so it cannot be said
};

struct rebalance_status {
  bool running = false;
  bool paused = false;
  double threshold = 0.1;
  std::uint64_t planned_bytes = 0;  ///< by the plan with which it began
  std::uint64_t needed_bytes = 0;   ///< that no plan could do without
  std::uint64_t moved_bytes = 0;
  std::uint64_t moved_volumes = 0;
  std::string reason;  ///< for people; empty if none has run since this master started
  copy_progress progress;
};

/// What is still on a node that shall be left alone.
struct node_progress {
  std::string_view state;          ///< see standing_of()
  std::uint64_t volumes_left = 0;  ///< it is a member of, or holds a replica of
  std::uint64_t bytes_left = 0;
  std::uint64_t volumes_stuck = 0;  ///< that no other node can take now
  std::string waiting;  ///< what holds up a node that leaves, for people; empty if nothing does
};

/// One replica of a volume, for reports.
struct replica_status {
  node_id node;
  bool member = false;
  std::string_view standing;  ///< "complete", or why it does not count
  replica_report report;      ///< generation 0 if there is none
};

struct volume_report {
  volume_condition condition = volume_condition::opening;
  std::uint32_t complete = 0;
  std::size_t grants = 0;
  std::vector<replica_status> replicas;
};

}  // namespace ssdfs::cluster
