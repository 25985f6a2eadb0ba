// How fast copies of one purpose go on.
#pragma once

#include "cluster/time.hpp"

#include <cstdint>

namespace ssdfs::cluster {

/// Measures what copies of one purpose achieve: counters in, a smoothed rate out.
struct copy_meter {
  std::uint64_t finished_bytes = 0;
  std::uint64_t finished_volumes = 0;
  std::uint64_t sampled_bytes = 0;  ///< at the last sample, those under way included
  time_ms sampled_at = 0;
  double bytes_per_s = 0;
  /// `done` bytes by `now`; samples less than a second apart are left out.
  void sample(std::uint64_t done, time_ms now);
};

}  // namespace ssdfs::cluster
