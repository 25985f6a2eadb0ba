// Why a node that leaves does not become empty, in words.
#include "cluster/small_cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::cluster::test {
namespace {

constexpr std::uint64_t held_up_volume_bytes = std::uint64_t{64} << 20;

controller_settings held_up_settings() {
  controller_settings s;
  s.life.volume_size = held_up_volume_bytes;
  s.ready_per_node = 0;  // nobody writes
  return s;
}

/// Two full volumes with copies on nodes 1 and 2.
fake_state two_volumes() {
  fake_state state;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    volume_info info;
    info.id = volume(i);
    info.state = volume_state::closed;
    info.members = {node(1), node(2)};
    info.next_key = 10;
    info.length = info.granted_bytes = held_up_volume_bytes;
    info.digest = {3, 300, 77 + i};
    state.volumes[info.id] = info;
  }
  state.counter = 2;
  return state;
}

struct held_up_scene : small_cluster {
  explicit held_up_scene(fake_state initial = two_volumes())
      : small_cluster(held_up_settings(), std::move(initial)) {
    for (const auto& [id, info] : state.volumes) {
      for (const std::uint8_t n : {1, 2}) {
        replica_report r;
        r.id = id;
        r.generation = info.generation;
        r.state = info.state == volume_state::open ? replica_state::open : replica_state::sealed;
        r.length = info.length;
        r.digest = info.digest;
        nodes[n].disk[id] = r;
      }
    }
  }
  void decommission() {
    for (const std::uint8_t n : {1, 2}) join(n);
    steps(6'000);
    brain.decide_node(node(1), node_wish::leaving, now);
    steps(2'000);
  }
  void steps(std::int64_t ms) {
    for (; ms > 0; ms -= 500) step(500);
  }
  [[nodiscard]] std::string waiting() const { return brain.progress_of(node(1)).waiting; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(held_up)

BOOST_AUTO_TEST_CASE(by_too_few_nodes_until_one_joins) {
  held_up_scene c;
  c.decommission();
  BOOST_TEST(c.waiting() == "every other node has a copy already of 2 volumes");
  BOOST_TEST(c.brain.progress_of(node(2)).waiting.empty());  // it is not to leave
  c.join(3);
  c.steps(20'000);
  BOOST_TEST(c.waiting().empty());
  BOOST_TEST(c.brain.progress_of(node(1)).state == "decommissioned");
}

BOOST_AUTO_TEST_CASE(by_nodes_without_room) {
  held_up_scene c;
  c.decommission();
  node_registration full = registration(3);
  full.disks = {{"/d", 1'000'000'000, 990'000'000, 10'000'000, false}};
  BOOST_REQUIRE(c.brain.register_node(full, 100, c.now).has_value());
  BOOST_REQUIRE(c.brain.report_volumes({}, last_page(3, 1), 100, c.now).has_value());
  c.step(500);
  BOOST_TEST(c.waiting() == "no other node has room for 2 volumes");
}

BOOST_AUTO_TEST_CASE(by_the_silence_of_the_node_or_of_many) {
  held_up_scene c;
  c.decommission();
  c.join(3);
  c.join(4);
  c.leave(1);
  c.steps(6'000);
  BOOST_TEST(c.waiting() == "the node is silent");
  c.leave(3);
  c.steps(6'000);
  BOOST_TEST(c.waiting().starts_with("more than a third of the datanodes are silent"), c.waiting());
}

BOOST_AUTO_TEST_CASE(by_safe_mode_and_by_a_master_that_may_not_act) {
  held_up_scene c;
  c.decommission();
  c.brain.enter_safe_mode(c.now);
  BOOST_TEST(c.waiting() == "safe mode has to end first");
  c.brain.distrust("a backup has seen more");
  BOOST_TEST(c.waiting() == "this master may change nothing now");
}

BOOST_AUTO_TEST_CASE(by_writers_and_by_copies_that_are_not_complete) {
  fake_state initial = two_volumes();
  initial.volumes.at(volume(1)).state = volume_state::open;
  initial.volumes.at(volume(1)).granted_bytes = 1 << 20;
  initial.grants[volume(1)] = 1;
  held_up_scene c(std::move(initial));
  for (const std::uint8_t n : {1, 2}) c.nodes[n].disk.at(volume(2)).digest.sum = 1;
  c.decommission();
  BOOST_TEST(c.waiting() ==
             "no complete copy is there of 1 volume; writers have yet to end in 1 volume");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
