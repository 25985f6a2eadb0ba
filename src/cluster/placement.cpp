#include "cluster/placement.hpp"

#include <algorithm>

namespace ssdfs::cluster {

namespace {

/// Lower is better: the used share counts most, a crowd of open volumes pushes a node back (so that
/// an empty node takes more than its part, but not everything), and a little chance spreads equals.
double cost(const placement_candidate& node, double mean_open, random_source& random) {
  const double share = node.capacity_bytes == 0 ? 1.0
                                                : static_cast<double>(node.used_bytes) /
                                                      static_cast<double>(node.capacity_bytes);
  const double crowd = static_cast<double>(node.open_volumes) / (mean_open + 1.0);
  std::uniform_real_distribution<double> chance(0.0, 0.05);
  return share + 0.5 * crowd + chance(random);
}

}  // namespace

std::vector<node_id> choose_members(std::span<const placement_candidate> candidates,
                                    const placement_wish& wish, random_source& random) {
  struct rated {
    const placement_candidate* node;
    double cost;
  };
  double open = 0;
  for (const placement_candidate& node : candidates) open += node.open_volumes;
  const double mean_open = candidates.empty() ? 0 : open / static_cast<double>(candidates.size());

  std::vector<rated> fitting;
  for (const placement_candidate& node : candidates) {
    if (node.free_bytes < wish.min_free_bytes || contains(wish.exclude, node.node)) continue;
    fitting.push_back({&node, cost(node, mean_open, random)});
  }
  const bool any = wish.needed == node_id{};
  std::sort(fitting.begin(), fitting.end(), [&](const rated& a, const rated& b) {
    const bool first = !any && a.node->node == wish.needed;
    const bool second = !any && b.node->node == wish.needed;
    return first != second ? first : a.cost < b.cost;
  });
  if (!any && (fitting.empty() || fitting.front().node->node != wish.needed)) return {};

  std::vector<node_id> chosen;
  std::vector<std::string> racks = wish.used_racks;
  std::vector<std::string> hosts = wish.used_hosts;
  const auto is_new = [](const std::vector<std::string>& used, const std::string& name) {
    return std::find(used.begin(), used.end(), name) == used.end();
  };
  // New racks only, then new machines (several nodes of one die together), then whoever is left.
  enum class pass { racks, hosts, all };
  for (const pass which : {pass::racks, pass::hosts, pass::all}) {
    for (const rated& r : fitting) {
      if (chosen.size() >= wish.replicas) break;
      if (contains(chosen, r.node->node)) continue;
      if (which == pass::racks && !is_new(racks, r.node->rack)) continue;
      const bool known = !r.node->host.empty();
      if (which == pass::hosts && known && !is_new(hosts, r.node->host)) continue;
      chosen.push_back(r.node->node);
      racks.push_back(r.node->rack);
      if (known) hosts.push_back(r.node->host);
    }
  }
  if (chosen.size() < std::max<std::size_t>(wish.min_replicas, 1)) return {};
  // The first of a chain carries the clients' connections: nobody shall always be first.
  std::shuffle(chosen.begin(), chosen.end(), random);
  return chosen;
}

}  // namespace ssdfs::cluster
