// What happens often is said once in a while, with how often it was.
#include "base/seldom.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs {
namespace {

BOOST_AUTO_TEST_SUITE(said_seldom)

BOOST_AUTO_TEST_CASE(the_first_is_said_and_the_others_are_counted) {
  seldom s(1000);
  BOOST_CHECK_EQUAL(s.happened(0), 1U);
  for (int i = 1; i < 1000; ++i) BOOST_CHECK_EQUAL(s.happened(i), 0U);
  BOOST_CHECK_EQUAL(s.happened(1000), 1000U);
  BOOST_CHECK_EQUAL(s.happened(1001), 0U);
  BOOST_CHECK_EQUAL(s.happened(9000), 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs
