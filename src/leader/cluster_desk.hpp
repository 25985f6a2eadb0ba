// Lets the edits log have what the cluster's side decides.
#pragma once

#include "base/result.hpp"
#include "cluster/controller.hpp"
#include "leader/edits.hpp"
#include "leader/live_lists.hpp"
#include "meta/state.hpp"

#include <functional>
#include <vector>

namespace ssdfs::leader {

/// The controller decides from what datanodes report; the state decides whether that is right by
/// now. This machine stands between them: it makes the record of each request, logs it, and tells
/// the controller what became of it.
///
/// Invariant: after settle() no request of the controller is unanswered.
/// Concurrency: the strand of the namespace; nothing blocks. All parts outlive the machine.
class cluster_desk {
 public:
  /// Called for each request with its record, or why the state or the log refused it: for people
  /// and for tests, who may not ask the machine for anything meanwhile.
  using observer =
      std::function<void(const cluster::log_request& request, const result<meta::record>& change)>;

  cluster_desk(const meta::state& state, cluster::controller& nodes, edits& log, live_lists& lists)
      : state_(state), nodes_(nodes), log_(log), lists_(lists) {}

  /// Logs what the controller asks for, and what it asks for because of that, until it asks for
  /// nothing more. True if it asked for anything.
  bool settle(cluster::time_ms now, const observer& seen);

 private:
  void log_one(const cluster::log_request& request, cluster::time_ms now, const observer& seen);
  [[nodiscard]] result<meta::record> record_for(const cluster::log_request& request,
                                                cluster::time_ms now);
  [[nodiscard]] result<meta::record> record_of_lost(const cluster::log_request& request,
                                                    cluster::time_ms now);

  const meta::state& state_;
  cluster::controller& nodes_;
  edits& log_;
  live_lists& lists_;
};

}  // namespace ssdfs::leader
