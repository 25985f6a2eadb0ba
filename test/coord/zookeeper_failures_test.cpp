// The register while ZooKeeper's only server, or the way to it, fails.
#include "coord/raw_zookeeper.hpp"
#include "coord/register_user.hpp"
#include "coord/server_finder.hpp"
#include "coord/tcp_proxy.hpp"
#include "coord/zookeeper_installed.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

using namespace ssdfs;
using coord::register_state;
using coord::set_outcome;
namespace utf = boost::unit_test;

namespace {

struct failure_scene {
  failure_scene() {
    static std::atomic<int> next{1};
    root = "/f" + std::to_string(next++);
    test::raw_zookeeper(server.address(0)).make(root);
  }
  [[nodiscard]] std::string address() const { return server.address(0) + root; }

  test::zookeeper_servers& server = test::shared_zookeeper();
  std::string root;
};

// The same through a proxy, and a second user who is not disturbed.
struct proxy_scene : failure_scene {
  proxy_scene() {
    BOOST_TEST(other.sees(register_state::missing));
    BOOST_TEST((other.create(1).outcome == set_outcome::done));
    BOOST_TEST(other.sees(register_state::ready, 0));
    BOOST_TEST(user.sees(register_state::ready, 0));
  }
  // Changes until one is made; the number of those whose outcome is not known.
  int change(test::register_user& who, int number) {
    for (int unknown = 0;;) {
      BOOST_TEST_REQUIRE(who.sees(register_state::ready));
      const auto now = who.read();
      if (!now) continue;
      if (now->content == test::register_text("shop", number)) return unknown;
      const auto got = who.set(now->version, number);
      if (got.outcome == set_outcome::done) return unknown;
      if (got.outcome == set_outcome::unknown) ++unknown;
    }
  }

  test::tcp_proxy proxy{server.port(0)};
  test::register_user other{test::patient_options(address())};
  test::register_user user{test::hasty_options(proxy.address() + root)};
};

std::size_t descriptors() {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++n;
  }
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(zookeeper_nowhere)

BOOST_AUTO_TEST_CASE(an_address_where_nobody_is_is_named_with_its_reason) {
  const test::free_port closed;
  test::register_user a(test::patient_options(closed.address()));
  BOOST_TEST(a.sees(register_state::away));
  BOOST_TEST(a.tells({"ZooKeeper does not answer", closed.address() + ": Connection refused"}));
  BOOST_TEST((a.read().error() == errc::connection));
  BOOST_TEST((a.set(0, 1).outcome == set_outcome::not_made));
  BOOST_TEST((a.create(1).outcome == set_outcome::not_made));
}

BOOST_AUTO_TEST_CASE(a_server_that_accepts_and_says_nothing_is_named) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor deaf(io, {boost::asio::ip::address_v4::loopback(), 0});
  const std::string address = "127.0.0.1:" + std::to_string(deaf.local_endpoint().port());
  test::register_user a(test::hasty_options(address));
  BOOST_TEST(a.sees(register_state::away));
  BOOST_TEST(a.tells({address + ": no answer in 400 ms"}));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_none_is_named) {
  coord::zookeeper_options options = test::hasty_options("nowhere.invalid:2181");
  test::register_user a(options);
  BOOST_TEST(a.sees(register_state::away));
  // A resolver that does not answer may take longer than a round.
  BOOST_TEST(a.tells({"nowhere.invalid:2181: its name"}));
}

BOOST_AUTO_TEST_CASE(what_a_server_says_of_itself_is_understood) {
  BOOST_TEST(coord::problem_in_answer("Zookeeper version: 3.8.0\nMode: follower\n") == "");
  BOOST_TEST(coord::problem_in_answer("srvr is not executed because it is not in the whitelist.") ==
             "");
  BOOST_TEST(coord::problem_in_answer("This ZooKeeper instance is not currently serving requests")
                 .find("majority") != std::string::npos);
  BOOST_TEST(coord::problem_in_answer("Mode: read-only\n").find("majority") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_what_a_server_has_said_is_definite) {
  using coord::answer_code;
  for (const int code : std::initializer_list<int>{
           ZSYSTEMERROR, ZRUNTIMEINCONSISTENCY, ZCONNECTIONLOSS, ZMARSHALLINGERROR,
           ZOPERATIONTIMEOUT, ZSESSIONEXPIRED, ZCLOSING, ZINVALIDSTATE, -4711}) {
    BOOST_TEST((coord::answer_of(code) == answer_code::lost));
  }
  BOOST_TEST((coord::answer_of(ZOK) == answer_code::ok));
  BOOST_TEST((coord::answer_of(ZBADVERSION) == answer_code::bad_version));
  BOOST_TEST((coord::answer_of(ZSESSIONMOVED) == answer_code::refused));
  BOOST_TEST((coord::answer_of(ZNOAUTH) == answer_code::no_auth));
  BOOST_TEST((coord::answer_of(ZNONODE) == answer_code::no_node));
  BOOST_TEST((coord::answer_of(ZNODEEXISTS) == answer_code::exists));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(zookeeper_failures, *utf::precondition(test::zookeeper_installed))

BOOST_FIXTURE_TEST_CASE(a_change_whose_answer_is_lost_is_unknown_and_seen_by_its_content,
                        proxy_scene) {
  proxy.lose_answers(true);
  BOOST_TEST((user.set(0, 7).outcome == set_outcome::unknown));
  proxy.lose_answers(false);
  BOOST_TEST(other.sees(register_state::ready, 1));
  BOOST_TEST(user.sees(register_state::ready, 1));
  // Sent again, it is known to be none of its own.
  BOOST_TEST((user.set(0, 8).outcome == set_outcome::refused));
  BOOST_TEST(other.read().value().content == "shop 7");
}

BOOST_FIXTURE_TEST_CASE(a_change_that_is_lost_is_unknown_and_may_be_sent_again, proxy_scene) {
  proxy.lose_requests(true);
  BOOST_TEST((user.set(0, 7).outcome == set_outcome::unknown));
  proxy.lose_requests(false);
  BOOST_TEST(other.read().value().content == "shop 1");
  static_cast<void>(change(user, 8));
  BOOST_TEST(other.read().value().content == "shop 8");
}

BOOST_FIXTURE_TEST_CASE(a_session_that_expires_is_followed_by_another, proxy_scene) {
  for (int round = 0; round < 2; ++round) {
    // The server hears nothing for longer than the session lives, and ends it.
    proxy.lose_requests(true);
    BOOST_TEST(user.sees(register_state::away));
    BOOST_TEST(user.tells({"no answer in 400 ms"}));
    std::this_thread::sleep_for(std::chrono::milliseconds(900));
    proxy.lose_requests(false);
    BOOST_TEST(user.sees(register_state::ready));
    static_cast<void>(change(user, 100 + round));
  }
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_breaks_is_replaced_and_leaves_nothing_behind,
                        proxy_scene) {
  static_cast<void>(change(user, 2));
  const std::size_t before = descriptors();
  for (int i = 0; i < 10; ++i) {
    proxy.cut();
    BOOST_TEST(user.passes(register_state::connecting));
    BOOST_TEST(user.sees(register_state::ready));
  }
  static_cast<void>(change(user, 3));
  // Two connections may be on their way out, or the next probes on their way in.
  BOOST_TEST(descriptors() <= before + 16);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_hangs_is_away_until_it_goes_on, failure_scene) {
  test::register_user a(test::hasty_options(address()));
  BOOST_TEST(a.sees(register_state::missing));
  while (a.create(1).outcome != set_outcome::done) BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST(a.sees(register_state::ready, 0));
  server.pause(0);
  const auto got = a.set(0, 2).outcome;
  BOOST_TEST((got == set_outcome::unknown || got == set_outcome::not_made));
  BOOST_TEST(a.sees(register_state::away));
  BOOST_TEST((a.set(0, 3).outcome == set_outcome::not_made));
  server.go_on(0);
  BOOST_TEST(a.sees(register_state::ready));
  if (got == set_outcome::not_made) BOOST_TEST(a.read().value().content == "shop 1");
}

BOOST_FIXTURE_TEST_CASE(a_server_that_is_killed_is_away_until_it_is_back_with_what_it_knew,
                        failure_scene) {
  test::register_user a(test::patient_options(address()));
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.create(1).outcome == set_outcome::done));
  BOOST_TEST(a.sees(register_state::ready, 0));
  BOOST_TEST((a.set(0, 2).outcome == set_outcome::done));
  server.kill(0);
  BOOST_TEST(a.sees(register_state::away));
  BOOST_TEST(a.tells({server.address(0) + ": Connection refused"}));
  server.start(0);
  BOOST_TEST(a.sees(register_state::ready, 1));
  BOOST_TEST((a.set(1, 3).outcome == set_outcome::done));
}

BOOST_AUTO_TEST_CASE(a_server_that_has_lost_everything_has_no_register) {
  test::zookeeper_servers server(1);
  BOOST_TEST_REQUIRE(server.wait_all_serving());
  test::register_user a(test::patient_options(server.address(0)));
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.create(1).outcome == set_outcome::done));
  for (int i = 0; i < 20; ++i) {
    BOOST_TEST(a.sees(register_state::ready, i));
    BOOST_TEST((a.set(i, i).outcome == set_outcome::done));
  }
  server.kill(0);
  server.lose_data(0);
  server.start(0);
  // Not kept out for having seen later changes than the server has.
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST(a.tells({"its data were lost"}));
  BOOST_TEST((a.set(20, 1).outcome == set_outcome::not_made));
}

// ---- the object's end --------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(it_may_be_destroyed_with_calls_on_their_way, failure_scene) {
  {
    test::register_user a(test::patient_options(address()));
    BOOST_TEST(a.sees(register_state::missing));
    BOOST_TEST((a.create(1).outcome == set_outcome::done));
  }
  boost::asio::io_context deaf_io;
  boost::asio::ip::tcp::acceptor deaf(deaf_io, {boost::asio::ip::address_v4::loopback(), 0});
  const test::free_port closed;
  const std::string addresses[] = {
      address(), "127.0.0.1:" + std::to_string(deaf.local_endpoint().port()), closed.address(),
      "localhost:" + std::to_string(server.port(0)) + root};
  std::atomic<int> begun{0};
  std::atomic<int> answered{0};
  {
    test::io_threads threads(2);
    for (int round = 0; round < 60; ++round) {
      coord::zookeeper_register reg(test::hasty_options(addresses[round % 4]),
                                    threads.context().get_executor());
      const auto seen = std::make_shared<std::promise<void>>();
      const auto told = std::make_shared<std::atomic<bool>>(false);
      reg.observe([seen, told](const coord::register_view& v) {
        if (v.state != register_state::connecting && !told->exchange(true)) seen->set_value();
      });
      // In some rounds it is connected by then, in others it is about to be.
      if (round % 8 == 0) seen->get_future().wait_for(std::chrono::seconds(10));
      for (int i = 0; i < 5; ++i) {
        begun += 3;
        reg.async_read(1'000, [&](const result<coord::register_value>&) { ++answered; });
        reg.async_set(0, "shop 2", 1'000, [&](const coord::set_result&) { ++answered; });
        reg.async_create("shop 3", 1'000, [&](const coord::set_result&) { ++answered; });
      }
      if (round % 3 == 0) {
        reg.stop();
        begun += 1;
        reg.async_read(1'000, [&](const result<coord::register_value>& r) {
          if (r.has_error() && r.error() == errc::aborted) ++answered;
        });
      }
    }
    for (int i = 0; i < 6'000 && answered != begun; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  BOOST_TEST(answered == begun);
}

BOOST_AUTO_TEST_CASE(an_end_of_the_process_need_not_wait_for_a_server_that_hangs) {
  test::zookeeper_servers server(1);
  BOOST_TEST_REQUIRE(server.wait_all_serving());
  std::atomic<int> answered{0};
  test::io_threads threads(1);
  coord::zookeeper_options options = test::patient_options(server.address(0));
  std::promise<void> missing;
  std::atomic<bool> told{false};
  coord::zookeeper_register reg(options, threads.context().get_executor());
  reg.observe([&](const coord::register_view& v) {
    if (v.state == register_state::missing && !told.exchange(true)) missing.set_value();
  });
  missing.get_future().get();
  server.pause(0);
  reg.async_create("shop 1", 20'000, [&](const coord::set_result&) { ++answered; });
  const auto begin = std::chrono::steady_clock::now();
  reg.abandon();
  // To close the connection would take 1.5 s at least, which the library waits for the answer.
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(1'000)));
  BOOST_TEST(answered == 0);
}

BOOST_AUTO_TEST_SUITE_END()
