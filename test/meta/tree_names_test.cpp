// Directories of hard names: growth, splits, joins and shrinking of the index, checked against a
// std::set at every size.
#include "meta/path.hpp"
#include "meta/tree.hpp"
#include "meta/tree_util.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

enum class order { ascending, descending, random };

void grow_and_shrink(name_kind kind, order how, std::size_t count) {
  std::set<std::string> unique;
  for (std::size_t n = 0; n < count; ++n) unique.insert(make_name(kind, n));
  std::vector<std::string> names(unique.begin(), unique.end());
  std::mt19937_64 random(5);
  if (how == order::descending) std::reverse(names.begin(), names.end());
  if (how == order::random) std::shuffle(names.begin(), names.end(), random);

  tree t;
  const std::size_t stride = names.size() / 6 + 1;
  for (std::size_t i = 0; i < names.size(); ++i) {
    BOOST_REQUIRE(check_name(names[i]).has_value());
    BOOST_REQUIRE(t.insert_file(root_directory, names[i], {}, {}).has_value());
    if (i % stride == 0) require_sound(t);
  }
  require_sound(t);
  BOOST_REQUIRE(names_of(t, root_directory, 333) ==
                std::vector<std::string>(unique.begin(), unique.end()));
  for (const std::string& name : names) {
    BOOST_REQUIRE(t.name(t.find(root_directory, name)) == name);
    BOOST_REQUIRE(t.find(root_directory, name + "!") == no_inode || unique.count(name + "!") > 0);
    const std::string shorter = name.substr(0, name.size() - 1);
    BOOST_REQUIRE(t.find(root_directory, shorter) == no_inode || unique.count(shorter) > 0);
    BOOST_REQUIRE((t.insert_file(root_directory, name, {}, {}).error() == errc::exists));
  }
  if (how == order::random) std::shuffle(names.begin(), names.end(), random);
  for (std::size_t i = 0; i < names.size(); ++i) {
    BOOST_REQUIRE(t.erase(t.find(root_directory, names[i])).has_value());
    unique.erase(names[i]);
    if (i % stride == 0) {
      require_sound(t);
      BOOST_REQUIRE(names_of(t, root_directory) ==
                    std::vector<std::string>(unique.begin(), unique.end()));
    }
  }
  require_sound(t);
  BOOST_TEST(t.memory().nodes == 0U);
  BOOST_TEST(t.memory().texts == 0U);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tree_names)

BOOST_AUTO_TEST_CASE(directories_of_hard_names) {
  for (const name_kind kind : all_name_kinds) {
    for (const order how : {order::ascending, order::descending, order::random}) {
      BOOST_TEST_CONTEXT("kind " << static_cast<int>(kind) << ", order " << static_cast<int>(how)) {
        grow_and_shrink(kind, how, kind == name_kind::plain ? 40'000 : 3'000);
      }
    }
  }
}

// Separators that do not fit into prefix and hint, and prefixes of inner nodes that get shorter.
BOOST_AUTO_TEST_CASE(separators_of_every_length) {
  tree t;
  std::set<std::string> names;
  std::mt19937_64 random(17);
  for (int i = 0; i < 30'000; ++i) {
    std::string name(random() % 3 == 0 ? 120 : 4, 'k');
    const std::size_t tail = 1 + random() % 12;
    for (std::size_t k = 0; k < tail; ++k) name += static_cast<char>('a' + random() % 3);
    const bool fresh = names.insert(name).second;
    BOOST_REQUIRE(t.insert_file(root_directory, name, {}, {}).has_value() == fresh);
  }
  for (const char* outlier : {"a", "kkka", "kkkz", "z", "kkkkkk\xc3\xbf"}) {
    names.insert(outlier);
    BOOST_REQUIRE(t.insert_file(root_directory, outlier, {}, {}).has_value());
  }
  require_sound(t);
  BOOST_TEST(t.memory().texts > 0U);
  BOOST_REQUIRE(names_of(t, root_directory) ==
                std::vector<std::string>(names.begin(), names.end()));
}

BOOST_AUTO_TEST_CASE(every_byte_that_utf8_allows_sorts_as_bytes) {
  tree t;
  std::set<std::string> names;
  for (std::uint32_t c = 1; c < 0x800; ++c) {
    std::string name;
    if (c < 0x80) {
      name = static_cast<char>(c);
    } else {
      name = {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
    }
    for (const char* tail : {"", "a", "\x7f", "\x01"}) {
      if (!check_name(name + tail)) continue;
      names.insert(name + tail);
      BOOST_REQUIRE(t.insert_file(root_directory, name + tail, {}, {}).has_value());
    }
  }
  require_sound(t);
  BOOST_REQUIRE(names_of(t, root_directory) ==
                std::vector<std::string>(names.begin(), names.end()));
}

// A listing in pages shows all that is there from begin to end, each once, in order.
BOOST_AUTO_TEST_CASE(pages_are_stable_under_changes) {
  tree t;
  std::mt19937_64 random(23);
  const auto stays = [](std::uint64_t n) { return "s" + std::to_string(1'000'000 + n); };
  for (std::uint64_t n = 0; n < 5'000; ++n) {
    BOOST_REQUIRE(t.insert_file(root_directory, stays(n), {}, {}).has_value());
  }
  std::vector<std::string> coming_and_going;
  std::vector<std::string> seen;
  std::vector<inode> page(37);
  while (const std::size_t n = t.list(root_directory, seen.empty() ? "" : seen.back(), page)) {
    for (std::size_t i = 0; i < n; ++i) seen.emplace_back(t.name(page[i]));
    for (int change = 0; change < 200; ++change) {
      if (!coming_and_going.empty() && random() % 2 == 0) {
        BOOST_REQUIRE(t.erase(t.find(root_directory, coming_and_going.back())).has_value());
        coming_and_going.pop_back();
      } else {
        const std::string name = stays(random() % 5'000) + "-" + std::to_string(random() % 1'000);
        if (t.insert_file(root_directory, name, {}, {})) coming_and_going.push_back(name);
      }
    }
  }
  BOOST_TEST(std::is_sorted(seen.begin(), seen.end()));
  BOOST_TEST((std::adjacent_find(seen.begin(), seen.end()) == seen.end()));
  std::uint64_t permanent = 0;
  for (const std::string& name : seen) permanent += name.find('-') == name.npos;
  BOOST_TEST(permanent == 5'000U);
  require_sound(t);
}

BOOST_AUTO_TEST_SUITE_END()
