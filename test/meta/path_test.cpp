// What is a path and what is not.
#include "meta/path.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::meta;

namespace {

bool fails_with(const result<void>& outcome, errc expected) {
  return outcome.has_error() && outcome.error() == expected;
}

std::string repeated(std::string_view unit, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += unit;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(path)

BOOST_AUTO_TEST_CASE(accepts_absolute_utf8_paths) {
  for (const char* good : {"/", "/a", "/image/product/iphone.jpg", "/...", "/.a", "/a..", "/..a",
                           "/a b", "/\x01\x7f", "/\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80",
                           "/\xed\x9f\xbf", "/\xee\x80\x80", "/\xf4\x8f\xbf\xbf", "/a\\b"}) {
    BOOST_TEST(check_path(good).has_value(), good);
  }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_not_a_path) {
  for (const char* bad :
       {"", "a", "a/b", "//", "/a/", "/a//b", "/.", "/..", "/a/.", "/a/../b", "/./a", "./a"}) {
    BOOST_TEST(fails_with(check_path(bad), errc::invalid_path), bad);
  }
  BOOST_TEST(fails_with(check_path(std::string_view("/a\0b", 4)), errc::invalid_path));
  BOOST_TEST(fails_with(check_path(std::string_view("/\0", 2)), errc::invalid_path));
}

BOOST_AUTO_TEST_CASE(refuses_malformed_utf8) {
  for (const char* bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe1\x80",
        "\xe1\x80\x41", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "\xfe", "\xf0\x9f\x98", "abcdefgh\x80", "abcdefg\xc3"}) {
    BOOST_TEST(!is_utf8(bad));
    BOOST_TEST(fails_with(check_path(std::string("/x/") + bad), errc::invalid_path));
  }
}

// Every two-byte string against the table of RFC 3629.
BOOST_AUTO_TEST_CASE(two_byte_sequences_are_those_of_the_standard) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char bytes[2] = {static_cast<char>(a), static_cast<char>(b)};
      const bool expected =
          (a < 0x80 && b < 0x80) || (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf);
      if (is_utf8({bytes, 2}) != expected) BOOST_FAIL("bytes " << a << ' ' << b);
    }
  }
}

BOOST_AUTO_TEST_CASE(lengths_are_limited) {
  BOOST_TEST(check_path("/" + std::string(255, 'n')).has_value());
  BOOST_TEST(fails_with(check_path("/" + std::string(256, 'n')), errc::name_too_long));
  BOOST_TEST(fails_with(check_path("/a/" + std::string(256, 'n') + "/b"), errc::name_too_long));
  const std::string longest = repeated("/" + std::string(255, 'n'), 16);
  BOOST_TEST(longest.size() == 4096U);
  BOOST_TEST(check_path(longest).has_value());
  BOOST_TEST(fails_with(check_path(longest + "/"), errc::name_too_long));
}

BOOST_AUTO_TEST_CASE(names_hold_no_slash) {
  BOOST_TEST(check_name("a").has_value());
  BOOST_TEST(fails_with(check_name("a/b"), errc::invalid_path));
  BOOST_TEST(fails_with(check_name(""), errc::invalid_path));
  BOOST_TEST(fails_with(check_name(".."), errc::invalid_path));
  BOOST_TEST(fails_with(check_name(std::string(256, 'x')), errc::name_too_long));
}

BOOST_AUTO_TEST_CASE(split_gives_directory_and_name) {
  BOOST_TEST(split_path("/").parent == "/");
  BOOST_TEST(split_path("/").name == "");
  BOOST_TEST(split_path("/a").parent == "/");
  BOOST_TEST(split_path("/a").name == "a");
  BOOST_TEST(split_path("/a/b/c").parent == "/a/b");
  BOOST_TEST(split_path("/a/b/c").name == "c");
}

BOOST_AUTO_TEST_CASE(components_come_off_one_by_one) {
  std::string_view rest = "/a/bc/d";
  BOOST_TEST(pop_component(rest) == "a");
  BOOST_TEST(rest == "/bc/d");
  BOOST_TEST(pop_component(rest) == "bc");
  BOOST_TEST(pop_component(rest) == "d");
  BOOST_TEST(pop_component(rest) == "");
  BOOST_TEST(pop_component(rest) == "");
  rest = "/";
  BOOST_TEST(pop_component(rest) == "");
}

BOOST_AUTO_TEST_CASE(below_means_by_components) {
  BOOST_TEST(is_same_or_below("/a/b", "/a"));
  BOOST_TEST(is_same_or_below("/a", "/a"));
  BOOST_TEST(is_same_or_below("/a", "/"));
  BOOST_TEST(!is_same_or_below("/ab", "/a"));
  BOOST_TEST(!is_same_or_below("/a", "/a/b"));
}

BOOST_AUTO_TEST_SUITE_END()
