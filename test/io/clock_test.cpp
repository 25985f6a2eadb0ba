#include "io/clock.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(clock_test)

BOOST_AUTO_TEST_CASE(steady_clock_never_goes_back) {
  std::int64_t last = ssdfs::io::steady_ns();
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t now = ssdfs::io::steady_ns();
    BOOST_REQUIRE_GE(now, last);
    last = now;
  }
  BOOST_TEST(ssdfs::io::wall_ms() > 1'600'000'000'000);
}

BOOST_AUTO_TEST_CASE(uuids_are_random_and_of_version_4) {
  const auto a = ssdfs::io::random_uuid();
  const auto b = ssdfs::io::random_uuid();
  BOOST_TEST((a != b));
  BOOST_TEST((a.version() == ssdfs::uuid::version_random_number_based));
  BOOST_TEST((a.variant() == ssdfs::uuid::variant_rfc_4122));
  BOOST_TEST(ssdfs::io::random_u64() != ssdfs::io::random_u64());
}

BOOST_AUTO_TEST_SUITE_END()
