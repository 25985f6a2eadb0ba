#include "cluster/placement.hpp"

#include <boost/test/unit_test.hpp>
BOOST_AUTO_TEST_SUITE(placement)
BOOST_AUTO_TEST_CASE(none) {
  ssdfs::cluster::random_source random(1);
  BOOST_TEST(ssdfs::cluster::choose_members({}, {}, random).empty());
}
BOOST_AUTO_TEST_SUITE_END()
