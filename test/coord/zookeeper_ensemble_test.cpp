// The register at three ZooKeeper servers.
#include "coord/raw_zookeeper.hpp"
#include "coord/register_user.hpp"
#include "coord/zookeeper_installed.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ssdfs;
using coord::register_state;
using coord::set_outcome;
namespace utf = boost::unit_test;

namespace {

struct ensemble_scene {
  ensemble_scene() { BOOST_TEST_REQUIRE(servers.wait_all_serving()); }

  // Changes the register until it holds `number`, as one does who does not know whether a change
  // was made: the same change again, until it is answered or seen.
  void change(test::register_user& who, int number) {
    for (;;) {
      const auto now = who.read();
      if (!now) {
        BOOST_TEST_REQUIRE(who.sees(register_state::ready));
        continue;
      }
      if (now->content == test::register_text("shop", number)) return;
      if (who.set(now->version, number).outcome == set_outcome::done) return;
    }
  }
  [[nodiscard]] std::size_t index_of(const std::string& address) const {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (servers.address(i) == address) return i;
    }
    return 0;
  }

  test::zookeeper_servers servers{3};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(zookeeper_ensemble, *utf::precondition(test::zookeeper_installed))

// One case, for the servers take their time to start.
BOOST_FIXTURE_TEST_CASE(of_three_servers_any_one_may_hang_or_die_and_all_may_lose_everything,
                        ensemble_scene) {
  test::register_user a(test::hasty_options(servers.addresses()));
  test::register_user b(test::hasty_options(servers.addresses()));
  BOOST_TEST_REQUIRE(a.sees(register_state::missing));
  while (a.create(1).outcome == set_outcome::not_made) BOOST_TEST(!a.reg().view().server.empty());
  BOOST_TEST(b.sees(register_state::ready));
  change(b, 2);

  BOOST_TEST_MESSAGE("the server that is connected to hangs");
  const std::size_t hung = index_of(a.reg().view().server);
  servers.pause(hung);
  change(a, 3);
  BOOST_TEST(a.reg().view().server != servers.address(hung));
  change(b, 4);
  servers.go_on(hung);
  BOOST_TEST(servers.wait_serving(hung));

  BOOST_TEST_MESSAGE("the server that is connected to is killed");
  BOOST_TEST(a.sees(register_state::ready));
  const std::size_t dead = index_of(a.reg().view().server);
  servers.kill(dead);
  change(a, 5);
  BOOST_TEST(a.reg().view().server != servers.address(dead));

  BOOST_TEST_MESSAGE("there is no majority");
  const std::size_t second = (dead + 1) % servers.size();
  const std::size_t last = (dead + 2) % servers.size();
  servers.kill(second);
  BOOST_TEST(a.sees(register_state::away));
  BOOST_TEST(a.tells({servers.address(dead) + ": Connection refused",
                      servers.address(last) + ": it reaches no majority"}));
  BOOST_TEST((a.set(5, 6).outcome == set_outcome::not_made));
  servers.start(second);
  BOOST_TEST(a.sees(register_state::ready));
  BOOST_TEST(a.read().value().content == "shop 5");
  change(b, 7);
  servers.start(dead);
  BOOST_TEST(servers.wait_serving(dead));
  change(a, 8);

  BOOST_TEST_MESSAGE("one has lost its data and learns them from the others");
  servers.kill(dead);
  servers.lose_data(dead);
  servers.start(dead);
  BOOST_TEST(servers.wait_serving(dead));
  test::register_user at_that_one(test::patient_options(servers.address(dead)));
  BOOST_TEST(at_that_one.sees(register_state::ready));
  BOOST_TEST(at_that_one.read().value().content == "shop 8");

  BOOST_TEST_MESSAGE("all have lost their data");
  for (std::size_t i = 0; i < servers.size(); ++i) servers.kill(i);
  for (std::size_t i = 0; i < servers.size(); ++i) servers.lose_data(i);
  for (std::size_t i = 0; i < servers.size(); ++i) servers.start(i);
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST(b.sees(register_state::missing));
  BOOST_TEST((a.set(8, 9).outcome == set_outcome::not_made));
}

BOOST_AUTO_TEST_SUITE_END()
