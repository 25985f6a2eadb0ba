// The loader trusts nothing that it is given.
#include "meta/tree.hpp"
#include "meta/tree_util.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

template <class T>
bool is_damaged(const result<T>& outcome) {
  return outcome.has_error() && outcome.error() == errc::damaged;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tree_loading)

BOOST_AUTO_TEST_CASE(a_large_directory_is_loaded_with_full_leaves) {
  tree t;
  tree_loader loader(t);
  BOOST_REQUIRE(loader.open(root_directory).has_value());
  constexpr std::uint32_t count = 100'000;
  for (std::uint32_t i = 0; i < count; ++i) {
    const sample_file file(i);
    const std::string name = "picture-" + std::to_string(1'000'000 + i) + ".jpg";
    BOOST_REQUIRE(loader.add_file(name, file.attributes, file.chunks).has_value());
  }
  BOOST_REQUIRE(loader.finish().has_value());
  require_sound(t);
  BOOST_TEST(t.totals(root_directory).files == count);
  BOOST_TEST(t.memory().nodes < count * 8.5);
  BOOST_TEST(t.lookup("/picture-1054321.jpg").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_out_of_place_is_damage) {
  tree t;
  tree_loader loader(t);
  const sample_file file(1);
  BOOST_TEST(is_damaged(loader.add_file("a", file.attributes, file.chunks)));
  BOOST_TEST(is_damaged(loader.open(directory_id(0))));
  BOOST_TEST(is_damaged(loader.open(directory_id(7))));
  BOOST_REQUIRE(loader.open(root_directory).has_value());
  BOOST_REQUIRE(loader.add_file("m", file.attributes, file.chunks).has_value());
  BOOST_TEST(is_damaged(loader.add_file("m", file.attributes, file.chunks)));
  BOOST_TEST(is_damaged(loader.add_file("l", file.attributes, file.chunks)));
  BOOST_TEST(is_damaged(loader.add_directory("m", {}, 2)));
  BOOST_TEST(is_damaged(loader.add_file("n/o", file.attributes, file.chunks)));
  BOOST_TEST(is_damaged(loader.add_file(std::string(256, 'n'), file.attributes, file.chunks)));
  BOOST_TEST(is_damaged(loader.add_file("\xff", file.attributes, file.chunks)));
  BOOST_TEST(is_damaged(loader.add_file("n", file.attributes, {})));
  BOOST_TEST(is_damaged(loader.add_directory("n", {max_mtime_ms + 1, 0}, 2)));
  BOOST_TEST(is_damaged(loader.set_root({min_mtime_ms - 1, 0})));
  BOOST_TEST(is_damaged(loader.set_quota(directory_id(9), {1, 1})));
  BOOST_TEST(is_damaged(loader.set_quota(root_directory, {})));
  const auto d = loader.add_directory("n", {}, 2);
  BOOST_REQUIRE(d.has_value());
  BOOST_REQUIRE(loader.open(*d).has_value());
  BOOST_REQUIRE(loader.add_file("a", file.attributes, file.chunks).has_value());
  BOOST_TEST(is_damaged(loader.open(root_directory)));
  BOOST_REQUIRE(loader.finish().has_value());
  require_sound(t);
  BOOST_TEST(t.totals(root_directory).files == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
