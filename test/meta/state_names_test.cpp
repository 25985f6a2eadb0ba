// Long paths, in the tree and in the trash, and times before 1970.
#include "meta/path.hpp"
#include "meta/state_util.hpp"
#include "meta/trash.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace ssdfs::meta {
namespace {

using test::require_error;
using test::state_rig;

// A path of `length` bytes: directories of 200 bytes, the first called `first`, and a file.
std::string path_of_length(std::size_t length, const std::string& first) {
  std::string path = "/" + first;
  while (path.size() + 201 + 2 <= length) path += "/" + std::string(200, 'd');
  return path + "/" + std::string(length - path.size() - 1, 'f');
}

}  // namespace

BOOST_AUTO_TEST_SUITE(state_names)

BOOST_AUTO_TEST_CASE(the_longest_paths_keep_all_their_directories_in_the_trash) {
  state_rig rig;
  const std::string file = path_of_length(4096, "top");
  for (const std::string& removed : {file, std::string("/top")}) {
    BOOST_REQUIRE(rig.touch(file).has_value());
    auto gone = rig.remove(removed, true);
    BOOST_REQUIRE_MESSAGE(gone.has_value(), test::why(gone));
    BOOST_TEST(gone->path.ends_with(removed));
    const std::string inside = gone->path + file.substr(removed.size());
    BOOST_TEST(lookup(rig.state(), inside, {}).has_value());
    rename_request back;
    back.from = inside;
    back.to = file;
    back.parents = true;
    BOOST_REQUIRE(rig.finish(make_rename(rig.state(), back, rig.context())).has_value());
    BOOST_TEST(rig.exists(file));
    // With something in the way a bucket of its own has a longer name.
    BOOST_REQUIRE(rig.remove(file).has_value());
    BOOST_REQUIRE(rig.touch(file).has_value());
    auto again = rig.remove(file);
    BOOST_REQUIRE_MESSAGE(again.has_value(), test::why(again));
    BOOST_TEST(lookup(rig.state(), again->path, {}).has_value());
    BOOST_REQUIRE(rig.remove(again->path).has_value());
    BOOST_REQUIRE(rig.remove("/top", true).has_value());
  }
  require_error(rig.touch("/x" + file), errc::name_too_long);
  require_error(lookup(rig.state(), "/.trash/" + std::string(5000, 'x'), {}), errc::name_too_long);
}

BOOST_AUTO_TEST_CASE(a_rename_never_makes_a_path_below_too_long) {
  state_rig rig;
  const std::string file = path_of_length(4090, "top");
  const std::string rest = file.substr(4);
  BOOST_REQUIRE(rig.touch(file).has_value());
  BOOST_REQUIRE(rig.touch("/top/short").has_value());
  auto refused = rig.rename("/top", "/top-1234567");
  require_error(refused, errc::name_too_long);
  BOOST_TEST(refused.error().message().ends_with("that of what is now " + file));
  BOOST_TEST(rig.exists(file));
  // To the byte.
  require_error(rig.rename("/top", "/top-123456"), errc::name_too_long);
  BOOST_REQUIRE(rig.rename("/top", "/top-12345").has_value());
  BOOST_TEST(rig.exists("/top-12345" + rest));
  // Below another directory, and out of the trash, where paths may be longer.
  BOOST_REQUIRE(rig.mkdir("/a").has_value());
  require_error(rig.rename("/top-12345", "/a/top-12345"), errc::name_too_long);
  auto gone = rig.remove("/top-12345", true);
  BOOST_REQUIRE(gone.has_value());
  require_error(rig.rename(gone->path, "/top-123456"), errc::name_too_long);
  BOOST_REQUIRE(rig.rename(gone->path, "/top").has_value());
  // What is gone does not count.
  BOOST_REQUIRE(rig.remove(file).has_value());
  require_error(rig.rename("/top", "/" + std::string(255, 'L')), errc::name_too_long);
  BOOST_REQUIRE(rig.remove(file.substr(0, 4 + 201), true).has_value());
  BOOST_REQUIRE(rig.rename("/top", "/" + std::string(255, 'L')).has_value());
  BOOST_TEST(rig.state().names().verify().has_value());
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

BOOST_AUTO_TEST_CASE(a_time_before_the_first_second_of_1970_is_a_time) {
  state_rig rig;
  for (const std::int64_t time : {std::int64_t{0}, std::int64_t{-1000}, min_mtime_ms}) {
    create_request q;
    q.path = "/f";
    q.overwrite = true;
    q.mtime_ms = time;
    BOOST_REQUIRE(rig.finish(make_create(rig.state(), q, rig.context())).has_value());
    BOOST_TEST(lookup(rig.state(), "/f", {})->mtime_ms == time);
  }
  create_request q;
  q.path = "/now";
  BOOST_REQUIRE(rig.finish(make_create(rig.state(), q, rig.context())).has_value());
  BOOST_TEST(lookup(rig.state(), "/now", {})->mtime_ms == rig.context().wall_ms);
  q.path = "/never";
  q.mtime_ms = min_mtime_ms - 1;
  require_error(make_create(rig.state(), q, rig.context()), errc::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
