#include "cluster/rebalance.hpp"

#include "cluster/placement.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

namespace ssdfs::cluster {

namespace {

class planner {
 public:
  explicit planner(const balance_input& input) : input_(input) {
    double used = 0;
    double capacity = 0;
    for (const balance_node& node : input.nodes) {
      used += static_cast<double>(node.used_bytes);
      capacity += static_cast<double>(node.capacity_bytes);
    }
    mean_ = capacity > 0 ? used / capacity : 0;
    for (const balance_node& node : input.nodes) {
      if (node.capacity_bytes == 0) continue;
      index_.emplace(node.node, places_.size());
      places_.push_back(
          {&node, static_cast<double>(node.used_bytes), static_cast<double>(node.free_bytes), {}});
    }
    for (const balance_volume& volume : input.volumes) {
      volumes_.push_back({&volume, volume.members, false});
      for (const node_id member : volume.members) {
        const auto at = index_.find(member);
        if (at != index_.end()) places_[at->second].holds.push_back(volumes_.size() - 1);
      }
    }
  }

  balance_plan run() {
    begin();
    for (;;) {
      if (within()) {
        plan_.within = true;
        plan_.reason = plan_.moves.empty() ? "every node is within the threshold already"
                                           : "every node will be within the threshold";
        break;
      }
      if (plan_.moves.size() >= input_.max_moves) {
        plan_.cut = true;
        plan_.reason = "the plan goes on after these moves";
        break;
      }
      if (!next_move()) {
        plan_.reason = "no single move brings a node nearer to the mean share";
        break;
      }
    }
    for (std::size_t i = 0; i < places_.size(); ++i) {
      plan_.shares[i].after = share(places_[i]);
    }
    return std::move(plan_);
  }

 private:
  struct place {
    const balance_node* node;
    double used;
    double free;
    std::vector<std::size_t> holds;
  };
  struct item {
    const balance_volume* volume;
    std::vector<node_id> members;
    bool moved;  // a volume moves once: what it would take to move it again was saved before
  };

  [[nodiscard]] static double capacity(const place& p) {
    return static_cast<double>(p.node->capacity_bytes);
  }
  [[nodiscard]] static double share(const place& p) { return p.used / capacity(p); }
  [[nodiscard]] double above(const place& p, double used) const {
    return std::max(0.0, used - mean_ * (1 + input_.threshold) * capacity(p));
  }
  [[nodiscard]] double below(const place& p, double used) const {
    return std::max(0.0, mean_ * (1 - input_.threshold) * capacity(p) - used);
  }
  /// Bytes by which the node is out of the band.
  [[nodiscard]] double distance(const place& p, double used) const {
    return above(p, used) + below(p, used);
  }
  [[nodiscard]] bool within() const {
    // Half a byte is a rounding error of the sums.
    return std::all_of(places_.begin(), places_.end(),
                       [&](const place& p) { return distance(p, p.used) < 0.5; });
  }

  void begin() {
    plan_.mean_share = mean_;
    double over = 0;
    double under = 0;
    for (const place& p : places_) {
      over += above(p, p.used);
      under += below(p, p.used);
      plan_.shares.push_back({p.node->node, share(p), share(p)});
    }
    plan_.needed_bytes = static_cast<std::uint64_t>(std::max(over, under));
  }

  /// The rack of `to` may be that of another member only if the one that gives is in it, too.
  [[nodiscard]] bool racks_allow(const item& it, const place& from, const place& to) const {
    if (from.node->rack == to.node->rack) return true;
    return std::none_of(it.members.begin(), it.members.end(), [&](node_id member) {
      const auto at = index_.find(member);
      return member != from.node->node && at != index_.end() &&
             places_[at->second].node->rack == to.node->rack;
    });
  }

  struct choice {
    std::size_t volume;
    double worth;  // of the distance that goes, a byte moved
  };
  /// The best volume to go from one node to another; nothing if none improves anything.
  [[nodiscard]] std::optional<choice> best_volume(const place& from, const place& to) const {
    std::optional<choice> best;
    std::tuple<double, bool, std::uint64_t> best_rank;
    const double before = distance(from, from.used) + distance(to, to.used);
    for (const std::size_t i : from.holds) {
      const item& it = volumes_[i];
      const auto bytes = static_cast<double>(it.volume->bytes);
      if (it.moved || it.volume->bytes == 0 || bytes > to.free) continue;
      const double after = distance(from, from.used - bytes) + distance(to, to.used + bytes);
      const double worth = (before - after) / bytes;
      if (worth <= 1e-9) continue;
      const std::tuple rank(worth, it.volume->closed, it.volume->bytes);
      if (best && rank <= best_rank) continue;
      if (contains(it.members, to.node->node) || contains(it.volume->avoid, to.node->node)) {
        continue;
      }
      if (!racks_allow(it, from, to)) continue;
      best = choice{i, worth};
      best_rank = rank;
    }
    return best;
  }

  /// Nodes with the fullest first, or the emptiest.
  [[nodiscard]] std::vector<std::size_t> by_share(bool fullest_first) const {
    std::vector<std::size_t> order(places_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const double left = share(places_[a]);
      const double right = share(places_[b]);
      return fullest_first ? left > right : left < right;
    });
    return order;
  }

  /// One move for the side that has more to do: from the fullest nodes, or to the emptiest.
  bool next_move() {
    double over = 0;
    double under = 0;
    for (const place& p : places_) {
      over += above(p, p.used);
      under += below(p, p.used);
    }
    return drive(over > under) || drive(over <= under);
  }

  bool drive(bool givers) {
    const std::vector<std::size_t> needy = by_share(givers);
    const std::vector<std::size_t> partners = by_share(!givers);
    for (const std::size_t i : needy) {
      const bool in_need =
          givers ? above(places_[i], places_[i].used) > 0 : below(places_[i], places_[i].used) > 0;
      if (!in_need) break;
      std::optional<choice> best;
      std::size_t partner = 0;
      for (const std::size_t other : partners) {
        // Only over the mean: who is nearer than this is better left alone.
        const bool fits = givers ? share(places_[other]) < mean_ : share(places_[other]) > mean_;
        if (!fits) break;
        const auto found = givers ? best_volume(places_[i], places_[other])
                                  : best_volume(places_[other], places_[i]);
        if (!found || (best && found->worth <= best->worth)) continue;
        best = found;
        partner = other;
        // Nobody is better than the first who needs it as much.
        if (best->worth > 2 - 1e-9) break;
      }
      if (!best) continue;
      move(best->volume, givers ? i : partner, givers ? partner : i);
      return true;
    }
    return false;
  }

  void move(std::size_t volume, std::size_t from, std::size_t to) {
    item& it = volumes_[volume];
    place& source = places_[from];
    place& target = places_[to];
    const auto bytes = static_cast<double>(it.volume->bytes);
    source.used -= bytes;
    target.used += bytes;
    target.free -= bytes;
    it.moved = true;
    std::replace(it.members.begin(), it.members.end(), source.node->node, target.node->node);
    std::erase(source.holds, volume);
    plan_.moves.push_back(
        {it.volume->id, source.node->node, target.node->node, it.volume->bytes, it.volume->closed});
    plan_.bytes += it.volume->bytes;
  }

  const balance_input& input_;
  double mean_ = 0;
  std::vector<place> places_;
  std::map<node_id, std::size_t> index_;
  std::vector<item> volumes_;
  balance_plan plan_;
};

}  // namespace

balance_plan plan_rebalance(const balance_input& input) { return planner(input).run(); }

}  // namespace ssdfs::cluster
