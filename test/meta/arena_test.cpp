// The arena against a twin that knows every block: nothing overlaps, nothing moves, and what was
// freed is used again, also in other sizes.
#include "meta/arena.hpp"

#include "base/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::meta;

namespace {

// Blocks of these tests tell their size in bytes 2 and 3 and are filled with a pattern.
std::size_t told_size(const std::byte* block) { return load_le<std::uint16_t>(block + 2) * 8U; }

void fill(arena& memory, std::uint32_t id, std::size_t bytes) {
  store_le<std::uint16_t>(memory.at(id) + 2, static_cast<std::uint16_t>(bytes / 8));
  std::memset(memory.at(id) + 4, static_cast<int>(id * 31 & 0xff), bytes - 4);
}

bool intact(const arena& memory, std::uint32_t id, std::size_t bytes) {
  const std::byte* at = memory.at(id);
  return told_size(at) == bytes && std::all_of(at + 4, at + bytes, [&](std::byte b) {
           return b == static_cast<std::byte>(id * 31 & 0xff);
         });
}

std::uint32_t make(arena& memory, std::size_t bytes, block_kind kind = block_kind::text) {
  BOOST_REQUIRE(memory.has_room(bytes));
  const std::uint32_t id = memory.allocate(kind, bytes);
  fill(memory, id, bytes);
  return id;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(arena_blocks)

BOOST_AUTO_TEST_CASE(ids_are_never_zero_and_blocks_are_aligned) {
  arena memory(&told_size);
  for (std::size_t bytes = 8; bytes <= arena::max_block; bytes += 8) {
    const std::uint32_t id = make(memory, bytes);
    BOOST_REQUIRE(id != 0U);
    BOOST_REQUIRE(reinterpret_cast<std::uintptr_t>(memory.at(id)) % 8 == 0U);
  }
  BOOST_TEST(memory.consistent());
}

BOOST_AUTO_TEST_CASE(a_freed_block_serves_the_next_of_its_size) {
  arena memory(&told_size);
  const std::uint32_t id = make(memory, 56);
  make(memory, 56);
  memory.release(id, 56);
  BOOST_TEST(memory.bytes(block_kind::free) == 56U);
  BOOST_TEST(make(memory, 56) == id);
  BOOST_TEST(memory.bytes(block_kind::free) == 0U);
  BOOST_TEST(memory.bytes(block_kind::text) == 112U);
}

BOOST_AUTO_TEST_CASE(a_larger_freed_block_is_cut) {
  arena memory(&told_size);
  const std::uint32_t large = make(memory, 1032);
  make(memory, 8);
  const std::uint64_t total = memory.total_bytes();
  memory.release(large, 1032);
  for (int i = 0; i < 18; ++i) make(memory, 56);
  BOOST_TEST(memory.total_bytes() == total);
  BOOST_TEST(memory.consistent());
}

BOOST_AUTO_TEST_CASE(random_use_keeps_contents) {
  arena memory(&told_size);
  std::mt19937_64 random(7);
  std::map<std::uint32_t, std::size_t> twin;
  std::vector<std::uint32_t> ids;
  constexpr std::array kinds = {block_kind::text, block_kind::leaf, block_kind::directory,
                                block_kind::file, block_kind::chunk_list};
  const auto size = [&] {
    return 8 + 8 * (random() % (random() % 8 == 0 ? arena::max_block / 8 : 20));
  };
  for (int i = 0; i < 60'000; ++i) {
    const auto what = random() % 100;
    if (ids.empty() || what < (i < 30'000 ? 55U : 45U)) {
      const std::size_t bytes = size();
      const std::uint32_t id = make(memory, bytes, kinds[random() % kinds.size()]);
      BOOST_REQUIRE(twin.emplace(id, bytes).second);
      ids.push_back(id);
      continue;
    }
    const std::size_t pick = random() % ids.size();
    const std::uint32_t id = ids[pick];
    const std::size_t bytes = twin[id];
    BOOST_REQUIRE(intact(memory, id, bytes));
    if (what < 90 || bytes == 8) {
      memory.release(id, bytes);
      twin.erase(id);
      ids[pick] = ids.back();
      ids.pop_back();
    } else {
      const std::size_t less = 8 + 8 * (random() % (bytes / 8));
      fill(memory, id, less);  // keeps the first bytes, which tell the kind
      memory.shrink(id, bytes, less);
      twin[id] = less;
    }
  }
  std::uint64_t used = 0;
  for (const auto& [id, bytes] : twin) {
    BOOST_REQUIRE(intact(memory, id, bytes));
    used += bytes;
  }
  std::uint64_t told = 0;
  for (const block_kind kind : kinds) told += memory.bytes(kind);
  BOOST_TEST(told == used);
  BOOST_TEST(memory.consistent());
  std::size_t walked = 0;
  for (std::size_t slice = 0; slice < memory.slices(); ++slice) {
    memory.for_each_block(slice, [&](std::uint32_t id) { walked += twin.count(id); });
  }
  BOOST_TEST(walked == twin.size());
}

// The hard case of free lists by size: everything freed is of one size, everything wanted of
// another, larger one.
BOOST_AUTO_TEST_CASE(sweeps_join_neighbours_for_other_sizes) {
  arena memory(&told_size);
  constexpr std::size_t rounds = 6;
  constexpr std::size_t bytes_per_round = std::size_t{24} << 20;
  std::uint64_t first_total = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::size_t bytes = 40 + 16 * round;
    std::vector<std::uint32_t> ids;
    for (std::size_t made = 0; made < bytes_per_round; made += bytes) {
      ids.push_back(make(memory, bytes));
    }
    for (const std::uint32_t id : ids) {
      BOOST_REQUIRE(intact(memory, id, bytes));
      memory.release(id, bytes);
    }
    if (round == 0) first_total = memory.total_bytes();
  }
  BOOST_TEST(memory.bytes(block_kind::text) == 0U);
  BOOST_TEST(memory.total_bytes() < first_total * 4 / 3);
  BOOST_TEST(memory.consistent());
}

// What a search meets first lies in few pages, although it is made together with much more.
BOOST_AUTO_TEST_CASE(nodes_and_directories_lie_apart_from_files) {
  arena memory(&told_size);
  constexpr std::size_t huge_page = std::size_t{2} << 20;
  std::map<std::size_t, std::size_t> pages_of_nodes;
  std::map<std::size_t, std::size_t> pages_of_directories;
  constexpr std::size_t rounds = 40'000;
  for (std::size_t i = 0; i < rounds; ++i) {
    for (int k = 0; k < 50; ++k) make(memory, 56, block_kind::file);
    ++pages_of_nodes[std::size_t{make(memory, 448, block_kind::leaf)} * 8 / huge_page];
    ++pages_of_directories[std::size_t{make(memory, 32, block_kind::directory)} * 8 / huge_page];
  }
  // The first extents are small ones.
  BOOST_TEST(pages_of_nodes.size() < rounds * 448 / huge_page + 20);
  BOOST_TEST(pages_of_directories.size() < rounds * 32 / huge_page + 20);
  BOOST_TEST(memory.bytes(block_kind::free) < memory.total_bytes() / 100);
  BOOST_TEST(memory.consistent());
}

// That they lie apart does not keep memory from being used again for something else.
BOOST_AUTO_TEST_CASE(freed_memory_serves_other_kinds) {
  arena memory(&told_size);
  constexpr std::size_t bytes_per_round = std::size_t{48} << 20;
  constexpr std::array kinds = {block_kind::file, block_kind::leaf, block_kind::directory,
                                block_kind::file};
  constexpr std::array<std::size_t, 4> sizes = {56, 528, 32, 64};
  std::uint64_t first_total = 0;
  for (std::size_t round = 0; round < kinds.size(); ++round) {
    std::vector<std::uint32_t> ids;
    for (std::size_t made = 0; made < bytes_per_round; made += sizes[round]) {
      ids.push_back(make(memory, sizes[round], kinds[round]));
    }
    for (const std::uint32_t id : ids) {
      BOOST_REQUIRE(intact(memory, id, sizes[round]));
      memory.release(id, sizes[round]);
    }
    if (round == 0) first_total = memory.total_bytes();
  }
  BOOST_TEST(memory.total_bytes() < first_total * 3 / 2);
  BOOST_TEST(memory.consistent());
}

BOOST_AUTO_TEST_CASE(no_block_straddles_two_slices) {
  arena memory(&told_size);
  std::mt19937_64 random(3);
  for (int i = 0; i < 3'000; ++i) {
    const std::size_t bytes = 8 + 8 * (random() % (arena::max_block / 8));
    const std::size_t begin = std::size_t{make(memory, bytes)} * 8;
    BOOST_REQUIRE(begin / arena::slice_bytes == (begin + bytes - 1) / arena::slice_bytes);
  }
}

// What is prepared lies ahead, is handed out once, and keeps what is written meanwhile.
BOOST_AUTO_TEST_CASE(memory_is_prepared_ahead_of_its_use) {
  arena memory(&told_size);
  BOOST_TEST(memory.take_upcoming().empty());
  std::vector<std::uint32_t> ids;
  const std::byte* prepared = memory.at(0);
  std::size_t times = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    ids.push_back(make(memory, 72));
    if (i % 1000 != 0) continue;
    const upcoming_memory next = memory.take_upcoming();
    if (next.empty()) continue;
    BOOST_REQUIRE(next.at >= prepared);
    BOOST_REQUIRE(next.at >= memory.at(0) + memory.total_bytes());
    BOOST_REQUIRE(memory.take_upcoming().empty());
    prepared = next.at + next.bytes;
    for (int k = 0; k < 20'000; ++k) ids.push_back(make(memory, 72));
    prepare(next);
    ++times;
  }
  BOOST_TEST(times > 3U);
  for (const std::uint32_t id : ids) BOOST_REQUIRE(intact(memory, id, 72));
}

BOOST_AUTO_TEST_CASE(reserved_memory_grows_to_its_capacity_and_no_further) {
  reserved_memory memory(std::size_t{100} << 20);
  BOOST_TEST(memory.extend(1));
  memory.data()[0] = std::byte{1};
  BOOST_TEST(memory.extend(std::size_t{100} << 20));
  memory.data()[(std::size_t{100} << 20) - 1] = std::byte{2};
  BOOST_TEST((memory.data()[0] == std::byte{1}));
  BOOST_TEST(!memory.extend(std::size_t{200} << 20));
}

BOOST_AUTO_TEST_SUITE_END()
