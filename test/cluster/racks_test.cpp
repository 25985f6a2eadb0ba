// Copies that share a rack although another one has room, and nodes that take the place of others.
#include "cluster/small_cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::cluster::test {
namespace {

constexpr std::uint64_t racks_volume_bytes = std::uint64_t{64} << 20;
constexpr std::int64_t racks_dead_after_ms = 30'000;

controller_settings racks_settings() {
  controller_settings s;
  s.life.volume_size = racks_volume_bytes;
  s.ready_per_node = 0;  // nobody writes
  s.nodes.dead_after_ms = racks_dead_after_ms;
  return s;
}

/// Closed volumes with copies on nodes 1 and 2.
struct racks_scene : small_cluster {
  racks_scene() : small_cluster(racks_settings(), two_copies()) {
    for (const auto& [id, info] : state.volumes) {
      for (const std::uint8_t n : {1, 2}) {
        replica_report& r = nodes[n].disk[id];
        r.id = id;
        r.generation = info.generation;
        r.state = replica_state::sealed;
        r.length = info.length;
        r.digest = info.digest;
      }
    }
  }
  static fake_state two_copies() {
    fake_state state;
    for (std::uint64_t i = 1; i <= 6; ++i) {
      volume_info info;
      info.id = volume(i);
      info.state = volume_state::closed;
      info.members = {node(1), node(2)};
      info.next_key = 10;
      info.length = info.granted_bytes = racks_volume_bytes;
      info.digest = {3, 300, 77 + i};
      state.volumes[info.id] = info;
    }
    state.counter = 6;
    return state;
  }
  void join(std::uint8_t number, const std::string& rack) {
    nodes[number].rack = rack;
    small_cluster::join(number);
  }
  void steps(std::int64_t ms) {
    for (; ms > 0; ms -= 500) step(500);
  }
  [[nodiscard]] std::size_t in_two_racks() {
    std::size_t count = 0;
    for (const auto& [id, info] : state.volumes) {
      const auto rack = [&](node_id n) { return nodes[n.value.data[15]].rack; };
      if (info.members.size() == 2 && rack(info.members[0]) != rack(info.members[1])) ++count;
    }
    return count;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(racks)

BOOST_AUTO_TEST_CASE(copies_in_one_rack_are_counted_and_moved_when_another_has_room) {
  racks_scene c;
  c.join(1, "/a");
  c.join(2, "/a");
  c.steps(6'000);
  BOOST_TEST(c.brain.counts().one_rack == 0U);  // there is no other
  BOOST_TEST(c.given(order_kind::copy) == 0U);
  c.join(3, "/b");
  c.step(500);
  BOOST_TEST(c.brain.counts().one_rack + c.in_two_racks() == 6U);
  BOOST_TEST(c.brain.counts().one_rack > 0U);
  c.steps(60'000);
  BOOST_TEST(c.in_two_racks() == 6U);
  BOOST_TEST(c.brain.counts().one_rack == 0U);
  BOOST_TEST(c.nodes[3].disk.size() == 6U);
  // What they left is dropped, and nothing goes on for ever.
  BOOST_TEST(c.nodes[1].disk.size() + c.nodes[2].disk.size() == 6U);
  const std::size_t copies = c.given(order_kind::copy);
  c.steps(60'000);
  BOOST_TEST(c.given(order_kind::copy) == copies);
}

BOOST_AUTO_TEST_CASE(copies_in_two_racks_stay) {
  racks_scene c;
  c.join(1, "/a");
  c.join(2, "/b");
  c.join(3, "/c");
  c.steps(60'000);
  BOOST_TEST(c.brain.counts().one_rack == 0U);
  BOOST_TEST(c.given(order_kind::copy) == 0U);
}

BOOST_AUTO_TEST_CASE(racks_that_are_changed_are_noticed) {
  racks_scene c;
  c.join(1, "/a");
  c.join(2, "/b");
  c.join(3, "/b");
  c.steps(10'000);
  BOOST_TEST(c.given(order_kind::copy) == 0U);
  c.leave(1);
  c.join(1, "/b/");
  c.steps(10'000);
  BOOST_TEST(c.given(order_kind::copy) == 0U);  // there is only /b by now
  c.leave(3);
  c.join(3, "/a");
  c.steps(60'000);
  BOOST_TEST(c.brain.counts().one_rack == 0U);
  BOOST_TEST(c.nodes[3].disk.size() == 6U);
}

BOOST_AUTO_TEST_CASE(a_new_node_where_a_needed_one_was_is_asked_for_its_disk) {
  racks_scene c;
  for (const std::uint8_t n : {1, 2, 3}) c.join(n, "/a");
  c.steps(6'000);
  c.leave(2);
  // The same machine without its disk.
  c.nodes[9].address = registration(2).address;
  c.join(9, "/a");
  BOOST_TEST((c.nodes[9].refused == errc::duplicate_node));
  for (const std::string& named : {to_string(node(2)), to_string(node(9))}) {
    BOOST_TEST(c.nodes[9].refused.detail.find(named) != std::string::npos,
               c.nodes[9].refused.detail);
  }
  // With an operator's word that the old one is given up it is taken at once.
  c.brain.decide_node(node(2), node_wish::leaving, c.now);
  c.join(9, "/a");
  BOOST_TEST(!c.nodes[9].refused.code, c.nodes[9].refused.detail);
}

BOOST_AUTO_TEST_CASE(it_is_taken_when_the_old_one_is_dead_or_not_needed) {
  racks_scene c;
  for (const std::uint8_t n : {1, 2, 3}) c.join(n, "/a");
  c.steps(6'000);
  c.leave(3);  // holds nothing
  c.nodes[8].address = registration(3).address;
  c.join(8, "/a");
  BOOST_TEST(!c.nodes[8].refused.code, c.nodes[8].refused.detail);
  c.steps(racks_dead_after_ms + 1'000);  // two that are silent would be a fault of the network
  c.leave(2);
  c.steps(racks_dead_after_ms + 1'000);
  c.nodes[9].address = registration(2).address;
  c.join(9, "/a");
  BOOST_TEST(!c.nodes[9].refused.code, c.nodes[9].refused.detail);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
