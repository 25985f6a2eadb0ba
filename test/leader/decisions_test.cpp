// What operators decide: logged first, then followed by the cluster's side.
#include "leader/decisions.hpp"

#include "leader/durable_view.hpp"
#include "leader/rig_edits.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::leader {
namespace {

using test::rig_edits;
using test::state_rig;
using test::test_node;

struct desk {
  state_rig rig;
  rig_edits log{rig};
  durable_view view{rig.state(), 1'000};
  cluster::controller nodes{cluster::controller_settings{}, view, 0};
  decisions decided{rig.state(), nodes, log};

  void rest(std::uint8_t number, std::int64_t for_ms) {
    const meta::node_entry entry{meta::node_decision::maintenance, rig.context().now_ms + for_ms};
    BOOST_REQUIRE(decided.decide_node(test_node(number), entry, 0).has_value());
  }
};

BOOST_AUTO_TEST_SUITE(operators_decisions)

BOOST_AUTO_TEST_CASE(maintenance_ends_when_its_time_is_over_and_the_log_has_room) {
  desk d;
  d.decided.adopt(0);
  d.rest(1, 1'000);
  d.rest(2, 1'000);
  d.rest(3, 9'000);
  BOOST_TEST(d.decided.end_maintenance(0).empty());
  d.rig.advance(1'000);
  d.log.room = 1;
  BOOST_TEST(d.decided.end_maintenance(0).size() == 1U);
  BOOST_TEST(d.decided.end_maintenance(0).empty());
  d.log.room = 10;
  BOOST_TEST(d.decided.end_maintenance(0).size() == 1U);
  BOOST_TEST(d.rig.state().nodes().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_rebalance_that_the_log_refuses_is_not_begun) {
  desk d;
  d.decided.adopt(0);
  d.log.room = 0;
  BOOST_TEST(!d.decided.decide_rebalance(rebalance_action::start, 100, 0).has_value());
  BOOST_TEST(!d.nodes.rebalancing());
  BOOST_TEST(!d.rig.state().rebalance().active());
}

BOOST_AUTO_TEST_CASE(only_a_rebalance_that_runs_can_pause_or_stop) {
  desk d;
  d.decided.adopt(0);
  for (const auto action :
       {rebalance_action::pause, rebalance_action::resume, rebalance_action::stop}) {
    const auto done = d.decided.decide_rebalance(action, 100, 0);
    BOOST_REQUIRE(!done.has_value());
    BOOST_TEST((done.error() == errc::precondition));
  }
  BOOST_TEST(d.log.logged == 0U);
}

BOOST_AUTO_TEST_CASE(a_rebalance_of_an_earlier_leader_goes_on_and_is_logged_as_done_once) {
  desk d;
  d.rig.log_record(
      meta::make_rebalance(d.rig.state(), {meta::rebalance_phase::running, 100}, d.rig.context()));
  // Before adopt() the cluster's side knows of none, which does not mean that it is done.
  BOOST_TEST(!d.decided.end_rebalance());
  d.decided.adopt(0);
  BOOST_TEST(d.nodes.rebalancing());
  BOOST_TEST(!d.decided.end_rebalance());
  d.nodes.stop_rebalance(0);
  d.log.read_only = true;
  BOOST_TEST(!d.decided.end_rebalance());
  d.log.read_only = false;
  BOOST_TEST(d.decided.end_rebalance());
  BOOST_TEST((d.rig.state().rebalance().phase == meta::rebalance_phase::done));
  BOOST_TEST(!d.decided.end_rebalance());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::leader
