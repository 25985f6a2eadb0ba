// What the dashboard and the metrics show of a master: a copy of its figures at one moment, taken
// on the namespace strand and read anywhere.
#pragma once

#include "base/ids.hpp"
#include "cluster/controller.hpp"
#include "meta/tree_types.hpp"
#include "wire/admin_messages.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs::master {

inline constexpr std::size_t condition_count =
    static_cast<std::size_t>(cluster::volume_condition::missing) + 1;

struct node_figures {
  node_id node;
  std::string name;
  std::string address;
  std::string http;
  std::string rack;
  std::string state;  ///< as in admin report
  bool connected = false;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t volumes = 0;
  std::int64_t silent_ms = 0;
  std::uint32_t failed_disks = 0;
  std::uint32_t disks = 0;
};

/// A closed volume that does not have all its copies, or whose copies differ.
struct repair_figures {
  volume_id volume;
  std::string condition;
  std::uint32_t complete = 0;
  std::uint32_t wanted = 0;
  std::uint64_t bytes = 0;        ///< of one copy
  std::uint64_t done_bytes = 0;   ///< of the copy that is furthest on; 0 if none is being made
  std::vector<std::string> onto;  ///< names of the nodes that make a copy
};

/// What the walk over all volumes has found. It goes on in small steps, so it is some seconds old
/// in a large cluster.
struct volume_figures {
  std::array<std::uint64_t, condition_count> by_condition{};
  std::vector<repair_figures> repairs;  ///< the first `most_repairs` of them
  std::uint64_t repairing = 0;          ///< all of them
  std::uint64_t live_bytes = 0;         ///< one copy of every chunk that is not reclaimed
  std::uint64_t chunks = 0;

  static constexpr std::size_t most_repairs = 50;
};

struct snapshot {
  std::int64_t taken_ms = 0;    ///< since 1970
  std::int64_t steady_ms = 0;   ///< the same moment by CLOCK_MONOTONIC
  std::int64_t started_ms = 0;  ///< of the master, since 1970
  cluster_id cluster;
  epoch_t epoch;
  txid last;
  txid durable;
  bool safe_mode = false;
  std::string safe_mode_reason;
  bool mass_silence = false;  ///< many nodes silent at once: no copies are made
  std::string not_ready;      ///< why the master changes nothing now; empty if it does
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t trash_files = 0;
  std::uint64_t trash_bytes = 0;
  std::uint64_t detached_entries = 0;  ///< deleted, and waiting to be taken apart
  std::uint64_t freed_chunks = 0;      ///< waiting for the delete grace
  std::uint64_t grants = 0;
  std::uint64_t backlog_bytes = 0;
  meta::tree_memory memory;
  std::uint64_t shared_access = 0;  ///< values in the tables of what entries share
  std::uint64_t shared_types = 0;
  cluster::cluster_counts counts;
  std::vector<node_figures> nodes;
  std::vector<wire::backup_status> backups;
  volume_figures volumes;
};

}  // namespace ssdfs::master
