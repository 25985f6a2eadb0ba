// Replacing bad records of a replica by what another replica has.
#pragma once

#include "base/result.hpp"
#include "net/channel.hpp"
#include "volume/volume.hpp"

#include <cstddef>
#include <functional>
#include <memory>

namespace ssdfs::datanode {

/// What a repair needs to find the other replicas.
struct repair_sources {
  net::channel_pool& peers;
  /// The connection to the master, which is asked where the volume is; null if there is none.
  std::function<std::shared_ptr<net::channel>()> master;
  node_id self;
};

struct repair_counts {
  std::size_t repaired = 0;
  std::size_t left = 0;  ///< still bad: no source has them, or none could be asked
};

/// Heals all records of `v` that are known to be bad: from their own content where only the header
/// is bad, else from other replicas, in any state of the volume. What comes is checked against the
/// index's size and CRC before it is stored; the bad record stays where it is until then.
/// `go_on` is called before each record that is asked of others; false leaves the rest as it is.
/// Blocks; a failure says why the rest was not tried.
result<repair_counts> repair_records(volume::volume& v, const repair_sources& from,
                                     std::uint64_t rate_bytes_per_s,
                                     const std::function<bool()>& go_on);

}  // namespace ssdfs::datanode
