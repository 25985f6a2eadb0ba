// The node's chunks as its HTTP gateway reads them.
#pragma once

#include "datanode/cluster_link.hpp"
#include "datanode/hosted_volume.hpp"
#include "datanode/write_task.hpp"
#include "http/local_chunks.hpp"
#include "io/disk_pool.hpp"

#include <memory>

namespace ssdfs::datanode {

/// Thread-safe, never blocks. Reads that need the disk run in the disk pool and count as in flight.
class http_chunks final : public http::local_chunks {
 public:
  /// All of it outlives this and every chunk found.
  struct surroundings {
    io::disk_pool& disk;
    const volume_table& volumes;
    cluster_link& link;
    in_flight& flying;
  };
  explicit http_chunks(const surroundings& around) : around_(around) {}

  [[nodiscard]] std::unique_ptr<http::local_chunk> find(const chunk_location& which) override;

 private:
  const surroundings around_;
};

}  // namespace ssdfs::datanode
