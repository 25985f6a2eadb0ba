#include "util/memory_register.hpp"

#include "coord/register_text.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace ssdfs;
using coord::register_state;
using coord::set_outcome;

namespace {

// One member and what it has heard.
struct memory_member {
  memory_member(test::memory_service& service, boost::asio::io_context& io)
      : reg(service, test::judge_of("shop"), io.get_executor()), io_(io) {}

  std::optional<result<coord::register_value>> read() {
    std::optional<result<coord::register_value>> got;
    reg.async_read(1'000, [&](result<coord::register_value> r) { got = std::move(r); });
    BOOST_TEST(!got.has_value());  // never from within the call
    run();
    return got;
  }
  void begin_set(std::int64_t replaced, int number) {
    outcome.reset();
    reg.async_set(replaced, test::register_text("shop", number), 1'000,
                  [this](coord::set_result r) {
                    BOOST_TEST(!outcome.has_value());
                    outcome = r.outcome;
                    version = r.version;
                  });
    run();
  }
  void run() {
    io_.restart();
    io_.poll();
  }

  coord::shared_register& seam() { return reg; }

  test::memory_register reg;
  std::optional<set_outcome> outcome;
  std::int64_t version = -1;

 private:
  boost::asio::io_context& io_;
};

struct memory_scene {
  boost::asio::io_context io;
  test::memory_service service;
  memory_member a{service, io};
  memory_member b{service, io};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(memory_register_suite, memory_scene)

BOOST_AUTO_TEST_CASE(is_changed_by_whoever_knows_its_version) {
  BOOST_TEST((a.read()->error() == errc::not_found));
  BOOST_TEST((a.reg.view().state == register_state::missing));
  std::optional<coord::set_result> made;
  a.reg.async_create(test::register_text("shop", 1), 1'000, [&](coord::set_result r) { made = r; });
  a.run();
  BOOST_TEST_REQUIRE(made.has_value());
  BOOST_TEST((made->outcome == set_outcome::done));
  b.reg.async_create(test::register_text("shop", 2), 1'000, [&](coord::set_result r) { made = r; });
  b.run();
  BOOST_TEST((made->outcome == set_outcome::refused));

  BOOST_TEST(b.read()->value().content == "shop 1");
  a.begin_set(0, 3);
  BOOST_TEST((a.outcome == set_outcome::done));
  BOOST_TEST(a.version == 1);
  b.begin_set(0, 4);
  BOOST_TEST((b.outcome == set_outcome::refused));
  BOOST_TEST(service.value()->content == "shop 3");
  BOOST_TEST(b.reg.view().version.value() == 1);
}

BOOST_AUTO_TEST_CASE(a_change_without_an_answer_is_unknown_whether_it_was_made_or_not) {
  service.put("shop 1");
  a.reg.next_change(test::change_fate::answer_lost);
  a.begin_set(0, 2);
  BOOST_TEST(!a.outcome.has_value());
  service.advance(1'000);
  a.run();
  BOOST_TEST((a.outcome == set_outcome::unknown));
  BOOST_TEST(service.value()->content == "shop 2");

  a.reg.next_change(test::change_fate::lost);
  a.begin_set(1, 3);
  service.advance(1'000);
  a.run();
  BOOST_TEST((a.outcome == set_outcome::unknown));
  BOOST_TEST(service.value()->content == "shop 2");

  a.reg.next_change(test::change_fate::made_late);
  a.begin_set(1, 4);
  service.advance(1'000);
  a.run();
  BOOST_TEST((a.outcome == set_outcome::unknown));
  BOOST_TEST(service.value()->content == "shop 2");
  service.make_late();
  BOOST_TEST(service.value()->content == "shop 4");
  // Sent again it is answered, and that settles the matter.
  a.begin_set(1, 5);
  BOOST_TEST((a.outcome == set_outcome::refused));
}

BOOST_AUTO_TEST_CASE(a_change_is_made_although_its_member_is_gone) {
  service.put("shop 1");
  {
    memory_member gone(service, io);
    gone.reg.delay(100, 100);
    gone.begin_set(0, 2);
    gone.reg.stop();
    gone.run();
    BOOST_TEST((gone.outcome == set_outcome::unknown));
  }
  service.advance(100);
  BOOST_TEST(service.value()->content == "shop 2");
}

BOOST_AUTO_TEST_CASE(calls_take_the_time_that_they_are_given) {
  service.put("shop 1");
  a.reg.delay(300, 300);
  std::optional<result<coord::register_value>> got;
  a.reg.async_read(1'000, [&](result<coord::register_value> r) { got = std::move(r); });
  service.advance(599);
  a.run();
  BOOST_TEST(!got.has_value());
  service.advance(1);
  a.run();
  BOOST_TEST(got->value().content == "shop 1");

  a.reg.delay(600, 600);
  got.reset();
  a.reg.async_read(1'000, [&](result<coord::register_value> r) { got = std::move(r); });
  service.advance(1'000);
  a.run();
  BOOST_TEST((got->error() == errc::timed_out));
  got.reset();
  service.advance(1'000);
  a.run();
  BOOST_TEST(!got.has_value());
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_while_it_is_away) {
  service.put("shop 1");
  service.away(true);
  BOOST_TEST((a.reg.view().state == register_state::away));
  a.begin_set(0, 2);
  BOOST_TEST((a.outcome == set_outcome::not_made));
  BOOST_TEST((a.read()->error() == errc::connection));
  service.away(false);
  BOOST_TEST(service.value()->content == "shop 1");
  a.begin_set(0, 2);
  BOOST_TEST((a.outcome == set_outcome::done));

  // Of one member alone, and with a change on its way.
  b.reg.delay(100, 100);
  b.begin_set(1, 3);
  b.reg.cut(true);
  b.run();
  BOOST_TEST((b.outcome == set_outcome::unknown));
  BOOST_TEST((a.reg.view().state == register_state::ready));
  service.advance(100);
  BOOST_TEST(service.value()->content == "shop 3");
}

BOOST_AUTO_TEST_CASE(an_expired_session_loses_what_is_on_its_way) {
  service.put("shop 1");
  a.reg.delay(100, 100);
  a.begin_set(0, 2);
  a.reg.expire();
  a.run();
  BOOST_TEST((a.outcome == set_outcome::unknown));
  BOOST_TEST((a.reg.view().state == register_state::ready));
}

BOOST_AUTO_TEST_CASE(reads_may_lag_and_changes_do_not) {
  service.put("shop 1");
  service.put("shop 2");
  a.reg.lag(1);
  BOOST_TEST(a.read()->value().content == "shop 1");
  a.begin_set(0, 3);
  BOOST_TEST((a.outcome == set_outcome::refused));
  a.begin_set(1, 3);  // newer than what this member has seen
  BOOST_TEST((a.outcome == set_outcome::not_made));
}

BOOST_AUTO_TEST_CASE(what_is_not_ours_is_neither_read_nor_written) {
  service.put("bakery 1");
  BOOST_TEST((a.read()->error() == errc::wrong_cluster));
  BOOST_TEST((a.reg.view().state == register_state::other_cluster));
  a.begin_set(0, 2);
  BOOST_TEST((a.outcome == set_outcome::not_made));
  service.put("garbage");
  BOOST_TEST((a.read()->error() == errc::damaged));
  BOOST_TEST((a.reg.view().state == register_state::foreign));
  service.put("shop 1");
  std::optional<coord::set_result> got;
  a.reg.async_set(2, "bakery 2", 1'000, [&](coord::set_result r) { got = r; });
  a.run();
  BOOST_TEST((got->outcome == set_outcome::not_made));
  BOOST_TEST((got->why == errc::wrong_cluster));
  a.reg.async_set(2, "shop " + std::string(coord::max_register_bytes, 'x'), 1'000,
                  [&](coord::set_result r) { got = r; });
  a.run();
  BOOST_TEST((got->why == errc::too_large));
}

BOOST_AUTO_TEST_CASE(a_register_that_was_put_back_or_made_again_is_not_changed_by_its_old_version) {
  service.put("shop 1");
  service.put("shop 2");
  service.restore({0, "shop 1"});
  a.begin_set(1, 3);
  BOOST_TEST((a.outcome == set_outcome::not_made));
  service.remove();
  BOOST_TEST((a.reg.view().state == register_state::missing));
  a.begin_set(0, 3);
  BOOST_TEST((a.outcome == set_outcome::not_made));
}

BOOST_AUTO_TEST_CASE(the_observer_hears_of_the_newest_view_only) {
  std::vector<coord::register_view> heard;
  a.reg.observe([&](const coord::register_view& v) { heard.push_back(v); });
  a.run();
  BOOST_TEST_REQUIRE(heard.size() == 1U);
  BOOST_TEST((heard[0].state == register_state::missing));
  service.put("shop 1");
  service.put("shop 2");
  a.run();
  BOOST_TEST_REQUIRE(heard.size() == 2U);
  BOOST_TEST(heard[1].version.value() == 1);
  service.put("shop 3");
  a.reg.stop();
  a.run();
  BOOST_TEST(heard.size() == 2U);
  BOOST_TEST((a.reg.view().state == register_state::stopped));
}

BOOST_AUTO_TEST_CASE(calls_are_bounded_and_each_is_answered_once) {
  service.put("shop 1");
  a.reg.delay(10, 10);
  int busy = 0;
  int read = 0;
  int aborted = 0;
  const auto count = [&](result<coord::register_value> r) {
    if (r) {
      ++read;
    } else {
      ++(r.error() == errc::busy ? busy : aborted);
    }
  };
  for (int i = 0; i < coord::max_register_calls + 3; ++i) a.reg.async_read(1'000, count);
  service.advance(20);
  a.run();
  BOOST_TEST(busy == 3);
  BOOST_TEST(read == coord::max_register_calls);
  a.reg.async_read(1'000, count);
  a.reg.stop();
  a.reg.async_read(1'000, count);
  service.advance(1'000);
  a.run();
  BOOST_TEST(aborted == 2);
  BOOST_TEST(read == coord::max_register_calls);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(register_states)

BOOST_AUTO_TEST_CASE(each_has_a_name_and_one_of_three_words_in_reports) {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(register_state::stopped); ++i) {
    const auto state = static_cast<register_state>(i);
    const std::string name(coord::name_of(state));
    BOOST_TEST(name != "unknown");
    BOOST_TEST((std::find(names.begin(), names.end(), name) == names.end()));
    names.push_back(name);
    const std::string word(coord::summary_of(state));
    BOOST_TEST((word == "connected" || word == "away" || word == "foreign"));
    BOOST_TEST((word == "connected") == coord::usable(state));
  }
  BOOST_TEST(coord::summary_of(register_state::other_cluster) == "foreign");
  BOOST_TEST(coord::summary_of(register_state::missing) == "away");
}

BOOST_AUTO_TEST_SUITE_END()
