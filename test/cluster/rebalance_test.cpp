#include "cluster/rebalance.hpp"

#include "cluster/fixtures.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

namespace ssdfs::cluster::test {
namespace {

constexpr std::uint64_t capacity = 1'000'000;

/// Puts volumes of two copies on the nodes in turn until each has about `used`.
struct cluster_model {
  void add_node(std::uint8_t number, const std::string& rack = "/default") {
    input.nodes.push_back({node(number), rack, capacity, 0, capacity});
  }
  balance_node& at(node_id id) {
    return *std::find_if(input.nodes.begin(), input.nodes.end(),
                         [&](const balance_node& n) { return n.node == id; });
  }
  void add_volume(std::uint64_t bytes, std::vector<node_id> members, bool closed = true) {
    for (const node_id member : members) {
      at(member).used_bytes += bytes;
      at(member).free_bytes -= bytes;
    }
    input.volumes.push_back(
        {volume(input.volumes.size() + 1), bytes, closed, std::move(members), {}});
  }
  /// Does the plan, checking each move; the shares afterwards.
  std::map<node_id, double> carry_out(const balance_plan& plan) {
    for (const planned_move& m : plan.moves) {
      auto& v = *std::find_if(input.volumes.begin(), input.volumes.end(),
                              [&](const balance_volume& one) { return one.id == m.volume; });
      const auto from = std::find(v.members.begin(), v.members.end(), m.from);
      BOOST_TEST_REQUIRE((from != v.members.end()));
      BOOST_TEST_REQUIRE((std::find(v.members.begin(), v.members.end(), m.to) == v.members.end()));
      BOOST_TEST_REQUIRE(m.bytes == v.bytes);
      BOOST_TEST_REQUIRE(at(m.to).free_bytes >= v.bytes);
      *from = m.to;
      at(m.from).used_bytes -= v.bytes;
      at(m.from).free_bytes += v.bytes;
      at(m.to).used_bytes += v.bytes;
      at(m.to).free_bytes -= v.bytes;
    }
    std::map<node_id, double> shares;
    for (const balance_node& n : input.nodes) {
      shares[n.node] = static_cast<double>(n.used_bytes) / capacity;
    }
    return shares;
  }
  balance_input input;
};

/// Four nodes at 60 percent, two empty ones.
cluster_model four_and_two(std::uint64_t volume_bytes) {
  cluster_model m;
  for (std::uint8_t i = 1; i <= 6; ++i) m.add_node(i);
  for (std::uint8_t pair = 0; m.at(node(4)).used_bytes < capacity * 6 / 10; ++pair) {
    const auto first = static_cast<std::uint8_t>(pair % 4 + 1);
    const auto second = static_cast<std::uint8_t>((pair + 1 + pair / 4 % 3) % 4 + 1);
    if (first != second) m.add_volume(volume_bytes, {node(first), node(second)});
  }
  return m;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rebalance)

BOOST_AUTO_TEST_CASE(two_empty_nodes_get_their_part_with_few_bytes) {
  cluster_model m = four_and_two(10'000);
  m.input.threshold = 0.1;
  const balance_plan plan = plan_rebalance(m.input);
  BOOST_TEST(plan.within);
  BOOST_TEST(!plan.cut);
  BOOST_TEST(plan.bytes <= plan.needed_bytes * 11 / 10);
  for (const auto& [id, share] : m.carry_out(plan)) {
    BOOST_TEST(share >= plan.mean_share * 0.9 - 1e-9);
    BOOST_TEST(share <= plan.mean_share * 1.1 + 1e-9);
  }
  // Then there is nothing left to do.
  const balance_plan again = plan_rebalance(m.input);
  BOOST_TEST(again.moves.empty());
  BOOST_TEST(again.within);
}

BOOST_AUTO_TEST_CASE(a_balanced_cluster_is_left_alone) {
  cluster_model m;
  for (std::uint8_t i = 1; i <= 3; ++i) m.add_node(i);
  m.add_volume(50'000, {node(1), node(2)});
  m.add_volume(50'000, {node(2), node(3)});
  m.add_volume(50'000, {node(3), node(1)});
  const balance_plan plan = plan_rebalance(m.input);
  BOOST_TEST(plan.moves.empty());
  BOOST_TEST(plan.within);
  BOOST_TEST(plan.needed_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(it_ends_where_volumes_are_too_large) {
  cluster_model m;
  m.add_node(1);
  m.add_node(2);
  m.add_node(3);
  m.add_volume(400'000, {node(1), node(2)});
  const balance_plan plan = plan_rebalance(m.input);
  BOOST_TEST(!plan.within);
  BOOST_TEST(!plan.reason.empty());
  // Whatever it moved, it did not make it worse.
  for (const balance_share& s : plan.shares) BOOST_TEST(s.after <= 0.4 + 1e-9);
}

BOOST_AUTO_TEST_CASE(copies_stay_in_different_racks) {
  cluster_model m;
  m.add_node(1, "/a");
  m.add_node(2, "/b");
  m.add_node(3, "/b");
  for (int i = 0; i < 20; ++i) m.add_volume(10'000, {node(1), node(2)});
  const balance_plan plan = plan_rebalance(m.input);
  BOOST_TEST(!plan.moves.empty());
  for (const planned_move& move : plan.moves) {
    // To the third only from its own rack: from the first would put both copies into /b.
    BOOST_TEST((move.from == node(2)));
    BOOST_TEST((move.to == node(3)));
  }
}

BOOST_AUTO_TEST_CASE(closed_volumes_go_before_open_ones) {
  cluster_model m;
  for (std::uint8_t i = 1; i <= 3; ++i) m.add_node(i);
  for (int i = 0; i < 10; ++i) m.add_volume(10'000, {node(1), node(2)}, i % 2 == 0);
  const balance_plan plan = plan_rebalance(m.input);
  BOOST_TEST_REQUIRE(plan.moves.size() >= 4U);
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(plan.moves[i].closed);
}

BOOST_AUTO_TEST_CASE(an_avoided_node_gets_nothing_and_a_full_one_neither) {
  cluster_model m;
  for (std::uint8_t i = 1; i <= 4; ++i) m.add_node(i);
  for (int i = 0; i < 10; ++i) m.add_volume(10'000, {node(1), node(2)});
  for (balance_volume& v : m.input.volumes) v.avoid = {node(3)};
  m.at(node(4)).free_bytes = 25'000;
  const balance_plan plan = plan_rebalance(m.input);
  BOOST_TEST(plan.moves.size() == 2U);
  for (const planned_move& move : plan.moves) BOOST_TEST((move.to == node(4)));
}

BOOST_AUTO_TEST_CASE(the_plan_is_cut_where_asked) {
  cluster_model m = four_and_two(10'000);
  m.input.max_moves = 3;
  const balance_plan plan = plan_rebalance(m.input);
  BOOST_TEST(plan.moves.size() == 3U);
  BOOST_TEST(plan.cut);
  BOOST_TEST(!plan.within);
}

/// Any cluster: moves are possible, shares tell the truth, nobody gets farther from the band, each
/// volume moves once, and equal inputs give equal plans.
BOOST_AUTO_TEST_CASE(random_clusters_keep_the_rules) {
  std::mt19937_64 random(7);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    cluster_model m;
    const auto nodes = static_cast<std::uint8_t>(2 + pick(9));
    for (std::uint8_t i = 1; i <= nodes; ++i) m.add_node(i, "/r" + std::to_string(pick(3)));
    const auto crowd = static_cast<std::uint8_t>(1 + pick(nodes));
    for (std::uint64_t i = pick(80); i > 0; --i) {
      std::set<std::uint8_t> members;
      const std::size_t copies = 1 + pick(std::min<std::uint64_t>(3, crowd));
      while (members.size() < copies) members.insert(static_cast<std::uint8_t>(1 + pick(crowd)));
      std::vector<node_id> list;
      for (const std::uint8_t member : members) list.push_back(node(member));
      m.add_volume(pick(12'000), list, pick(4) != 0);
    }
    m.input.threshold = 0.02 + static_cast<double>(pick(30)) / 100;
    const balance_plan plan = plan_rebalance(m.input);
    BOOST_TEST_REQUIRE((plan.moves == plan_rebalance(m.input).moves));
    const double low = plan.mean_share * (1 - m.input.threshold);
    const double high = plan.mean_share * (1 + m.input.threshold);
    std::set<volume_id> moved;
    for (const planned_move& move : plan.moves)
      BOOST_TEST_REQUIRE(moved.insert(move.volume).second);
    const auto shares = m.carry_out(plan);
    double before = 0;
    double after = 0;
    for (const balance_share& s : plan.shares) {
      BOOST_TEST_REQUIRE(std::abs(shares.at(s.node) - s.after) < 1e-9);
      before += std::max(0.0, s.before - high) + std::max(0.0, low - s.before);
      after += std::max(0.0, s.after - high) + std::max(0.0, low - s.after);
    }
    BOOST_TEST_REQUIRE(after <= before + 1e-9);
    BOOST_TEST_REQUIRE(plan.within == (after < 1e-6));
    if (plan.within) BOOST_TEST_REQUIRE(plan.bytes + nodes * 12'000ULL >= plan.needed_bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
