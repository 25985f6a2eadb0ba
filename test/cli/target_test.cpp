// Paths as they are typed, and what keeps two sources of one command out of one place.
#include "cli/target.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::cli {
namespace {

BOOST_AUTO_TEST_SUITE(targets)

BOOST_AUTO_TEST_CASE(slashes_are_counted_once_and_one_at_the_end_names_a_directory) {
  const auto check = [](const std::string& typed, const std::string& path, bool directory) {
    const typed_path parsed = parse_path(typed);
    BOOST_TEST(parsed.path == path, typed);
    BOOST_TEST(parsed.names_directory == directory, typed);
    BOOST_TEST(trim_path(typed) == path);
  };
  check("/a/b", "/a/b", false);
  check("/a/b/", "/a/b", true);
  check("//a///b//", "/a/b", true);
  check("/", "/", true);
  check("///", "/", true);
  check("", "", false);
  check("a/", "a", true);
  check("/a/../b", "/a/../b", false);
}

BOOST_AUTO_TEST_CASE(what_is_below_a_directory) {
  BOOST_TEST(is_same_or_below("/a", "/a"));
  BOOST_TEST(is_same_or_below("/a/b", "/a"));
  BOOST_TEST(is_same_or_below("/a", "/"));
  BOOST_TEST(!is_same_or_below("/ab", "/a"));
  BOOST_TEST(!is_same_or_below("/a", "/a/b"));
}

BOOST_AUTO_TEST_CASE(nothing_is_remembered_where_nothing_can_meet) {
  places known;
  known.expect({{"x/a", "/d/a"}, {"x/b", "/d/b"}, {"x/ab", "/d/ab"}});
  BOOST_TEST(known.take("/d/a"));
  BOOST_TEST(known.take("/d/a"));  // not asked for twice by a command
}

BOOST_AUTO_TEST_CASE(a_place_is_taken_once) {
  for (const char* other : {"/d/a", "/d/a/below", "/d", "/"}) {
    places known;
    known.expect({{"x/a", "/d/a"}, {"y/a", other}});
    BOOST_TEST(known.take("/d/a"));
    BOOST_TEST(!known.take("/d/a"), other);
    BOOST_TEST(known.take("/d/b"), other);
    // Directories meet, but not with a file.
    BOOST_TEST(known.take("/d/c", true));
    BOOST_TEST(known.take("/d/c", true));
    BOOST_TEST(!known.take("/d/c"));
    BOOST_TEST(!known.take("/d/b", true));
  }
}

BOOST_AUTO_TEST_CASE(a_source_given_twice_is_known) {
  places known;
  BOOST_TEST(!known.is_repeated({"a", "/d/a"}));
  BOOST_TEST(!known.is_repeated({"b", "/d/a"}));
  BOOST_TEST(known.is_repeated({"a", "/d/a"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::cli
