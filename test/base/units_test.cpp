#include "base/units.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;

BOOST_AUTO_TEST_SUITE(units)

BOOST_AUTO_TEST_CASE(sizes_are_read) {
  struct row {
    const char* text;
    std::uint64_t bytes;
  };
  for (const row& r : {row{"0", 0}, row{"4096", 4096}, row{"4KiB", 4096}, row{"4k", 4096},
                       row{"1.5GiB", 1610612736}, row{"1g", GiB}, row{"2TiB", 2 * TiB},
                       row{"7b", 7}, row{"0.5K", 512}, row{"1GIB", GiB}}) {
    const auto got = parse_size(r.text);
    BOOST_TEST_REQUIRE(got.has_value(), r.text);
    BOOST_TEST(*got == r.bytes, r.text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_size_is_refused) {
  for (const char* text : {"", "KiB", "-1", "1 KiB", "1KB", "1PiB", "abc", "1e3", "inf", "nan",
                           "0x10", "99999999999TiB", "1KiBx"}) {
    BOOST_TEST((parse_size(text).has_error()), text);
  }
  BOOST_TEST((parse_size("1KB").error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(times_are_read) {
  struct row {
    const char* text;
    std::int64_t ms;
  };
  for (const row& r : {row{"0", 0}, row{"250ms", 250}, row{"1s", 1000}, row{"10m", 600000},
                       row{"24h", 86400000}, row{"1.5s", 1500}, row{"0s", 0}, row{"2H", 7200000}}) {
    const auto got = parse_duration_ms(r.text);
    BOOST_TEST_REQUIRE(got.has_value(), r.text);
    BOOST_TEST(*got == r.ms, r.text);
  }
  for (const char* text : {"", "10", "-1s", "1d", "s", "1 s", "1sec", "1e300h"}) {
    BOOST_TEST(parse_duration_ms(text).has_error(), text);
  }
}

BOOST_AUTO_TEST_CASE(sizes_are_shown_for_people) {
  BOOST_TEST(format_size(0) == "0 B");
  BOOST_TEST(format_size(1023) == "1023 B");
  BOOST_TEST(format_size(1024) == "1.0 KiB");
  BOOST_TEST(format_size(1536) == "1.5 KiB");
  BOOST_TEST(format_size(MiB - 1) == "1.0 MiB");
  BOOST_TEST(format_size(GiB) == "1.0 GiB");
  BOOST_TEST(format_size(5 * TiB) == "5.0 TiB");
}

BOOST_AUTO_TEST_CASE(times_are_shown_so_that_they_can_be_read_again) {
  for (const std::int64_t ms : {0L, 1L, 250L, 1000L, 1500L, 60000L, 600000L, 86400000L, 90000L}) {
    BOOST_TEST(parse_duration_ms(format_duration_ms(ms)).value() == ms);
  }
  BOOST_TEST(format_duration_ms(600000) == "10m");
  BOOST_TEST(format_duration_ms(1500) == "1500ms");
  BOOST_TEST(format_duration_ms(7200000) == "2h");
}

BOOST_AUTO_TEST_SUITE_END()
