// What an operator may set of the controller, and the history that its log begins with.
#pragma once

#include "base/orders.hpp"
#include "cluster/registry.hpp"
#include "cluster/volume_life.hpp"

#include <cstdint>
#include <vector>

namespace ssdfs::cluster {

struct controller_settings {
  registry_settings nodes;
  life_settings life;
  cluster_settings announced;    ///< what datanodes are told
  std::uint8_t replication = 2;  ///< default class of new volumes
  std::uint8_t min_replication = 1;
  std::int64_t safemode_max_ms = 2'400'000;
  std::uint32_t ready_per_node = 4;       ///< open replicas kept on each node ahead of demand
  std::int64_t degraded_wait_ms = 2'000;  ///< wait for more nodes before making a narrow volume
  std::int64_t order_resend_ms = 5'000;   ///< an order without a result is given again
  std::uint32_t compactions_per_node = 1;
  std::uint32_t copies_per_node = 2;  ///< streams in or out of a node
  /// Bytes per second and node for moves of a rebalance; each stream gets an equal part, as it does
  /// of announced.repair_rate.
  std::uint64_t rebalance_rate = 100ULL << 20;
  std::uint64_t random_seed = 0;
  std::vector<reign> history;  ///< START records of the log, the last is this master's
};

}  // namespace ssdfs::cluster
