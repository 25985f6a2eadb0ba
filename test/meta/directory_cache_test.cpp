// The cache of directories: what it says is right, whatever it has forgotten.
#include "meta/directory_cache.hpp"

#include "meta/tree_util.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

// More than the cache holds.
constexpr std::uint32_t many = 400'000;

std::uint32_t make_record(arena& memory, std::string_view name) {
  BOOST_REQUIRE(memory.has_room(arena::max_block));
  const std::size_t bytes = record_bytes(block_kind::directory, name.size());
  const std::uint32_t id = memory.allocate(block_kind::directory, bytes);
  block_as<directory_record>(memory, id).name_length = static_cast<std::uint8_t>(name.size());
  std::memcpy(memory.at(id) + directory_record::name_offset, name.data(), name.size());
  return id;
}

directory_key key_of(std::uint32_t parent, std::string_view name) {
  return {directory_id(parent), name};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(directory_caches)

BOOST_AUTO_TEST_CASE(finds_by_parent_and_name) {
  arena memory(&block_bytes);
  directory_cache cache;
  BOOST_TEST(cache.count() == 0U);
  std::vector<std::string> names;
  for (std::size_t length = 1; length <= 40; ++length) names.emplace_back(length, 'n');
  std::vector<std::uint32_t> records;
  for (const std::string& name : names) {
    records.push_back(make_record(memory, name));
    cache.insert(key_of(7, name), records.back(), records.back() + 1);
  }
  BOOST_TEST(cache.count() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = cache.find(memory, key_of(7, names[i]), names[i]);
    BOOST_TEST(found.record == records[i]);
    BOOST_TEST(found.root == records[i] + 1);
    BOOST_TEST(cache.guess(key_of(7, names[i])).record == records[i]);
    BOOST_TEST(cache.find(memory, key_of(8, names[i]), names[i]).record == 0U);
    const std::string other = names[i] + "x";
    BOOST_TEST(cache.find(memory, key_of(7, other), other).record == 0U);
  }
}

// A key stands for more than one name; only the record tells which it is.
BOOST_AUTO_TEST_CASE(equal_keys_are_told_apart_by_name) {
  arena memory(&block_bytes);
  directory_cache cache;
  const directory_key key = key_of(3, "one");
  const std::uint32_t one = make_record(memory, "one");
  const std::uint32_t two = make_record(memory, "two");
  cache.insert(key, one, 11);
  cache.insert(key, two, 12);
  BOOST_TEST(cache.find(memory, key, "one").record == one);
  BOOST_TEST(cache.find(memory, key, "two").record == two);
  BOOST_TEST(cache.find(memory, key, "six").record == 0U);
  cache.set_root(key, one, 21);
  BOOST_TEST(cache.find(memory, key, "one").root == 21U);
  BOOST_TEST(cache.find(memory, key, "two").root == 12U);
  cache.remove(key, one);
  BOOST_TEST(cache.find(memory, key, "one").record == 0U);
  BOOST_TEST(cache.find(memory, key, "two").record == two);
  cache.remove(key, one);
  BOOST_TEST(cache.count() == 1U);
}

BOOST_AUTO_TEST_CASE(forgets_when_it_is_full_and_is_never_wrong) {
  arena memory(&block_bytes);
  directory_cache cache;
  std::vector<std::uint32_t> records;
  for (std::uint32_t i = 0; i < many; ++i) {
    const std::string name = "d" + std::to_string(i);
    records.push_back(make_record(memory, name));
    cache.insert(key_of(1 + i % 1000, name), records.back(), 0);
    BOOST_REQUIRE(cache.find(memory, key_of(1 + i % 1000, name), name).record == records.back());
  }
  std::size_t known = 0;
  for (std::uint32_t i = 0; i < many; ++i) {
    const std::string name = "d" + std::to_string(i);
    const std::uint32_t found = cache.find(memory, key_of(1 + i % 1000, name), name).record;
    BOOST_REQUIRE((found == 0 || found == records[i]));
    known += found != 0 ? 1 : 0;
  }
  BOOST_TEST(known == cache.count());
  BOOST_TEST(known < many);
  // Names and parents in sequences spread over the whole cache.
  BOOST_TEST(known > many / 2);
}

BOOST_AUTO_TEST_CASE(a_tree_of_more_directories_than_it_holds) {
  tree t;
  std::vector<directory_id> tops;
  for (int i = 0; i < 100; ++i) {
    const inode made = *t.insert_directory(root_directory, "t" + std::to_string(i), {});
    tops.push_back(t.directory_of(made));
  }
  std::vector<inode> made;
  for (std::uint32_t i = 0; i < many; ++i) {
    const std::string name = "d" + std::to_string(i);
    made.push_back(*t.insert_directory(tops[i % tops.size()], name, {}));
    BOOST_REQUIRE(t.insert_file(t.directory_of(made.back()), "f", {}, {}).has_value());
  }
  const auto path_of = [](std::uint32_t i) {
    return "/t" + std::to_string(i % 100) + "/d" + std::to_string(i) + "/f";
  };
  // One in three moves into the next top directory, one in three goes.
  for (std::uint32_t i = 0; i < many; ++i) {
    if (i % 3 == 1) {
      BOOST_REQUIRE(t.rename(made[i], tops[(i + 1) % 100], t.name(made[i])).has_value());
    } else if (i % 3 == 2) {
      t.detach_subtree(made[i]);
    }
  }
  std::vector<chunk_ref> freed;
  while (t.reclaim_step(1'000, freed) > 0) {
  }
  for (std::uint32_t i = 0; i < many; ++i) {
    const std::string path = path_of(i);
    BOOST_REQUIRE(t.lookup(path).has_value() == (i % 3 == 0));
    BOOST_REQUIRE(t.walk(path).rest.empty() == (i % 3 == 0));
  }
  require_sound(t);
}

BOOST_AUTO_TEST_SUITE_END()
