// Repeats of operations get the recorded result.
#include "meta/log_clock.hpp"
#include "meta/state_util.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::meta {
namespace {

using test::require_error;
using test::state_rig;
using test::test_client;

operation op(std::uint64_t sequence, std::uint64_t low = 1, std::uint8_t client = 1) {
  return {test_client(client), sequence, low};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(state_results)

BOOST_AUTO_TEST_CASE(a_repeat_gets_the_first_answer) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  auto first = rig.create("/f", v, key, 10, false, op(1));
  BOOST_REQUIRE(first.has_value());
  auto second = rig.create("/f", v, key, 10, false, op(1));
  BOOST_REQUIRE_MESSAGE(second.has_value(), test::why(second));
  BOOST_TEST((*second == *first));

  auto moved = rig.rename("/f", "/g", false, op(2));
  BOOST_TEST((*rig.rename("/f", "/g", false, op(2)) == *moved));
  auto gone = rig.remove("/g", false, false, op(3));
  BOOST_TEST(gone->path != "");
  BOOST_TEST((*rig.remove("/g", false, false, op(3)) == *gone));
  auto made = rig.mkdir("/g", false, op(4));
  BOOST_TEST((*rig.mkdir("/g", false, op(4)) == *made));
  // A repeated removal does not hit the newer entry of that name.
  BOOST_TEST((*rig.remove("/g", false, false, op(3)) == *gone));
  BOOST_TEST(rig.exists("/g"));

  // All of it from the log alone, too.
  auto twin = rig.replay();
  auto found = twin->results().find(op(3));
  BOOST_REQUIRE(found.has_value() && *found != nullptr);
  BOOST_TEST((**found == *gone));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_repeated_while_the_process_lives) {
  state_rig rig;
  require_error(rig.remove("/f", false, false, op(1)), errc::not_found);
  BOOST_REQUIRE(rig.touch("/f", op(1, 1, 2)).has_value());
  // Somebody else's newer file survives the late duplicate.
  require_error(rig.remove("/f", false, false, op(1)), errc::not_found);
  BOOST_TEST(rig.exists("/f"));
  // What the cluster's situation caused may be tried again with the same number.
  rig.state().remember_failure(op(2), failure(errc::busy));
  rig.state().remember_failure(op(2), failure(errc::regrant));
  BOOST_TEST(rig.remove("/f", false, false, op(2)).has_value());
}

BOOST_AUTO_TEST_CASE(answered_operations_are_forgotten_and_not_done_again) {
  state_rig rig;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    BOOST_REQUIRE(rig.touch("/f" + std::to_string(i), op(i, 1)).has_value());
  }
  BOOST_TEST(rig.state().results().size() == 10U);
  BOOST_REQUIRE(rig.touch("/g", op(11, 9)).has_value());
  BOOST_TEST(rig.state().results().size() == 3U);
  require_error(rig.touch("/f1", op(1, 1)), errc::invalid_argument);
  require_error(rig.touch("/h", op(12, 13)), errc::invalid_argument);
  // Gaps and disorder are fine.
  BOOST_REQUIRE(rig.touch("/h", op(20, 9)).has_value());
  BOOST_REQUIRE(rig.touch("/i", op(15, 9)).has_value());
  BOOST_TEST(rig.touch("/i", op(15, 9)).has_value());
  BOOST_TEST(rig.touch("/h", op(20, 9)).has_value());
}

BOOST_AUTO_TEST_CASE(results_live_for_ten_minutes_of_log_time) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/a", op(1)).has_value());
  rig.advance(operation_results::retention_ms - 1);
  BOOST_REQUIRE(rig.touch("/b", op(1, 1, 2)).has_value());
  BOOST_TEST(rig.touch("/a", op(1)).has_value());
  rig.advance(1);
  BOOST_REQUIRE(rig.touch("/c", op(2, 1, 2)).has_value());
  BOOST_TEST(rig.state().results().size() == 2U);
  require_error(rig.touch("/a", op(1)), errc::exists);
  // One client that never moves on loses its old results, too.
  rig.advance(operation_results::retention_ms - 1);
  BOOST_REQUIRE(rig.touch("/d", op(3, 1, 2)).has_value());
  BOOST_TEST(rig.state().results().size() == 2U);
}

BOOST_AUTO_TEST_CASE(log_time_neither_jumps_nor_goes_back) {
  constexpr std::int64_t day = 86'400'000;
  log_clock clock(1'000'000, 1'005'000, 0);
  BOOST_TEST(clock.now_ms() == 1'005'000);
  BOOST_TEST(clock.tick(1'006'000, 1'000) == 1'006'000);
  BOOST_TEST(clock.tick(1'006'005, 1'005) == 1'006'000);
  // The wall clock jumps a year ahead, then behind.
  BOOST_TEST(clock.tick(365 * day, 2'000) == 1'008'000);
  BOOST_TEST(clock.tick(0, 3'000) == 1'008'500);
  BOOST_TEST(clock.tick(1'009'500, 4'000) == 1'009'500);
  // Down for long, or with a clock that was wrong: a day of it is believed.
  BOOST_TEST(log_clock(1'000'000, 30 * day, 0).now_ms() == 1'000'000 + day);
  BOOST_TEST(log_clock(1'000'000, 5, 0).now_ms() == 1'000'000);
  BOOST_TEST(log_clock(0, 30 * day, 0).now_ms() == 30 * day);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
