// A datanode's metrics.
#pragma once

#include "datanode/disk_balancer.hpp"
#include "datanode/reconcile_order.hpp"
#include "datanode/scrubber.hpp"
#include "datanode/ticket_checker.hpp"
#include "http/metrics_text.hpp"
#include "volume/volume_set.hpp"

#include <cstddef>

namespace ssdfs::datanode {

/// Figures of parts that the volume set does not know.
struct node_load {
  bool registered = false;
  std::size_t disk_queue = 0;        ///< appends and reads
  std::size_t background_queue = 0;  ///< orders
  std::size_t write_bytes = 0;       ///< bytes of writes under way
  scrub_state scrub;
  const reconcile_totals* reconciled = nullptr;
  disk_moves moved;
  bool removals_wait = false;  ///< for a witness that cannot be stored
  ticket_checker::refusal_counts refused;
};

/// Families "ssdfs_datanode_...": disks, volumes, queues. Does not block.
void write_metrics(http::metrics_text& to, const volume::volume_set& set, const node_load& load);

}  // namespace ssdfs::datanode
