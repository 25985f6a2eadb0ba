#include "util/sim_files.hpp"
#include "volume/chunk_index.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <set>

using namespace ssdfs;
using namespace ssdfs::volume;

namespace {

chunk_entry entry_at(chunk_key key, std::uint64_t n) {
  return {key, static_cast<std::uint32_t>(100 + key % 1000), key * 2654435761U, 64 + 8 * n};
}

// A checkpoint of keys 3, 6, 9, ... in a simulated file.
std::vector<std::byte> build(std::size_t entries) {
  index_builder builder;
  index_summary s;
  s.identity = {volume_id(5), 6, {}};
  s.covered = 1 << 20;
  s.status.state = replica_state::sealed;
  s.status.generation = 2;
  for (std::size_t i = 1; i <= entries; ++i) {
    const chunk_entry e = entry_at(static_cast<chunk_key>(3 * i), i);
    builder.add(e);
    s.status.digest.add(e.key, e.size, e.crc);
    s.extent_bytes += extent_of(e.size);
  }
  s.status.highest_key = static_cast<chunk_key>(3 * entries + 1);
  s.pending = {4096, 8192};
  s.tombstones = {{entry_at(4, 77), {123456, true}}};
  return std::move(builder).finish(s);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(index_test)

BOOST_AUTO_TEST_CASE(file_finds_what_was_added) {
  for (const std::size_t n : {0U, 1U, 254U, 255U, 256U, 1000U}) {
    test::sim_files fs;
    fs.set_contents("/i", build(n));
    const auto file = index_file::load(fs, "/i").value();
    BOOST_TEST(file->entries() == n);
    BOOST_TEST(file->summary().pending.size() == 2U);
    BOOST_TEST(
        (file->summary().tombstones.at(0) == tombstone_entry{entry_at(4, 77), {123456, true}}));
    for (chunk_key key = 0; key <= 3 * n + 5; ++key) {
      chunk_entry e;
      const bool there = key > 0 && key % 3 == 0 && key <= 3 * n;
      BOOST_REQUIRE((file->find(key, e) == (there ? index_answer::found : index_answer::absent)));
      if (there) BOOST_REQUIRE((e == entry_at(key, key / 3)));
    }
    std::size_t seen = 0;
    BOOST_REQUIRE(file->for_each(100, [&](const chunk_entry& e) {
      BOOST_TEST(e.key >= 100U);
      ++seen;
      return true;
    }));
    BOOST_TEST(seen == (3 * n >= 100 ? n - 33 : 0));
  }
}

BOOST_AUTO_TEST_CASE(every_prefix_is_refused) {
  const auto good = build(300);
  for (std::size_t n = 0; n < good.size(); n += n < 400 ? 1 : 97) {
    test::sim_files fs;
    fs.set_contents("/i", {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)});
    BOOST_TEST((index_file::load(fs, "/i").error() == errc::damaged), "length " << n);
  }
}

BOOST_AUTO_TEST_CASE(a_flipped_bit_is_refused_at_load_or_at_its_page) {
  const auto good = build(300);  // a prologue and two pages
  std::mt19937 random(7);
  for (std::size_t at = 0; at < good.size(); at += at < 200 ? 1 : 41) {
    test::sim_files fs;
    auto bad = good;
    bad[at] ^= std::byte(1 << (random() % 8));
    fs.set_contents("/i", bad);
    auto file = index_file::load(fs, "/i");
    if (!file) continue;
    BOOST_TEST(at >= index_page_size, "byte " << at << " of the prologue was not checked");
    for (chunk_key key = 0; key <= 905; ++key) {
      chunk_entry e;
      const bool there = key > 0 && key % 3 == 0 && key <= 900;
      switch ((*file)->find(key, e)) {
        case index_answer::damaged: break;
        case index_answer::found: BOOST_REQUIRE((there && e == entry_at(key, key / 3))); break;
        case index_answer::absent: BOOST_REQUIRE_MESSAGE(!there, "key " << key << " lost"); break;
      }
    }
    BOOST_TEST((*file)->for_each(0, [](const chunk_entry&) { return true; }).has_error());
  }
}

BOOST_AUTO_TEST_CASE(behaves_as_a_map) {
  std::mt19937 random(42);
  test::sim_files fs;
  chunk_index index;
  std::map<chunk_key, chunk_entry> live;
  std::map<chunk_key, chunk_entry> aside;
  std::set<chunk_key> burnt;
  std::uint64_t next = 10;
  for (int step = 0; step < 20000; ++step) {
    const chunk_key key = 1 + random() % 700;
    const chunk_entry fresh = entry_at(key, ++next);
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        index.add(fresh);
        live[key] = fresh;
        aside.erase(key);
        burnt.erase(key);
        break;
      case 3:
        BOOST_REQUIRE(index.remove(key) == live.contains(key));
        live.erase(key);
        aside.erase(key);
        burnt.insert(key);
        break;
      case 4:
        BOOST_REQUIRE(index.set_aside(key, {.ms = static_cast<std::int64_t>(step)}) ==
                      live.contains(key));
        if (live.contains(key)) aside[key] = live[key];
        live.erase(key);
        break;
      case 5:
        BOOST_REQUIRE(index.revive(key) == aside.contains(key));
        if (aside.contains(key)) live[key] = aside[key];
        aside.erase(key);
        break;
      case 6: {
        const find_result got = index.find(key);
        BOOST_REQUIRE((got.state == key_state::live) == live.contains(key));
        if (live.contains(key)) BOOST_REQUIRE((got.entry == live[key]));
        BOOST_REQUIRE((got.state == key_state::tombstoned) == aside.contains(key));
        break;
      }
      default: break;
    }
    if (step % 2000 != 1999) continue;
    volume_digest digest;
    std::uint64_t extent = 0;
    for (const auto& [k, e] : live) digest.add(k, e.size, e.crc);
    for (const auto& [k, e] : live) extent += extent_of(e.size);
    for (const auto& [k, e] : aside) extent += extent_of(e.size);
    BOOST_REQUIRE((index.digest() == digest));
    BOOST_REQUIRE_EQUAL(index.extent_bytes(), extent);
    auto expected = live.begin();
    index_builder builder;
    BOOST_REQUIRE(index.for_each(0, [&](const chunk_entry& e) {
      BOOST_REQUIRE((e == (expected++)->second));
      builder.add(e);
      return true;
    }));
    BOOST_REQUIRE((expected == live.end()));
    // Goes on over a checkpoint of itself.
    index_summary s;
    s.status.digest = index.digest();
    s.status.highest_key = index.highest_key();
    s.extent_bytes = index.extent_bytes();
    for (const auto& [k, t] : index.tombstones()) s.tombstones.push_back(t);
    fs.set_contents("/i", std::move(builder).finish(s));
    index.set_base(index_file::load(fs, "/i").value());
    BOOST_REQUIRE_EQUAL(index.overrides(), 0U);
  }
}

BOOST_AUTO_TEST_CASE(gaps_below_the_floor_are_burnt) {
  chunk_index index;
  index.add(entry_at(10, 1));
  BOOST_TEST((index.find(4).state == key_state::unknown));
  index.burn_gaps();
  BOOST_TEST((index.find(4).state == key_state::burnt));
  BOOST_TEST((index.find(10).state == key_state::live));
  BOOST_TEST((index.find(11).state == key_state::unknown));
}

BOOST_AUTO_TEST_CASE(takes_at_most_16_bytes_a_chunk) {
  chunk_index index;
  for (chunk_key key = 1; key <= 100000; ++key) index.add(entry_at(key, key));
  BOOST_TEST(index.memory() <= 16U * 100000U);
}

BOOST_AUTO_TEST_CASE(strewn_keys_take_bounded_memory) {
  chunk_index index;
  std::mt19937 random(5);
  std::map<chunk_key, chunk_entry> live;
  for (std::uint64_t n = 1; n <= 50000; ++n) {
    const chunk_entry e = entry_at(1 + random() % 4'000'000'000U, n);
    index.add(e);
    live[e.key] = e;
    if (n % 3 == 0) {
      const chunk_key gone = live.begin()->first;
      BOOST_REQUIRE(index.remove(gone));
      live.erase(gone);
    }
  }
  BOOST_TEST(index.memory() <= 250U * 50000U);
  auto expected = live.begin();
  BOOST_REQUIRE(index.for_each(0, [&](const chunk_entry& e) {
    BOOST_REQUIRE((e == (expected++)->second));
    return true;
  }));
  BOOST_REQUIRE((expected == live.end()));
  for (const auto& [key, e] : live) BOOST_REQUIRE((index.find(key).entry == e));
}

BOOST_AUTO_TEST_SUITE_END()
