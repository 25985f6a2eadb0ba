// What operators decide about datanodes and rebalances: logged, and told to the cluster's side.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "cluster/controller.hpp"
#include "leader/edits.hpp"
#include "meta/state.hpp"

#include <cstdint>
#include <vector>

namespace ssdfs::leader {

enum class rebalance_action : std::uint8_t { start, pause, resume, stop };

/// Invariant: the controller follows a decision that the log has, and none that it has not. After
/// a start adopt() tells it those of earlier leaders.
/// Concurrency: the strand of the namespace; nothing blocks. All parts outlive the machine.
class decisions {
 public:
  decisions(const meta::state& state, cluster::controller& nodes, edits& log)
      : state_(state), nodes_(nodes), log_(log) {}

  /// Tells the controller what the log says. Once, before anything below.
  void adopt(cluster::time_ms now);

  /// A datanode is decommissioned, rests, or is as all others again. Errors as meta::make_node and
  /// the log's.
  [[nodiscard]] result<void> decide_node(node_id node, meta::node_entry entry,
                                         cluster::time_ms now);
  /// Maintenance whose time is over by the log's clock ends with a record of its own. The nodes
  /// whose it was; those for which the log has no room come with the next call.
  [[nodiscard]] std::vector<node_id> end_maintenance(cluster::time_ms now);

  /// Begins a rebalance with a threshold of 1 to 1,000 permille, also in place of one that runs;
  /// the other actions keep the threshold and are errc::precondition if none runs.
  [[nodiscard]] result<void> decide_rebalance(rebalance_action action,
                                              std::uint32_t threshold_permille,
                                              cluster::time_ms now);
  /// Logs that the rebalance is done, if it is and the log does not say so yet. True if it did.
  [[nodiscard]] bool end_rebalance();

 private:
  const meta::state& state_;
  cluster::controller& nodes_;
  edits& log_;
  bool adopted_ = false;  // before that the controller knows of no rebalance
};

}  // namespace ssdfs::leader
