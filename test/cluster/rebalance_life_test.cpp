// A rebalance from begin to end, as the master drives it: begun, paused, stopped, and gone on with
// after a start, when not all nodes are there yet.
#include "cluster/small_cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::cluster::test {
namespace {

constexpr std::uint64_t moved_volume_bytes = std::uint64_t{64} << 20;
constexpr std::int64_t rebalance_dead_after_ms = 30'000;

controller_settings rebalance_settings() {
  controller_settings s;
  s.life.volume_size = moved_volume_bytes;
  s.ready_per_node = 0;  // nobody writes
  s.nodes.dead_after_ms = rebalance_dead_after_ms;
  return s;
}

/// Full volumes with copies on nodes 1 and 2, and one with copies on 2 and 3.
fake_state lopsided() {
  fake_state state;
  for (std::uint64_t i = 1; i <= 7; ++i) {
    volume_info info;
    info.id = volume(i);
    info.state = volume_state::closed;
    info.members = i < 7 ? std::vector{node(1), node(2)} : std::vector{node(2), node(3)};
    info.next_key = 10;
    info.length = info.granted_bytes = moved_volume_bytes;
    info.digest = {3, 300, 77 + i};
    state.volumes[info.id] = info;
  }
  state.counter = 7;
  return state;
}

struct rebalance_scene : small_cluster {
  rebalance_scene() : small_cluster(rebalance_settings(), lopsided()) {
    for (const auto& [id, info] : state.volumes) {
      for (const std::uint8_t n : {1, 2, 3}) {
        if (info.members[0] != node(n) && info.members[1] != node(n)) continue;
        replica_report r;
        r.id = id;
        r.generation = info.generation;
        r.state = replica_state::sealed;
        r.length = info.length;
        r.digest = info.digest;
        nodes[n].disk[id] = r;
      }
    }
  }
  void join_all() {
    for (const std::uint8_t n : {1, 2, 3}) join(n);
  }
  void steps(std::int64_t ms) {
    for (; ms > 0; ms -= 500) step(500);
  }
  [[nodiscard]] std::size_t copies_on(std::uint8_t number) { return nodes[number].disk.size(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(rebalance_life)

BOOST_AUTO_TEST_CASE(it_goes_on_by_itself_until_it_is_done) {
  rebalance_scene c;
  c.join_all();
  c.steps(6'000);
  BOOST_TEST(!c.brain.rebalancing());
  BOOST_TEST(c.brain.rebalance().reason.empty());
  c.brain.start_rebalance(0.1, false, c.now);
  BOOST_TEST(c.brain.rebalancing());
  BOOST_TEST(c.brain.rebalance().planned_bytes > 0U);
  c.steps(60'000);
  BOOST_TEST(!c.brain.rebalancing());
  BOOST_TEST(c.brain.rebalance().reason.starts_with("done"), c.brain.rebalance().reason);
  for (const std::uint8_t n : {1, 2, 3}) {
    BOOST_TEST(c.copies_on(n) >= 4U);
    BOOST_TEST(c.copies_on(n) <= 5U);
  }
  // Another one finds nothing to do, and says so at once.
  c.brain.start_rebalance(0.1, false, c.now);
  BOOST_TEST(!c.brain.rebalancing());
}

// A master goes on with what the log names before any node has registered. The two that come first
// are equally full, so that a plan of them alone would end it.
BOOST_AUTO_TEST_CASE(at_a_start_it_waits_for_the_nodes_of_the_log) {
  rebalance_scene c;
  c.brain.start_rebalance(0.1, false, c.now);
  for (const std::uint8_t n : {1, 2}) c.join(n);
  c.steps(20'000);
  BOOST_TEST_REQUIRE(c.brain.rebalancing());
  BOOST_TEST(c.brain.rebalance().reason.starts_with("waits"), c.brain.rebalance().reason);
  BOOST_TEST(c.brain.rebalance().planned_bytes == 0U);
  BOOST_TEST(c.given(order_kind::copy) == 0U);
  c.join(3);
  c.steps(1'000);
  BOOST_TEST(c.brain.rebalance().planned_bytes > 0U);
  c.steps(60'000);
  BOOST_TEST(!c.brain.rebalancing());
  BOOST_TEST(c.copies_on(3) >= 4U);
}

BOOST_AUTO_TEST_CASE(a_dead_node_is_waited_for_no_longer) {
  rebalance_scene c;
  c.brain.start_rebalance(0.1, false, c.now);
  for (const std::uint8_t n : {1, 2}) c.join(n);
  c.steps(rebalance_dead_after_ms);
  BOOST_TEST(c.brain.rebalancing());
  c.steps(60'000);
  BOOST_TEST(!c.brain.rebalancing());
  BOOST_TEST(c.brain.rebalance().reason.starts_with("done"), c.brain.rebalance().reason);
}

BOOST_AUTO_TEST_CASE(one_that_was_paused_stays_so_at_a_start) {
  rebalance_scene c;
  c.brain.start_rebalance(0.1, true, c.now);
  c.join_all();
  c.steps(20'000);
  BOOST_TEST_REQUIRE(c.brain.rebalancing());
  BOOST_TEST(c.brain.rebalance().paused);
  BOOST_TEST(c.given(order_kind::copy) == 0U);
  BOOST_REQUIRE(c.brain.pause_rebalance(false, c.now).has_value());
  BOOST_TEST(!c.brain.rebalance().paused);
  c.steps(60'000);
  BOOST_TEST(!c.brain.rebalancing());
  BOOST_TEST(c.copies_on(3) >= 4U);
}

BOOST_AUTO_TEST_CASE(a_stopped_one_gives_up_its_copies_and_cannot_go_on) {
  rebalance_scene c;
  c.join_all();
  c.steps(6'000);
  c.brain.start_rebalance(0.1, false, c.now);
  BOOST_TEST(c.brain.rebalance().progress.volumes_running > 0U);
  c.brain.stop_rebalance(c.now);
  BOOST_TEST(!c.brain.rebalancing());
  BOOST_TEST(c.brain.rebalance().progress.volumes_running == 0U);
  BOOST_TEST(c.brain.rebalance().progress.volumes_waiting == 0U);
  BOOST_TEST(c.brain.rebalance().reason == "stopped by an operator");
  BOOST_TEST(c.brain.pause_rebalance(false, c.now).has_error());
  c.steps(20'000);
  BOOST_TEST(c.given(order_kind::copy) == 0U);
  BOOST_TEST(c.copies_on(3) == 1U);
  // A second stop changes nothing.
  c.brain.stop_rebalance(c.now);
  BOOST_TEST(!c.brain.rebalancing());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
