// Makes a replica hold exactly the chunks that the namespace knows.
#pragma once

#include "base/result.hpp"
#include "datanode/order_job.hpp"
#include "net/channel.hpp"
#include "volume/volume.hpp"

#include <atomic>
#include <cstdint>

namespace ssdfs::datanode {

/// What reconciling has found since the start. Thread-safe.
struct reconcile_totals {
  std::atomic<std::uint64_t> replicas{0};  ///< compared with the namespace
  std::atomic<std::uint64_t> orphans{0};   ///< chunks set aside
  std::atomic<std::uint64_t> revived{0};   ///< chunks that were set aside and are live after all
  std::atomic<std::uint64_t> fetched{0};   ///< missing or bad chunks, from another replica
};

/// Asks the master for the live chunks of a closed volume, sets orphans aside, revives those that
/// are listed, fetches what is missing or bad from the order's sources, and adopts the generation
/// and removal number of the list. errc::unavailable if something missing could not be had: the
/// rest is done all the same, and the replica stays incomplete by its digest. If all sources have
/// answered, what nobody has is in job.absent; lost chunks that are here, good, stay and are in
/// job.found. Chunks that can never be live are discarded, others that are not listed set aside.
///
/// Blocks. Harmless when repeated or given up at any point.
result<void> reconcile_volume(volume::volume& v, net::channel& master, net::channel_pool& peers,
                              order_job& job, reconcile_totals& totals);

}  // namespace ssdfs::datanode
