// What operators ask of the rebalance outlives the master: it is in the log and in images.
#include "master/master_fixture.hpp"
#include "wire/healing_messages.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <thread>

namespace ssdfs::test {
namespace {

struct rebalance_fixture : master_fixture {
  rebalance_fixture() { stay(); }

  /// From the next start on: nodes that might still come are waited for without end, so what is
  /// begun goes on.
  void wait_for_nodes(bool wait) {
    tweak = [wait](master::master_options& to) { to.stale_after_ms = wait ? 1'000'000'000 : 1; };
  }
  void stay() {
    wait_for_nodes(true);
    restart();
  }
  void restart() {
    stop();
    start();
  }
  /// The image that the stop has left is taken away: the next master replays the log.
  void replay() {
    stop();
    std::size_t removed = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options().data_dir)) {
      if (entry.path().extension() == ".ssi") removed += std::filesystem::remove(entry.path());
    }
    BOOST_TEST(removed > 0U);
    start();
  }

  result<wire::admin_rebalance_reply> ask(std::string_view action, std::uint32_t permille = 100) {
    caller c(threads.context(), server->address());
    return c.call(wire::admin_rebalance_request{action, permille});
  }
  wire::rebalance_state after(std::string_view action, std::uint32_t permille = 100) {
    const auto reply = ask(action, permille);
    BOOST_REQUIRE_MESSAGE(reply.has_value(), (reply ? std::string() : reply.error().message()));
    return reply->state;
  }
  void require_running(bool paused, std::uint32_t permille) {
    const auto now = after("status");
    BOOST_TEST(now.running);
    BOOST_TEST(now.paused == paused);
    BOOST_TEST(now.threshold_permille == permille);
  }
  void require_ended(const std::string& reason) {
    const auto now = after("status");
    BOOST_TEST(!now.running);
    BOOST_TEST(!now.paused);
    BOOST_TEST(now.reason == reason);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(rebalance, rebalance_fixture)

BOOST_AUTO_TEST_CASE(the_next_master_goes_on_with_it) {
  require_ended("none was ever asked for");
  BOOST_TEST(after("start", 250).running);
  restart();
  require_running(false, 250);
  replay();
  require_running(false, 250);
  // Another one takes its place.
  BOOST_TEST(after("start", 30).threshold_permille == 30U);
  replay();
  require_running(false, 30);
}

BOOST_AUTO_TEST_CASE(a_paused_one_stays_paused) {
  (void)after("start", 50);
  BOOST_TEST(after("pause").paused);
  BOOST_TEST(after("pause").paused);
  restart();
  require_running(true, 50);
  replay();
  require_running(true, 50);
  BOOST_TEST(!after("resume").paused);
  replay();
  require_running(false, 50);
}

BOOST_AUTO_TEST_CASE(a_stopped_one_stays_stopped) {
  (void)after("start", 50);
  (void)after("pause");
  const auto stopped = after("stop");
  BOOST_TEST(!stopped.running);
  BOOST_TEST(!stopped.paused);
  BOOST_TEST(stopped.threshold_permille == 50U);
  require_ended("stopped by an operator");
  restart();
  require_ended("stopped by an operator");
  replay();
  require_ended("stopped by an operator");
  for (const char* action : {"pause", "resume", "stop"}) {
    const auto refused = ask(action);
    BOOST_REQUIRE(refused.has_error());
    BOOST_TEST((refused.error() == errc::precondition));
  }
  BOOST_TEST(after("start").running);
}

BOOST_AUTO_TEST_CASE(its_end_is_logged) {
  (void)after("start", 50);
  wait_for_nodes(false);
  restart();  // there are no nodes, so nothing is left to do
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (after("status").running && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const auto ended = after("status");
  BOOST_TEST(!ended.running);
  BOOST_TEST(ended.reason.starts_with("done: "), ended.reason);
  stay();
  require_ended("done before this master started");
  replay();
  require_ended("done before this master started");
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused_and_not_logged) {
  for (const std::uint32_t permille : {0U, 1001U}) {
    BOOST_TEST((ask("start", permille).error() == errc::invalid_argument));
  }
  BOOST_TEST((ask("faster").error() == errc::invalid_argument));
  BOOST_TEST((ask("stop").error() == errc::precondition));
  require_ended("none was ever asked for");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
