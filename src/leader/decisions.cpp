#include "leader/decisions.hpp"

namespace ssdfs::leader {
namespace {

cluster::node_wish wish_of(meta::node_decision decision) {
  switch (decision) {
    case meta::node_decision::normal: return cluster::node_wish::normal;
    case meta::node_decision::decommission: return cluster::node_wish::leaving;
    case meta::node_decision::maintenance: return cluster::node_wish::maintenance;
  }
  return cluster::node_wish::normal;
}

double share_of_permille(std::uint32_t permille) { return static_cast<double>(permille) / 1000; }

}  // namespace

void decisions::adopt(cluster::time_ms now) {
  adopted_ = true;
  for (const auto& [id, entry] : state_.nodes()) {
    nodes_.decide_node(id, wish_of(entry.decision), now);
  }
  const meta::rebalance_entry& logged = state_.rebalance();
  if (!logged.active()) return;
  nodes_.start_rebalance(share_of_permille(logged.threshold_permille),
                         logged.phase == meta::rebalance_phase::paused, now);
}

result<void> decisions::decide_node(node_id node, meta::node_entry entry, cluster::time_ms now) {
  auto change = meta::make_node(state_, node, entry, log_.context());
  if (!change) return change.error();
  SSDFS_TRY(log_.log(*change));
  nodes_.decide_node(node, wish_of(entry.decision), now);
  return {};
}

std::vector<node_id> decisions::end_maintenance(cluster::time_ms now) {
  std::vector<node_id> over;
  const std::int64_t log_now_ms = log_.context().now_ms;
  for (const auto& [id, entry] : state_.nodes()) {
    if (entry.decision == meta::node_decision::maintenance && entry.until_ms <= log_now_ms) {
      over.push_back(id);
    }
  }
  std::size_t ended = 0;
  while (ended < over.size() && decide_node(over[ended], {}, now)) ++ended;
  over.resize(ended);
  return over;
}

result<void> decisions::decide_rebalance(rebalance_action action, std::uint32_t threshold_permille,
                                         cluster::time_ms now) {
  using phase = meta::rebalance_phase;
  meta::rebalance_entry next = state_.rebalance();
  if (action == rebalance_action::start) {
    next = {phase::running, threshold_permille};
  } else {
    // One that is done, which is not logged yet, cannot go on.
    if (!nodes_.rebalancing()) return failure(errc::precondition, "no rebalance is running");
    next.phase = action == rebalance_action::pause    ? phase::paused
                 : action == rebalance_action::resume ? phase::running
                                                      : phase::stopped;
  }
  if (next != state_.rebalance()) {
    auto change = meta::make_rebalance(state_, next, log_.context());
    if (!change) return change.error();
    SSDFS_TRY(log_.log(*change));
  }
  switch (action) {
    case rebalance_action::start:
      nodes_.start_rebalance(share_of_permille(threshold_permille), false, now);
      break;
    case rebalance_action::stop: nodes_.stop_rebalance(now); break;
    case rebalance_action::pause: return nodes_.pause_rebalance(true, now);
    case rebalance_action::resume: return nodes_.pause_rebalance(false, now);
  }
  return {};
}

bool decisions::end_rebalance() {
  const meta::rebalance_entry& logged = state_.rebalance();
  if (logged.phase != meta::rebalance_phase::running || nodes_.rebalancing()) return false;
  if (!adopted_ || !log_.may_change()) return false;
  auto change = meta::make_rebalance(
      state_, {meta::rebalance_phase::done, logged.threshold_permille}, log_.context());
  return change && log_.log(*change);  // else the next turn does it
}

}  // namespace ssdfs::leader
