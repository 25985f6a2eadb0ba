// What a writer asks the controller for, and its answer.
#pragma once

#include "base/ids.hpp"
#include "base/orders.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ssdfs::cluster {

/// What a writer asks for.
struct volume_wish {
  std::uint8_t replication = 0;  ///< 0: the default class
  std::uint64_t bytes = 0;       ///< room wanted
  std::span<const volume_id> exclude_volumes;
  std::span<const node_id> exclude_nodes;  ///< that failed for the caller
};

/// Where a writer may write, or why not.
struct volume_choice {
  enum class outcome : std::uint8_t {
    ready,         ///< the fields below are filled: append a GRANT for the volume
    wait,          ///< a volume is being opened: ask again when take_ready_changed() says so
    no_datanodes,  ///< fewer live nodes than min-replication (errc::no_datanodes)
    no_space,      ///< there are nodes, but all are full (errc::no_space)
  };
  outcome what = outcome::wait;
  volume_id volume;
  generation_t generation = 0;
  std::uint64_t room = 0;  ///< bytes that may be granted; at least life.min_grant_bytes
  std::vector<replica_address> replicas;  ///< chain order
  std::string why;                        ///< no_datanodes, no_space: with the numbers, for people
};

}  // namespace ssdfs::cluster
