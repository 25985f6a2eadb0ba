// What the dashboard makes of snapshots: the sentence of health, events, samples.
#include "master/history.hpp"

#include "master/status.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>

namespace ssdfs::master {
namespace {

node_figures figures_of_node(int number, const std::string& state = "live", bool connected = true) {
  node_figures n;
  n.node.value.data[0] = static_cast<std::uint8_t>(number);
  n.name = "node" + std::to_string(number);
  n.state = state;
  n.connected = connected;
  n.capacity_bytes = 1000;
  n.used_bytes = 100;
  return n;
}

snapshot healthy(std::int64_t at_ms = 1000) {
  snapshot s;
  s.taken_ms = 1'700'000'000'000 + at_ms;
  s.steady_ms = at_ms;
  s.files = 7;
  s.nodes = {figures_of_node(1), figures_of_node(2)};
  return s;
}

std::vector<std::string> texts(const history& h) {
  std::vector<std::string> out;
  for (const event& e : h.events()) out.push_back(e.severity + ": " + e.text);
  return out;
}

BOOST_AUTO_TEST_SUITE(dashboard_history)

BOOST_AUTO_TEST_CASE(health_is_one_sentence_and_the_worst_counts) {
  snapshot s = healthy();
  BOOST_TEST(health_of(s).level == "ok");
  BOOST_TEST(health_of(s).sentence == "All well: 7 files on 2 datanodes, every copy in its place.");
  s.files = 1'234'567;
  BOOST_TEST(health_of(s).sentence ==
             "All well: 1,234,567 files on 2 datanodes, every copy in its place.");
  s.safe_mode = true;
  BOOST_TEST(health_of(s).level == "ok");
  s.counts.under_replicated = 1;
  BOOST_TEST(health_of(s).level == "warning");
  BOOST_TEST(health_of(s).sentence == "1 volume with too few copies.");
  // A killed node is known by its broken connection, before it counts as silent.
  s.nodes[0].connected = false;
  BOOST_TEST(health_of(s).sentence ==
             "1 datanode of 2 does not answer; 1 volume with too few copies.");
  s.mass_silence = true;
  BOOST_TEST(health_of(s).sentence ==
             "1 datanode of 2 does not answer; 1 volume with too few copies. So many at once look "
             "like a fault of the network: no copies are made.");
  s.nodes[1].state = "stale";
  BOOST_TEST(health_of(s).level == "error");
  BOOST_TEST(health_of(s).sentence == "No datanode answers.");
  s.counts.missing = 3;
  BOOST_TEST(health_of(s).sentence == "3 chunks cannot be read now.");
  s.nodes = {figures_of_node(1), figures_of_node(2, "maintenance", false)};
  s.counts = {};
  BOOST_TEST(health_of(s).level == "ok");
  s.not_ready = "disk full";
  BOOST_TEST(health_of(s).sentence == "Changes are refused: disk full.");
  s = healthy();
  s.backups.emplace_back();
  s.backups[0].name = "b";
  s.backups[0].state = "following";
  BOOST_TEST(health_of(s).level == "ok");
  s.backups[0].state = "gone";
  BOOST_TEST(health_of(s).sentence == "Backup b does not answer.");
  s = healthy();
  s.nodes.clear();
  BOOST_TEST(health_of(s).level == "error");
}

BOOST_AUTO_TEST_CASE(events_tell_what_changed_and_nothing_else) {
  history h;
  h.add(healthy(), {});
  h.add(healthy(2000), {});
  const std::vector<std::string> begin = {"info: The master began epoch 0.",
                                          "info: Datanode node1 is connected.",
                                          "info: Datanode node2 is connected."};
  BOOST_TEST(texts(h) == begin, boost::test_tools::per_element());
  snapshot s = healthy(3000);
  s.nodes[0].connected = false;
  s.counts.under_replicated = 2;
  h.add(s, {});
  s.nodes[0].state = "dead";
  h.add(s, {});
  s = healthy(5000);
  s.nodes[0].failed_disks = 1;
  s.counts.bad_records = 1;
  h.add(s, {});
  const auto all = texts(h);
  const std::vector<std::string> rest = {
      "warning: Datanode node1 does not answer.",
      "warning: 2 volumes have too few copies.",
      "error: Datanode node1 is dead.",
      "info: Datanode node1 is connected.",
      "error: Datanode node1: a disk failed.",
      "info: All volumes have their copies again.",
      "error: A datanode found a damaged record; it is not served."};
  BOOST_TEST(std::vector<std::string>(all.begin() + 3, all.end()) == rest,
             boost::test_tools::per_element());
  const auto parsed = boost::json::parse(events_json(h, 8));
  BOOST_TEST(parsed.at("events").as_array().size() == 2);
  BOOST_TEST(parsed.at("events").as_array()[0].at("number").to_number<int>() == 9);
}

BOOST_AUTO_TEST_CASE(what_an_operator_decides_is_no_warning) {
  history h;
  h.add(healthy(), {});
  snapshot s = healthy(2000);
  for (const char* state :
       {"maintenance", "live", "decommissioning", "decommissioned", "live", "stale", "live"}) {
    s.nodes[0].state = state;
    h.add(s, {});
  }
  s.counts.under_replicated = 1;
  s.counts.missing = 1;
  h.add(s, {});
  const auto all = texts(h);
  const std::vector<std::string> rest = {
      "info: Datanode node1 is in maintenance.",  "info: Datanode node1 takes part again.",
      "info: Datanode node1 is decommissioning.", "info: Datanode node1 is decommissioned.",
      "info: Datanode node1 takes part again.",   "warning: Datanode node1 is stale.",
      "warning: 1 volume has too few copies.",    "error: 1 chunk cannot be read."};
  BOOST_TEST(std::vector<std::string>(all.begin() + 3, all.end()) == rest,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(samples_are_rates_over_their_interval_and_bounded) {
  history h;
  h.add(healthy(1000), {100, 10, 1});
  h.add(healthy(2000), {200, 20, 2});  // too early for another sample
  BOOST_TEST(h.samples().size() == 1);
  h.add(healthy(6000), {600, 60, 6});
  BOOST_REQUIRE(h.samples().size() == 2);
  BOOST_TEST(h.samples()[1].reads == 100.0);
  BOOST_TEST(h.samples()[1].writes == 10.0);
  BOOST_TEST(h.samples()[1].metadata == 1.0);
  BOOST_TEST(h.samples()[1].used_bytes == 200);
  for (int i = 0; i < 2000; ++i) {
    snapshot s = healthy(10'000 + i * history::sample_interval_ms);
    s.nodes[0].connected = i % 2 == 0;
    h.add(s, {1000, 100, 10});
  }
  BOOST_TEST(h.samples().size() == history::most_samples);
  BOOST_TEST(h.events().size() == history::most_events);
  const auto parsed = boost::json::parse(history_json(h));
  BOOST_TEST(parsed.at("samples").as_array().size() == history::most_samples);
}

BOOST_AUTO_TEST_CASE(status_has_everything_that_the_page_asks_for) {
  snapshot s = healthy();
  s.volumes.by_condition[0] = 4;
  s.volumes.repairs.push_back({volume_id(9), "degraded", 1, 2, 100, 50, {"node2"}});
  const auto parsed = boost::json::parse(status_json(s));
  BOOST_TEST(parsed.at("health").at("level").as_string() == "ok");
  BOOST_TEST(parsed.at("conditions").at("open").to_number<int>() == 4);
  BOOST_TEST(parsed.at("repairs").as_array()[0].at("volume").as_string() == "9");
  BOOST_TEST(parsed.at("repairs").as_array()[0].at("onto").as_array()[0].as_string() == "node2");
  BOOST_TEST(parsed.at("nodes").as_array().size() == 2);
  BOOST_TEST(parsed.at("nodes").as_array()[0].at("connected").as_bool());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::master
