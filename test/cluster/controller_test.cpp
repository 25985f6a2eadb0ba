// The controller as a whole: volumes ahead of demand, and copies whose nodes come and go.
#include "cluster/small_cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace ssdfs::cluster::test {
namespace {

controller_settings small_settings() {
  controller_settings s;
  s.life.volume_size = std::uint64_t{64} << 20;
  s.ready_per_node = 4;
  return s;
}

/// A state with one closed volume of some content, with members 1 and 2.
fake_state one_closed_volume() {
  fake_state state;
  volume_info info;
  info.id = volume(1);
  info.state = volume_state::closed;
  info.members = {node(1), node(2)};
  info.next_key = 10;
  info.length = std::uint64_t{60} << 20;
  info.granted_bytes = info.length;
  info.digest = {3, 300, 77};
  state.volumes[info.id] = info;
  state.counter = 1;
  return state;
}

replica_report complete_replica(const volume_info& info) {
  replica_report r;
  r.id = info.id;
  r.generation = info.generation;
  r.state = replica_state::sealed;
  r.length = info.length;
  r.digest = info.digest;
  return r;
}

std::size_t open_volumes(const small_cluster& c) { return c.brain.counts().volumes_open; }

}  // namespace

BOOST_AUTO_TEST_SUITE(pool)

BOOST_AUTO_TEST_CASE(as_many_volumes_are_open_as_the_nodes_shall_have) {
  small_cluster c(small_settings());
  for (const std::uint8_t n : {1, 2, 3, 4}) c.join(n);
  for (int i = 0; i < 20; ++i) c.step(500);
  BOOST_TEST(c.state.volumes.size() == 8U);  // 4 nodes, 4 replicas on each, 2 a volume
  BOOST_TEST(c.brain.counts().volumes_ready == 8U);
}

/// Whatever seals volumes as soon as they are open (once a rebalance did): the pool must not answer
/// each with a new one.
BOOST_AUTO_TEST_CASE(volumes_that_are_sealed_with_room_left_are_not_replaced_without_end) {
  small_cluster c(small_settings());
  for (const std::uint8_t n : {1, 2, 3, 4}) c.join(n);
  for (int i = 0; i < 1'000; ++i) {
    c.step(500);
    for (const auto& [id, info] : c.state.volumes) {
      if (info.state != volume_state::open) continue;
      c.state.grants[id] = 1;  // so that it is not closed, and opened again
      (void)c.brain.seal_volume(id, c.now);
    }
  }
  BOOST_TEST(c.state.volumes.size() >= 8U);
  BOOST_TEST(c.state.volumes.size() <= 40U);

  // Somebody who waits gets one, but not one for each question.
  const std::size_t before = c.state.volumes.size();
  volume_choice choice;
  for (int i = 0; i < 20 && choice.what != volume_choice::outcome::ready; ++i) {
    choice = c.brain.choose_volume({}, c.now);
    BOOST_TEST((choice.what == volume_choice::outcome::ready ||
                choice.what == volume_choice::outcome::wait));
    c.step(500);
  }
  BOOST_TEST((choice.what == volume_choice::outcome::ready));
  BOOST_TEST(c.state.volumes.size() - before <= 5U);

  // When they can be closed they are opened again, and no more are made.
  c.state.grants.clear();
  const std::size_t made = c.state.volumes.size();
  for (const auto& [id, info] : c.state.volumes) c.brain.grants_changed(id, c.now);
  for (int i = 0; i < 40; ++i) c.step(500);
  BOOST_TEST(open_volumes(c) >= 8U);
  BOOST_TEST(c.state.volumes.size() == made);
}

BOOST_AUTO_TEST_CASE(full_volumes_are_replaced_however_many_they_are) {
  controller_settings settings = small_settings();
  small_cluster c(settings);
  for (const std::uint8_t n : {1, 2, 3, 4}) c.join(n);
  for (int i = 0; i < 200; ++i) {
    c.step(500);
    for (auto& [id, info] : c.state.volumes) {
      if (info.state != volume_state::open) continue;
      info.granted_bytes = settings.life.volume_size;
      for (auto& [number, m] : c.nodes) {
        const auto at = m.disk.find(id);
        if (at != m.disk.end()) at->second.length = settings.life.volume_size;
      }
      c.brain.grants_changed(id, c.now);
    }
    for (auto& [number, m] : c.nodes) c.join(number);  // tells of the lengths
  }
  BOOST_TEST(c.state.volumes.size() > 60U);
}

BOOST_AUTO_TEST_CASE(after_a_start_no_narrow_volume_is_made_before_the_nodes_of_the_log_may_come) {
  small_cluster c(small_settings(), one_closed_volume());
  c.nodes[1].disk[volume(1)] = complete_replica(c.state.volumes.at(volume(1)));
  c.join(1);
  while (c.now + 500 < 5'000) {
    c.step(500);
    BOOST_TEST((c.brain.choose_volume({}, c.now).what == volume_choice::outcome::wait));
    BOOST_TEST_REQUIRE(c.state.volumes.size() == 1U);
  }
  // Node 2 does not: what there is has to do.
  for (int i = 0; i < 6; ++i) {
    c.step(500);
    (void)c.brain.choose_volume({}, c.now);
  }
  BOOST_TEST(c.state.volumes.size() > 1U);
  BOOST_TEST((c.brain.choose_volume({}, c.now).what == volume_choice::outcome::ready));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(copies)

BOOST_AUTO_TEST_CASE(a_node_that_is_about_to_stop_is_written_to_no_more_and_read_last) {
  small_cluster c(small_settings(), one_closed_volume());
  c.nodes[1].disk[volume(1)] = complete_replica(c.state.volumes.at(volume(1)));
  c.nodes[2].disk[volume(1)] = complete_replica(c.state.volumes.at(volume(1)));
  for (const std::uint8_t n : {1, 2, 3, 4}) c.join(n);
  for (int i = 0; i < 20; ++i) c.step(500);
  c.nodes[1].stopping = true;
  c.step(10);
  for (const auto& [id, info] : c.state.volumes) {
    if (info.state != volume_state::open) continue;
    BOOST_TEST(
        (std::find(info.members.begin(), info.members.end(), node(1)) == info.members.end()));
  }
  for (int i = 0; i < 50; ++i) {
    const auto choice = c.brain.choose_volume({.bytes = 1000}, c.now);
    BOOST_REQUIRE((choice.what == volume_choice::outcome::ready));
    for (const auto& r : choice.replicas) BOOST_TEST((r.node != node(1)));
  }
  const auto readers = c.brain.readers(volume(1));
  BOOST_REQUIRE(readers.size() == 2U);
  BOOST_TEST((readers.back().node == node(1)));
  // It seals what it had open itself, as long as it is there.
  c.step(10);
  for (const auto& [id, report] : c.nodes[1].disk) {
    BOOST_TEST((report.state == replica_state::sealed));
  }
  BOOST_TEST(c.given(order_kind::copy) == 0U);
}

BOOST_AUTO_TEST_CASE(a_copy_goes_on_when_its_target_comes_back) {
  small_cluster c(small_settings(), one_closed_volume());
  for (const std::uint8_t n : {1, 2}) {
    c.nodes[n].disk[volume(1)] = complete_replica(c.state.volumes.at(volume(1)));
    c.join(n);
  }
  c.join(3);
  for (int i = 0; i < 4; ++i) c.step(500);
  BOOST_TEST(c.given(order_kind::copy) == 0U);
  // The target is gone before it hears of the copy, and is back before it is given up.
  c.brain.decide_node(node(1), node_wish::leaving, c.now);
  c.nodes[3].up = false;
  c.step(1'000);
  c.leave(3);
  c.brain.grants_changed(volume(1), c.now);  // it is looked at while nobody can be told to copy it
  c.step(500);
  c.join(3);
  for (int i = 0; i < 20; ++i) c.step(500);
  BOOST_TEST(c.given(order_kind::copy) >= 1U);
  BOOST_TEST(!c.nodes[1].disk.contains(volume(1)));
  BOOST_TEST(c.nodes[3].disk.contains(volume(1)));
  BOOST_TEST(c.brain.progress_of(node(1)).state == "decommissioned");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
