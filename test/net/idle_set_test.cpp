#include "net/idle_set.hpp"

#include <boost/test/unit_test.hpp>

using ssdfs::net::idle_mark;
using ssdfs::net::idle_set;

BOOST_AUTO_TEST_SUITE(idle_set_test)

BOOST_AUTO_TEST_CASE(the_lowest_idle_member_is_first) {
  idle_set set(200);
  BOOST_TEST(set.first() == idle_set::none);
  for (const std::size_t member : {199U, 130U, 64U, 63U, 0U}) {
    set.set(member, true);
    BOOST_TEST(set.first() == member);
  }
  set.set(0, false);
  BOOST_TEST(set.first() == 63U);
  for (const std::size_t member : {63U, 64U, 130U}) set.set(member, false);
  BOOST_TEST(set.first() == 199U);
  set.set(199, false);
  BOOST_TEST(set.first() == idle_set::none);
}

BOOST_AUTO_TEST_CASE(a_mark_of_nothing_does_nothing) {
  const idle_mark none;
  none.set(true);
  const auto set = std::make_shared<idle_set>(3);
  const idle_mark mark(set, 2);
  BOOST_TEST(set->first() == 2U);  // idle from the start
  mark.set(false);
  BOOST_TEST(set->first() == idle_set::none);
}

BOOST_AUTO_TEST_SUITE_END()
