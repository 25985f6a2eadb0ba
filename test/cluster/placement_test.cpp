#include "cluster/placement.hpp"

#include "cluster/fixtures.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>

namespace ssdfs::cluster::test {
namespace {

std::vector<placement_candidate> nodes_of(int count, int racks) {
  std::vector<placement_candidate> list;
  for (int i = 0; i < count; ++i) {
    list.push_back({.node = node(static_cast<std::uint8_t>(i + 1)),
                    .rack = "/r" + std::to_string(i % racks),
                    .capacity_bytes = 1'000,
                    .used_bytes = 0,
                    .free_bytes = 1'000});
  }
  return list;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(placement)

BOOST_AUTO_TEST_CASE(members_are_distinct_nodes_in_distinct_racks) {
  random_source random(1);
  for (int round = 0; round < 500; ++round) {
    const int count = 1 + round % 9;
    const int racks = 1 + round % 4;
    auto list = nodes_of(count, racks);
    for (auto& c : list) c.used_bytes = random() % 1'000;
    const std::uint32_t wanted = 1 + static_cast<std::uint32_t>(round) % 3;
    const auto chosen = choose_members(list, {.replicas = wanted}, random);
    BOOST_TEST(chosen.size() == std::min<std::size_t>(wanted, list.size()));
    std::set<node_id> distinct(chosen.begin(), chosen.end());
    BOOST_TEST(distinct.size() == chosen.size());
    std::set<std::string> used;
    for (const auto& c : list) {
      if (distinct.contains(c.node)) used.insert(c.rack);
    }
    const auto possible =
        std::min<std::size_t>({chosen.size(), static_cast<std::size_t>(racks), list.size()});
    BOOST_TEST(used.size() == possible);
  }
}

// Several datanodes of one machine die together.
BOOST_AUTO_TEST_CASE(machines_differ_as_far_as_there_are_some) {
  random_source random(5);
  std::vector<placement_candidate> list;
  for (std::uint8_t n = 1; n <= 6; ++n) {
    list.push_back({.node = node(n),
                    .rack = "/default",
                    .host = n <= 4 ? "big" : "small",
                    .capacity_bytes = 1'000,
                    .free_bytes = 1'000});
  }
  for (int i = 0; i < 100; ++i) {
    const auto two = choose_members(list, {.replicas = 2}, random);
    BOOST_TEST_REQUIRE(two.size() == 2U);
    const auto on_small = [&](node_id n) { return n == node(5) || n == node(6); };
    BOOST_TEST(on_small(two[0]) != on_small(two[1]));
    BOOST_TEST(choose_members(list, {.replicas = 3}, random).size() == 3U);
    const auto more = choose_members(
        list, {.replicas = 1, .used_racks = {"/default"}, .used_hosts = {"big"}}, random);
    BOOST_TEST(on_small(more[0]));
  }
}

BOOST_AUTO_TEST_CASE(full_and_excluded_nodes_are_never_chosen) {
  random_source random(2);
  auto list = nodes_of(4, 1);
  list[0].free_bytes = 99;
  const placement_wish wish{.replicas = 3, .min_free_bytes = 100, .exclude = {node(2)}};
  for (int round = 0; round < 100; ++round) {
    const auto chosen = choose_members(list, wish, random);
    BOOST_TEST(chosen.size() == 2);
    for (const node_id n : chosen) BOOST_TEST((n == node(3) || n == node(4)));
  }
}

BOOST_AUTO_TEST_CASE(fewer_than_the_minimum_is_nothing) {
  random_source random(3);
  const auto list = nodes_of(1, 1);
  BOOST_TEST(choose_members(list, {.replicas = 2, .min_replicas = 2}, random).empty());
  BOOST_TEST(choose_members(list, {.replicas = 2, .min_replicas = 1}, random).size() == 1);
  BOOST_TEST(choose_members({}, {.replicas = 2, .min_replicas = 1}, random).empty());
}

BOOST_AUTO_TEST_CASE(racks_of_existing_copies_are_avoided) {
  random_source random(4);
  const auto list = nodes_of(4, 2);
  for (int round = 0; round < 50; ++round) {
    const auto chosen = choose_members(list, {.replicas = 1, .used_racks = {"/r0"}}, random);
    BOOST_REQUIRE(chosen.size() == 1);
    BOOST_TEST((chosen[0] == node(2) || chosen[0] == node(4)));
  }
}

BOOST_AUTO_TEST_CASE(the_least_used_share_comes_first) {
  random_source random(5);
  auto list = nodes_of(4, 1);
  list[0].used_bytes = 900;
  list[1].used_bytes = 200;
  list[2].used_bytes = 800;
  list[3].used_bytes = 100;
  const auto chosen = choose_members(list, {.replicas = 2}, random);
  const std::set<node_id> got(chosen.begin(), chosen.end());
  BOOST_TEST((got == std::set<node_id>{node(2), node(4)}));
}

BOOST_AUTO_TEST_CASE(an_empty_node_is_not_flooded) {
  random_source random(6);
  auto list = nodes_of(6, 1);
  for (std::size_t i = 0; i + 1 < list.size(); ++i) list[i].used_bytes = 600;
  std::map<node_id, int> times;
  for (int round = 0; round < 60; ++round) {
    for (const node_id n : choose_members(list, {.replicas = 2}, random)) {
      ++times[n];
      for (auto& c : list) c.open_volumes += c.node == n ? 1 : 0;
    }
  }
  // 120 places among six: the empty one takes more than its sixth, but not every second volume.
  BOOST_TEST(times[node(6)] > 20);
  BOOST_TEST(times[node(6)] < 50);
  for (std::uint8_t n = 1; n <= 5; ++n) BOOST_TEST(times[node(n)] > 8);
}

BOOST_AUTO_TEST_CASE(equal_arguments_give_equal_choices) {
  const auto list = nodes_of(9, 3);
  random_source a(7);
  random_source b(7);
  for (int round = 0; round < 20; ++round) {
    BOOST_TEST(
        (choose_members(list, {.replicas = 3}, a) == choose_members(list, {.replicas = 3}, b)));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
