// Reads: from the page cache on the network thread, else in the disk pool.
#pragma once

#include "datanode/cluster_link.hpp"
#include "datanode/hosted_volume.hpp"
#include "datanode/op_metrics.hpp"
#include "datanode/write_task.hpp"
#include "io/disk_pool.hpp"
#include "net/request.hpp"
#include "wire/chunk_messages.hpp"

#include <memory>

namespace ssdfs::datanode {

/// Answers with verified bytes or an error, never with others. Thread-safe, never blocks.
class read_path {
 public:
  struct surroundings {
    io::disk_pool& disk;
    const volume_table& volumes;
    op_metrics& metrics;
    cluster_link& link;
    in_flight& flying;
  };
  explicit read_path(const surroundings& around) : around_(around) {}

  void read_chunk(net::request r, const wire::read_chunk_request& m);
  void replica_chunks(net::request r, const wire::replica_chunks_request& m);

 private:
  struct pending_read;

  /// Fills `p` from the request: the volume, the place of the chunk, room for the bytes.
  result<void> prepare(pending_read& p, const wire::read_chunk_request& m);
  void finish(pending_read& p, const result<void>& outcome);

  const surroundings around_;
};

}  // namespace ssdfs::datanode
