#include "base/histogram.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <vector>

using ssdfs::histogram;

BOOST_AUTO_TEST_SUITE(histogram_suite)

BOOST_AUTO_TEST_CASE(empty_says_zero) {
  const auto s = histogram{}.summary();
  BOOST_TEST(s.count == 0u);
  BOOST_TEST(s.p50 == 0u);
  BOOST_TEST(s.max == 0u);
}

BOOST_AUTO_TEST_CASE(small_values_are_exact) {
  histogram h;
  for (std::uint64_t v = 1; v <= 10; ++v) h.record(v);
  const auto s = h.summary();
  BOOST_TEST(s.count == 10u);
  BOOST_TEST(s.sum == 55u);
  BOOST_TEST(s.p50 == 5u);
  BOOST_TEST(s.p99 == 10u);
  BOOST_TEST(s.max == 10u);
}

BOOST_AUTO_TEST_CASE(percentiles_are_at_most_a_sixteenth_too_high) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> values;
  histogram h;
  for (int i = 0; i < 20000; ++i) {
    values.push_back(random() >> (24 + random() % 40));
    h.record(values.back());
  }
  std::sort(values.begin(), values.end());
  const auto check = [&](std::uint64_t got, std::size_t per_mille) {
    const std::uint64_t want = values[(values.size() * per_mille + 999) / 1000 - 1];
    BOOST_TEST(got >= want);
    BOOST_TEST(got <= want + want / 16);
  };
  const auto s = h.summary();
  check(s.p50, 500);
  check(s.p95, 950);
  check(s.p99, 990);
  check(s.p999, 999);
  BOOST_TEST(s.max == values.back());
}

BOOST_AUTO_TEST_CASE(huge_values_share_the_last_bucket) {
  histogram h;
  h.record(~std::uint64_t{0});
  h.record(std::uint64_t{1} << 50);
  const auto s = h.summary();
  BOOST_TEST(s.count == 2u);
  BOOST_TEST(s.max == ~std::uint64_t{0});
  BOOST_TEST(s.p50 <= s.max);
}

BOOST_AUTO_TEST_SUITE_END()
