// Requests of operators about nodes that come and go: decommission, maintenance, rebalance, and how
// far the copies are.
#include "base/log.hpp"
#include "base/units.hpp"
#include "master/mutate.hpp"

#include <algorithm>

namespace ssdfs::master {
namespace {

constexpr std::size_t moves_shown_max = 1'000;
constexpr std::int64_t maintenance_max_ms = 30LL * 24 * 3600 * 1000;

wire::copy_status to_wire(const cluster::copy_progress& p) {
  return {p.volumes_running, p.volumes_waiting, p.bytes_left,
          p.bytes_done,      p.bytes_per_s,     p.time_left_ms};
}

wire::rebalance_state to_wire(const cluster::rebalance_status& s) {
  wire::rebalance_state out;
  out.running = s.running;
  out.paused = s.paused;
  out.threshold_permille = static_cast<std::uint32_t>(s.threshold * 1000 + 0.5);
  out.planned_bytes = s.planned_bytes;
  out.needed_bytes = s.needed_bytes;
  out.moved_bytes = s.moved_bytes;
  out.moved_volumes = s.moved_volumes;
  out.reason = s.reason;
  out.progress = to_wire(s.progress);
  return out;
}

double share_of(std::uint32_t permille) { return static_cast<double>(permille) / 1000; }
std::uint32_t ppm(double share) { return static_cast<std::uint32_t>(share * 1e6 + 0.5); }

}  // namespace

wire::decided_node service::decided_node_of(const cluster::node_view& node) {
  const auto progress = core_.nodes().progress_of(node.node);
  wire::decided_node out;
  out.node = node.node;
  out.name = node.name;
  out.address = node.address;
  out.state = progress.state;
  out.volumes_left = progress.volumes_left;
  out.bytes_left = progress.bytes_left;
  out.volumes_stuck = progress.volumes_stuck;
  out.waiting = progress.waiting;
  const auto decided = core_.state().nodes().find(node.node);
  if (decided != core_.state().nodes().end() && decided->second.until_ms > 0) {
    out.maintenance_left_ms =
        std::max<std::int64_t>(1, decided->second.until_ms - core_.context().now_ms);
  }
  return out;
}

void service::admin_healing(net::request r, const wire::admin_healing_request&) {
  const auto& nodes = core_.nodes();
  wire::admin_healing_reply reply;
  reply.epoch = core_.state().epoch();
  reply.repairs = to_wire(nodes.repairs());
  reply.decommissions = to_wire(nodes.decommissions());
  reply.rebalance = rebalance_state();
  reply.relocations_left = relocator_.left();
  reply.relocations_known = relocator_.walked();
  for (const auto& [id, node] : nodes.nodes().nodes()) {
    if (node.wish != cluster::node_wish::normal) reply.nodes.push_back(decided_node_of(node));
  }
  r.reply(reply);
}

/// By name, by address, or by the beginning of the uuid; it must be one node only.
result<node_id> service::find_node(std::string_view text) const {
  std::vector<node_id> found;
  const auto& nodes = core_.nodes().nodes().nodes();
  for (const auto& [id, node] : nodes) {
    if (node.name == text || node.address == text) found.push_back(id);
  }
  if (found.empty() && text.size() >= 4) {
    for (const auto& [id, node] : nodes) {
      if (to_string(id).starts_with(text)) found.push_back(id);
    }
  }
  if (found.size() == 1) return found.front();
  const std::string name(text);
  if (found.empty()) return failure(errc::not_found, "no datanode is called " + name);
  return failure(errc::invalid_argument,
                 name + " may be any of " + std::to_string(found.size()) + " datanodes");
}

void service::admin_node(net::request r, const wire::admin_node_request& q) {
  const auto node = find_node(q.node);
  if (!node) return r.fail(node.error());
  if (q.action != "show") {
    if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
    meta::node_entry entry;
    if (q.action == "decommission") {
      entry.decision = meta::node_decision::decommission;
    } else if (q.action == "maintenance") {
      if (q.for_ms <= 0 || q.for_ms > maintenance_max_ms) {
        return r.fail(failure(errc::invalid_argument, "maintenance takes up to 30 days"));
      }
      entry.decision = meta::node_decision::maintenance;
      entry.until_ms = core_.context().now_ms + q.for_ms;
    } else if (q.action != "recommission") {
      return r.fail(failure(errc::invalid_argument, "an unknown action on a node"));
    }
    if (auto decided = decisions_.decide_node(*node, entry, core::steady_now_ms()); !decided) {
      return r.fail(decided.error());
    }
    SSDFS_LOG(info) << "datanode " << core_.nodes().nodes().find(*node)->name << " ("
                    << to_string(*node) << "): " << q.action << " by an operator";
    settle();
  }
  answer_read(std::move(r),
              wire::admin_node_reply{decided_node_of(*core_.nodes().nodes().find(*node))});
}

void service::end_maintenance() {
  for (const node_id id : decisions_.end_maintenance(core::steady_now_ms())) {
    SSDFS_LOG(info) << "datanode " << to_string(id) << ": maintenance is over";
  }
}

/// What the log says of a rebalance that this master knows nothing more about.
wire::rebalance_state service::rebalance_state() const {
  wire::rebalance_state out = to_wire(core_.nodes().rebalance());
  const meta::rebalance_entry& logged = core_.state().rebalance();
  if (out.running) return out;
  if (logged.phase != meta::rebalance_phase::none) {
    out.threshold_permille = logged.threshold_permille;
  }
  if (!out.reason.empty()) return out;
  switch (logged.phase) {
    case meta::rebalance_phase::done: out.reason = "done before this master started"; break;
    case meta::rebalance_phase::stopped: out.reason = "stopped by an operator"; break;
    default: out.reason = "none was ever asked for"; break;
  }
  return out;
}

result<void> service::decide_rebalance(std::string_view action, std::uint32_t threshold_permille) {
  using what = leader::rebalance_action;
  const what to = action == "start"    ? what::start
                  : action == "pause"  ? what::pause
                  : action == "resume" ? what::resume
                                       : what::stop;
  SSDFS_TRY(decisions_.decide_rebalance(to, threshold_permille, core::steady_now_ms()));
  SSDFS_LOG(info) << "rebalance: " << action << " by an operator";
  return {};
}

void service::admin_rebalance(net::request r, const wire::admin_rebalance_request& q) {
  if (q.threshold_permille == 0 || q.threshold_permille > 1000) {
    return r.fail(failure(errc::invalid_argument, "the threshold is 0.1 to 100 percent"));
  }
  auto& nodes = core_.nodes();
  wire::admin_rebalance_reply reply;
  reply.epoch = core_.state().epoch();
  if (q.action == "start" || q.action == "pause" || q.action == "resume" || q.action == "stop") {
    if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
    if (auto decided = decide_rebalance(q.action, q.threshold_permille); !decided) {
      return r.fail(decided.error());
    }
    settle();
  } else if (q.action == "plan") {
    const auto plan = nodes.plan_rebalance(share_of(q.threshold_permille));
    for (const auto& s : plan.shares) {
      reply.shares.push_back(
          {s.node, nodes.nodes().find(s.node)->name, ppm(s.before), ppm(s.after)});
    }
    for (const auto& m : plan.moves) {
      if (reply.moves.size() < moves_shown_max) {
        reply.moves.push_back({m.volume, m.from, m.to, m.bytes});
      }
    }
    reply.planned_moves = plan.moves.size();
    reply.planned_bytes = plan.bytes;
    reply.needed_bytes = plan.needed_bytes;
    reply.mean_share_ppm = ppm(plan.mean_share);
    reply.within = plan.within;
  } else if (q.action != "status") {
    return r.fail(failure(errc::invalid_argument, "an unknown action of rebalance"));
  }
  reply.state = rebalance_state();
  answer_read(std::move(r), std::move(reply));
}

void service::adopt_decisions() {
  decisions_.adopt(core::steady_now_ms());
  const meta::rebalance_entry& rebalance = core_.state().rebalance();
  if (!rebalance.active()) return;
  const bool paused = rebalance.phase == meta::rebalance_phase::paused;
  SSDFS_LOG(info) << "rebalance: " << (paused ? "is still paused" : "goes on");
}

void service::set_rates(std::uint64_t repair, std::uint64_t scrub, std::uint64_t rebalance) {
  enqueue(event(
      [this, repair, scrub, rebalance] { core_.nodes().set_rates(repair, scrub, rebalance); }));
}

}  // namespace ssdfs::master
