// Chunks that no replica has: they hold up their volume no longer than it takes to ask everybody.
#include "cluster/small_cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::cluster {
namespace {

using test::node;
using test::small_cluster;

constexpr volume_id volume{1};
constexpr chunk_content good{1, 100, 7};
constexpr chunk_content gone{2, 200, 8};

// A closed volume of two chunks on nodes 1 and 2, which both have the first alone.
struct scene {
  scene() {
    test::fake_state initial;
    volume_info info;
    info.id = volume;
    info.state = volume_state::closed;
    info.members = {node(1), node(2)};
    info.next_key = 10;
    info.digest.add(good.key, good.size, good.crc32c);
    info.digest.add(gone.key, gone.size, gone.crc32c);
    initial.volumes[volume] = info;
    initial.counter = volume.value;
    cluster.emplace(settings(), std::move(initial));
    cluster->on_order = [this](std::uint8_t number, const order& o, order_result& result) {
      if (o.kind != order_kind::reconcile) return;
      compared.push_back(number);
      if (answers.contains(number)) {
        result.status = static_cast<std::uint16_t>(errc::unavailable);
        result.absent = answers[number];
      }
      if (finds.contains(number)) result.found = finds[number];
    };
  }
  static controller_settings settings() {
    controller_settings s;
    s.nodes.heartbeat_interval_ms = 100;
    s.safemode_max_ms = 1;
    s.order_resend_ms = 500;
    s.ready_per_node = 0;
    return s;
  }
  void join(std::uint8_t number) {
    replica_report r;
    r.id = volume;
    r.generation = 1;
    r.state = replica_state::sealed;
    r.length = 4096;
    r.digest.add(good.key, good.size, good.crc32c);
    cluster->nodes[number].disk[volume] = r;
    cluster->join(number);
  }
  void run(int steps = 50) {
    for (int i = 0; i < steps; ++i) cluster->step(100);
  }
  [[nodiscard]] bool is_lost() const { return cluster->state.lost_chunks(volume) != 0; }
  [[nodiscard]] std::string condition() const {
    return std::string(name_of(cluster->brain.report(volume).condition));
  }

  std::optional<small_cluster> cluster;
  std::map<std::uint8_t, std::vector<chunk_content>> answers;
  std::map<std::uint8_t, std::vector<chunk_content>> finds;
  std::vector<std::uint8_t> compared;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_chunks)

BOOST_AUTO_TEST_CASE(what_every_member_lacks_is_lost_and_the_volume_is_whole_again) {
  scene s;
  s.answers = {{1, {gone}}, {2, {gone}}};
  s.join(1);
  s.join(2);
  s.run();
  BOOST_TEST(s.is_lost());
  BOOST_TEST(s.condition() == "healthy");
  BOOST_TEST(s.cluster->brain.report(volume).complete == 2U);
  BOOST_TEST(s.cluster->state.volumes.at(volume).digest.count == 1U);
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_before_every_member_has_said_so) {
  scene s;
  s.answers = {{1, {gone}}};
  s.join(1);
  s.run();
  BOOST_TEST(!s.is_lost());  // the other one is away
  s.join(2);
  s.run();
  BOOST_TEST(!s.is_lost());  // and has not been compared with that outcome
  s.answers[2] = {chunk_content{3, 1, 1}};
  s.run();
  BOOST_TEST(!s.is_lost());  // or lacks something else
  s.answers[2] = {gone};
  s.run(200);
  BOOST_TEST(s.is_lost());
}

BOOST_AUTO_TEST_CASE(a_replica_of_another_node_is_asked_too) {
  scene s;
  s.answers = {{1, {gone}}, {2, {gone}}};
  s.join(3);
  s.join(1);
  s.join(2);
  s.run();
  BOOST_TEST(!s.is_lost());
  BOOST_TEST((std::find(s.compared.begin(), s.compared.end(), 3) != s.compared.end()));
  s.answers[3] = {gone};
  s.run(200);
  BOOST_TEST(s.is_lost());
}

BOOST_AUTO_TEST_CASE(
    a_member_with_a_new_disk_has_nothing_and_one_whose_disk_is_out_of_use_may_have_it) {
  for (const bool failed : {false, true}) {
    scene s;
    s.answers = {{1, {gone}}};
    s.join(1);
    s.cluster->nodes[2].disk_failed = failed;
    s.cluster->join(2);
    s.run(200);
    BOOST_TEST(s.is_lost() != failed);
  }
}

BOOST_AUTO_TEST_CASE(what_a_dead_node_had_reported_is_waited_for) {
  scene s;
  s.answers = {{1, {gone}}, {2, {gone}}};
  s.join(3);
  s.run(1);
  s.cluster->leave(3);
  s.cluster->now += 2 * scene::settings().nodes.dead_after_ms;
  s.join(1);
  s.join(2);
  s.run(200);
  BOOST_TEST(!s.is_lost());
  s.join(3);
  s.answers[3] = {gone};
  s.run(200);
  BOOST_TEST(s.is_lost());
}

BOOST_AUTO_TEST_CASE(what_turns_up_is_found_before_its_replica_is_dropped) {
  scene s;
  s.answers = {{1, {gone}}, {2, {gone}}};
  s.join(1);
  s.join(2);
  s.run();
  BOOST_REQUIRE(s.is_lost());
  s.answers.clear();
  s.finds[3] = {gone};
  replica_report& whole = s.cluster->nodes[3].disk[volume];
  whole.id = volume;
  whole.generation = 1;
  whole.state = replica_state::sealed;
  whole.digest.add(good.key, good.size, good.crc32c);
  whole.digest.add(gone.key, gone.size, gone.crc32c);
  s.cluster->join(3);
  s.run(10);
  BOOST_TEST(!s.is_lost());
  BOOST_TEST(s.cluster->state.volumes.at(volume).digest.count == 2U);
  BOOST_TEST(s.cluster->given(order_kind::drop) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster
