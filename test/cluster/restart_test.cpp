// A master that starts in a large cluster: how soon it knows its volumes, and that it copies none.
#include "cluster/fixtures.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>

namespace ssdfs::cluster::test {
namespace {

constexpr std::size_t nodes = 100;
constexpr std::size_t volumes = 10'000;

node_id numbered(std::size_t number) {
  uuid id{};
  id.data[15] = static_cast<std::uint8_t>(number + 1);
  return node_id(id);
}

/// 10,000 closed volumes with two copies, on 100 nodes.
struct large_cluster {
  large_cluster() {
    for (std::size_t i = 0; i < volumes; ++i) {
      volume_info info;
      info.id = volume_id(i + 1);
      info.state = volume_state::closed;
      info.generation = 3;
      info.members = {numbered(i % nodes), numbered((i + 1 + i / nodes % (nodes - 1)) % nodes)};
      info.next_key = 1000;
      info.length = std::uint64_t{1} << 30;
      info.digest = {900, std::uint64_t{1} << 29, i};
      state.volumes[info.id] = info;
      replica_report r;
      r.id = info.id;
      r.generation = info.generation;
      r.state = replica_state::sealed;
      r.length = info.length;
      r.digest = info.digest;
      for (const node_id member : info.members) reports[member].push_back(r);
    }
  }
  fake_state state;
  std::map<node_id, std::vector<replica_report>> reports;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(restart)

BOOST_AUTO_TEST_CASE(a_restarted_master_learns_10000_volumes_of_100_nodes_in_seconds) {
  large_cluster cluster;
  const auto began = std::chrono::steady_clock::now();
  controller_settings settings;
  settings.life.volume_size = std::uint64_t{1} << 30;
  controller brain(settings, cluster.state, 0);
  BOOST_TEST(brain.safe_mode());
  time_ms now = 0;
  connection_number connection = 0;
  for (const auto& [id, replicas] : cluster.reports) {
    now += 10;  // all of them within a second
    node_registration r = registration(1);
    r.node = id;
    r.name = to_string(id);
    r.address = r.name + ":9610";
    r.disks = {
        {"/d", std::uint64_t{4} << 40, std::uint64_t{1} << 40, std::uint64_t{3} << 40, false}};
    BOOST_TEST_REQUIRE(brain.register_node(r, ++connection, now).has_value());
    const volume_page page{
        .node = id, .incarnation = 1, .page = 0, .last = true, .replicas = replicas};
    BOOST_TEST_REQUIRE(brain.report_volumes({}, page, connection, now).has_value());
    for (const log_request& q : brain.take_log_requests()) brain.request_done(q.ticket, false, now);
  }
  BOOST_TEST(!brain.safe_mode());
  BOOST_TEST(brain.counts().under_replicated == 0U);
  BOOST_TEST(brain.counts().missing == 0U);
  for (int i = 0; i < 20; ++i) brain.tick(now += 250);
  std::size_t copies = 0;
  for (const auto& [id, replicas] : cluster.reports) {
    for (const order& o : brain.take_orders(id, now)) copies += o.kind == order_kind::copy ? 1 : 0;
  }
  BOOST_TEST(copies == 0U);
  const auto took = std::chrono::steady_clock::now() - began;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  BOOST_TEST_MESSAGE("learnt " << volumes << " volumes of " << nodes << " nodes in " << ms
                               << " ms");
  // Generous for a sanitizer on a busy machine; it takes a fraction of a second.
  BOOST_TEST(ms < 10'000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
