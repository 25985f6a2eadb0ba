// The datanode's side of the membership: what it says when the node is about to end.
#include "cluster/agent.hpp"
#include "cluster/fixtures.hpp"

#include <boost/test/unit_test.hpp>

#include <variant>
#include <vector>

namespace ssdfs::cluster::test {
namespace {

const witness reign{epoch_t(7), node(100), txid(1)};

struct goodbye_fixture {
  goodbye_fixture() : subject(config(), reign) { subject.start(0); }

  static agent_config config() {
    agent_config c;
    c.node = node(1);
    c.incarnation = 1;
    c.masters = {"m:1"};
    return c;
  }

  /// Heartbeats among the actions that are due.
  std::vector<node_heartbeat> beats() {
    std::vector<node_heartbeat> out;
    for (agent_action& a : subject.take_actions()) {
      if (auto* beat = std::get_if<action::send_heartbeat>(&a)) out.push_back(beat->heartbeat);
    }
    return out;
  }

  /// Connects, registers and reports; the first heartbeat is sent and answered.
  void join() {
    subject.connected(now);
    subject.register_answered(registration_answer{reign, {}, {}}, now);
    subject.page_answered({}, now);
    BOOST_REQUIRE((subject.state() == agent_state::live));
  }
  void answer(std::uint64_t number) {
    subject.heartbeat_answered(number, heartbeat_answer{reign, {}, {}, {}}, now);
  }

  agent subject;
  time_ms now = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(agent_goodbye, goodbye_fixture)

BOOST_AUTO_TEST_CASE(the_master_is_told_at_once_that_the_node_is_about_to_end) {
  join();
  const auto first = beats();
  BOOST_REQUIRE(first.size() == 1U);
  BOOST_TEST(!first.front().stopping);
  // The first one is held back by the master, as they are when there is nothing to order.
  subject.stopping(now);
  const auto last = beats();
  BOOST_REQUIRE(last.size() == 1U);
  BOOST_TEST(last.front().stopping);
  answer(first.front().number);
  BOOST_TEST(!subject.stopping_is_known());
  answer(last.front().number);
  BOOST_TEST(subject.stopping_is_known());
  subject.stopping(now);
  BOOST_TEST(beats().empty());
  now = 2'000;
  subject.timer(now);
  const auto next = beats();
  BOOST_REQUIRE(next.size() == 1U);
  BOOST_TEST(next.front().stopping);
}

BOOST_AUTO_TEST_CASE(a_new_session_is_told_again_that_the_node_is_about_to_end) {
  join();
  subject.stopping(now);
  for (const auto& beat : beats()) answer(beat.number);
  BOOST_TEST(subject.stopping_is_known());
  subject.connection_lost(now);
  BOOST_TEST(!subject.stopping_is_known());
  now = subject.next_deadline();
  subject.timer(now);
  join();
  const auto first = beats();
  BOOST_REQUIRE(first.size() == 1U);
  BOOST_TEST(first.front().stopping);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
