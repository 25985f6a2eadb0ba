// Volume and index files that were cut, flipped, swapped or forged: recovered or reported, and
// never a wrong byte.
#include "volume/volume_fixture.hpp"

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;

namespace {

// A sealed volume with small and block-wise chunks and a removal, and its files.
struct specimen {
  specimen() {
    auto v = disk.create();
    for (chunk_key key = 1; key <= 6; ++key) {
      chunks[key] = make_content(key, 40 * key);
      BOOST_REQUIRE(!append(*v, key, chunks[key]));
    }
    chunks[7] = make_content(7, 66000);
    BOOST_REQUIRE(!append(*v, 7, chunks[7]));
    chunks[8] = make_content(8, 90);
    BOOST_REQUIRE(!append(*v, 8, chunks[8]));
    BOOST_REQUIRE(v->remove_keys(1, std::vector<chunk_key>{2}));
    BOOST_REQUIRE(v->seal(1));
    all = chunks;
    chunks.erase(2);
    report = v->report();
    v.reset();
    file = disk.fs.contents(volume_file);
    index = disk.fs.contents(index_name);
  }
  // Puts the files back as given; an empty index is none.
  void put(const bytes& volume_bytes, const bytes& index_bytes) {
    if (!disk.fs.contents(index_name).empty()) {
      BOOST_REQUIRE(disk.fs.remove(index_name));
      BOOST_REQUIRE(disk.fs.sync_directory("/d"));
    }
    disk.fs.set_contents(volume_file, volume_bytes);
    if (!index_bytes.empty()) disk.fs.set_contents(index_name, index_bytes);
  }
  // Whatever is readable is what was stored; returns how many chunks are.
  std::size_t check_no_wrong_bytes(vol::volume& v, bool may_revive = false) {
    std::size_t readable = 0;
    for (const auto& [key, content] : all) {
      const auto got = read_all(v, key);
      if (!got) continue;
      ++readable;
      BOOST_REQUIRE_MESSAGE(*got == content, "wrong bytes of chunk " << key);
      if (!may_revive) BOOST_TEST(chunks.contains(key));
    }
    return readable;
  }

  sim_disk disk;
  model chunks;  // live
  model all;     // ever stored
  replica_report report;
  bytes file;
  bytes index;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(damage_test)

BOOST_AUTO_TEST_CASE(rebuilt_from_the_volume_alone) {
  specimen s;
  s.put(s.file, {});
  auto v = s.disk.open();
  check_equal(*v, s.chunks);
  BOOST_TEST((v->report() == s.report));
  BOOST_REQUIRE(v->checkpoint());
  v.reset();
  BOOST_TEST((s.disk.fs.contents(index_name) == s.index));
}

BOOST_AUTO_TEST_CASE(every_prefix_of_the_volume_without_index) {
  specimen s;
  std::size_t most = 0;
  for (std::size_t n = 0; n <= s.file.size(); n += n < 1500 || n > s.file.size() - 400 ? 1 : 509) {
    s.put({s.file.begin(), s.file.begin() + static_cast<std::ptrdiff_t>(n)}, {});
    auto opened = vol::volume::open(s.disk.env, volume_file, test_volume);
    if (!opened) {
      BOOST_TEST(n < vol::superblock_size);
      continue;
    }
    BOOST_TEST(n >= vol::superblock_size);
    const bool removal_is_in = n >= s.file.size() - 72;
    const std::size_t readable = s.check_no_wrong_bytes(**opened, !removal_is_in);
    BOOST_TEST(readable + 1 >= most);  // the removal takes one away
    most = std::max(most, readable);
    // What is torn was cut, so that a second start finds nothing to do.
    const auto first = (*opened)->report();
    opened = vol::volume::open(s.disk.env, volume_file, test_volume);
    BOOST_TEST(((*opened)->report() == first));
  }
  BOOST_TEST(most == s.all.size());
}

BOOST_AUTO_TEST_CASE(every_prefix_of_the_volume_with_its_index) {
  specimen s;
  for (std::size_t n = 0; n < s.file.size(); n += n < 700 ? 1 : 511) {
    s.put({s.file.begin(), s.file.begin() + static_cast<std::ptrdiff_t>(n)}, s.index);
    auto opened = vol::volume::open(s.disk.env, volume_file, test_volume);
    if (opened) s.check_no_wrong_bytes(**opened, true);
    if (opened) BOOST_TEST(((*opened)->report().digest != s.report.digest));
  }
}

BOOST_AUTO_TEST_CASE(a_flipped_bit_costs_one_record) {
  specimen s;
  std::mt19937 random(3);
  for (std::size_t at = 0; at < s.file.size(); at += at < 1500 ? 1 : 257) {
    bytes bad = s.file;
    bad[at] ^= std::byte(1 << (random() % 8));
    for (const bool with_index : {false, true}) {
      BOOST_TEST_CONTEXT("byte " << at << (with_index ? " with index" : "")) {
        s.put(bad, with_index ? s.index : bytes{});
        auto opened = vol::volume::open(s.disk.env, volume_file, test_volume);
        if (!opened) {
          BOOST_TEST(at < vol::superblock_size);
          BOOST_TEST(!with_index);
          BOOST_TEST((opened.error() == errc::damaged || opened.error() == errc::unsupported));
          continue;
        }
        const std::size_t readable = s.check_no_wrong_bytes(**opened, true);
        BOOST_TEST(readable + 1 >= s.chunks.size());
        // A chunk is either unreadable and said to be so, or missing from the digest.
        if (readable < s.chunks.size()) {
          const auto report = (*opened)->report();
          BOOST_TEST((report.bad_records > 0 || report.digest != s.report.digest));
        }
      }
    }
  }
}

// After a scrub and the replacement of what it found, even a rebuild without the index has every
// live chunk: bad headers are found, too, although reads do not need them.
BOOST_AUTO_TEST_CASE(a_scrub_finds_every_flipped_bit_that_matters) {
  specimen s;
  std::size_t healed_here = 0;
  std::size_t restored = 0;
  for (std::size_t at = 0; at < s.file.size(); at += at < 1500 ? 1 : 257) {
    BOOST_TEST_CONTEXT("byte " << at) {
      s.put(s.file, s.index);
      auto v = s.disk.open();
      bytes flipped = {s.file[at] ^ std::byte{16}};
      const bytes_view part(flipped);
      BOOST_REQUIRE(
          s.disk.fs.open(volume_file, io::open_mode::read_write).value()->write({&part, 1}, at));
      const auto found = v->scrub(0, 1 << 30).value();
      BOOST_TEST(found.next == 0u);
      BOOST_TEST(found.bad == v->bad_keys().size());
      for (const chunk_key key : v->bad_keys()) {
        if (v->heal_here(key).value()) {
          ++healed_here;
          continue;
        }
        BOOST_TEST(!append(*v, key, s.chunks.at(key), 9, vol::write_mode::restore));
        ++restored;
      }
      BOOST_TEST(v->bad_keys().empty());
      BOOST_TEST(v->scrub(0, 1 << 30).value().bad == 0u);
      check_equal(*v, s.chunks);
      v.reset();
      s.put(s.disk.fs.contents(volume_file), {});
      BOOST_TEST(s.check_no_wrong_bytes(*s.disk.open(), true) >= s.chunks.size());
    }
  }
  BOOST_TEST(healed_here > 100u);
  BOOST_TEST(restored > 100u);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_removed_under_an_open_volume_is_noticed) {
  specimen s;
  auto v = s.disk.open();
  BOOST_REQUIRE(s.disk.fs.remove(volume_file));
  BOOST_TEST((v->scrub(0, 1 << 30).error() == errc::damaged));
  BOOST_TEST((v->report().state == replica_state::damaged));
  v.reset();
  // The verdict is not one on the copy that is made in its place.
  BOOST_TEST((s.disk.create(2)->report().state == replica_state::open));
  BOOST_TEST((s.disk.open()->report().state == replica_state::open));
}

BOOST_AUTO_TEST_CASE(many_orphans_wait_for_an_operator_whose_word_is_kept) {
  specimen s;
  auto v = s.disk.open();
  constexpr std::int64_t day_ms = 24LL * 3600 * 1000;
  BOOST_TEST(v->orphans().waiting == 0u);
  BOOST_REQUIRE(v->tombstone_keys(1000, std::vector<chunk_key>{7}));  // 66,000 bytes
  BOOST_TEST(v->orphans().waiting == 1u);
  BOOST_TEST(v->orphans().bytes == 66000u);
  const auto dead = v->report().dead_bytes;
  v->expire_orphans(1000 + 2 * day_ms);
  BOOST_TEST(v->report().dead_bytes == dead);
  const auto compact = [&] {
    vol::compaction_options o;
    o.now_ms = 1000 + 2 * day_ms;
    o.tombstone_ms = v->tombstone_age_ms();
    o.go_on = [](std::uint64_t) { return true; };
    BOOST_REQUIRE(v->compact(std::move(o)));
  };
  compact();
  BOOST_TEST(v->orphans().chunks == 1u);
  BOOST_REQUIRE(v->release_orphans());
  BOOST_TEST(v->orphans().waiting == 0u);
  v.reset();
  v = s.disk.open();
  BOOST_TEST(v->orphans().chunks == 1u);
  BOOST_TEST(v->orphans().waiting == 0u);
  v->expire_orphans(1000 + 1);
  BOOST_TEST(v->report().dead_bytes >= 66000u);
  compact();
  BOOST_TEST(v->orphans().chunks == 0u);
  BOOST_TEST(v->report().dead_bytes < 1000u);  // control records
}

BOOST_AUTO_TEST_CASE(what_can_never_be_live_goes_by_itself_however_much_it_is) {
  specimen s;
  auto v = s.disk.open();
  BOOST_REQUIRE(v->discard_keys(5000, std::vector<chunk_key>{7}));
  BOOST_TEST(v->orphans().chunks == 1u);
  BOOST_TEST(v->orphans().waiting == 0u);
  // Over a restart, with the index and without it, and by a compaction before its time.
  for (const bool scanned : {false, true}) {
    v.reset();
    if (scanned) BOOST_REQUIRE(s.disk.fs.remove(index_name));
    v = s.disk.open();
    BOOST_TEST(v->orphans().chunks == 1u);
    v->expire_orphans(4999);
    const auto dead = v->report().dead_bytes;
    BOOST_REQUIRE(v->compact({.now_ms = 4999}));
    BOOST_TEST(v->orphans().chunks == 1u);
    v->expire_orphans(4999);
    BOOST_TEST(v->report().dead_bytes <= dead);
  }
  // It can be had back until then.
  BOOST_REQUIRE(v->revive_keys(std::vector<chunk_key>{7}));
  BOOST_TEST(v->probe(7).has_value());
  BOOST_REQUIRE(v->discard_keys(5000, std::vector<chunk_key>{7}));
  const auto dead = v->report().dead_bytes;
  v->expire_orphans(5000);
  BOOST_TEST(v->report().dead_bytes >= dead + 66000u);
  BOOST_REQUIRE(v->compact({.now_ms = 5000}));
  BOOST_TEST(v->orphans().chunks == 0u);
  BOOST_TEST(v->probe(7).has_error());
}

BOOST_AUTO_TEST_CASE(a_damaged_superblock_comes_back_from_the_index) {
  specimen s;
  bytes bad = s.file;
  std::fill_n(bad.begin(), vol::superblock_size, std::byte{0});
  s.put(bad, s.index);
  check_equal(*s.disk.open(), s.chunks);
  BOOST_TEST((s.disk.fs.contents(volume_file) == s.file));
}

BOOST_AUTO_TEST_CASE(a_damaged_index_page_is_noticed_and_rebuilt) {
  specimen s;
  bytes bad = s.index;
  bad[vol::index_page_size + 20] ^= std::byte{4};
  s.put(s.file, bad);
  auto v = s.disk.open();
  BOOST_TEST((v->probe(1).error() == errc::damaged));
  BOOST_TEST((v->list_live(0, 10).error() == errc::damaged));
  BOOST_REQUIRE(v->maintain());
  check_equal(*v, s.chunks);
  BOOST_TEST((v->report() == s.report));
  check_equal(*s.disk.open(), s.chunks);
}

BOOST_AUTO_TEST_CASE(damage_in_the_middle_is_stepped_over) {
  specimen s;
  // Chunks 3 and 4 with all that is between.
  const std::size_t third = 64 + 72 + vol::extent_of(40) + vol::extent_of(80);
  bytes bad = s.file;
  std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(third), vol::extent_of(120) + 30,
              std::byte{0xee});
  s.put(bad, {});
  auto v = s.disk.open();
  model expected = s.chunks;
  expected.erase(3);
  expected.erase(4);
  check_equal(*v, expected);
  BOOST_TEST((v->report().state == replica_state::sealed));
  BOOST_TEST(v->report().removal_number == 1U);
  // They are restored from another replica, then everything is as it was.
  BOOST_TEST(!append(*v, 3, s.chunks[3], 0, vol::write_mode::restore));
  BOOST_TEST(!append(*v, 4, s.chunks[4], 0, vol::write_mode::restore));
  BOOST_TEST((v->report().digest == s.report.digest));
  check_equal(*s.disk.open(), s.chunks);
}

BOOST_AUTO_TEST_CASE(a_lost_removal_is_not_claimed) {
  specimen s;
  auto v = s.disk.open();
  BOOST_REQUIRE(v->remove_keys(2, std::vector<chunk_key>{3}));
  const std::size_t from = v->length();
  BOOST_REQUIRE(v->remove_keys(3, std::vector<chunk_key>{4}));
  BOOST_REQUIRE(v->remove_keys(4, std::vector<chunk_key>{5}));
  v.reset();
  bytes bad = s.disk.fs.contents(volume_file);
  bad[from + vol::header_size] ^= std::byte{1};
  s.put(bad, {});
  v = s.disk.open();
  BOOST_TEST(v->report().removal_number == 2U);
  BOOST_TEST(v->probe(4).has_value());
  BOOST_TEST((v->probe(5).error() == errc::not_found));
  BOOST_REQUIRE(v->remove_keys(3, std::vector<chunk_key>{4}));
  BOOST_REQUIRE(v->remove_keys(4, std::vector<chunk_key>{5}));
}

// A picture that holds a whole volume file, even this very volume's, is a picture.
BOOST_AUTO_TEST_CASE(a_volume_inside_a_picture) {
  sim_disk disk;
  auto v = disk.create();
  model expected;
  for (chunk_key key = 1; key <= 20; ++key) {
    expected[key] = make_content(key, 700);
    BOOST_REQUIRE(!append(*v, key, expected[key]));
  }
  bytes picture = disk.fs.contents(volume_file);
  picture.insert(picture.begin(), 8 + 7 * 24, std::byte{0});  // aligned as records are
  expected[50] = picture;
  BOOST_REQUIRE(!append(*v, 50, picture));
  expected[51] = make_content(51, 3000);
  BOOST_REQUIRE(!append(*v, 51, expected[51]));
  BOOST_REQUIRE(v->seal(1));
  const auto report = v->report();
  v.reset();
  disk.fs.set_contents(index_name, {});
  v = disk.open();
  check_equal(*v, expected);
  BOOST_TEST((v->report() == report));
  v.reset();
  // Even when the picture's own header is gone and its inside is searched.
  bytes bad = disk.fs.contents(volume_file);
  const std::size_t at = 64 + 72 + 20 * vol::extent_of(700);
  bad[at] ^= std::byte{1};
  disk.fs.set_contents(volume_file, bad);
  disk.fs.set_contents(index_name, {});
  v = disk.open();
  expected.erase(50);
  check_equal(*v, expected);
}

BOOST_AUTO_TEST_CASE(files_of_other_volumes_are_refused) {
  specimen s;
  BOOST_TEST((vol::volume::open(s.disk.env, volume_file, volume_id(8)).error() == errc::damaged));
  // An index of another file with the same id: its salt differs.
  sim_disk other;
  auto v = other.create();
  BOOST_REQUIRE(!append(*v, 1, make_content(77, 100)));
  BOOST_REQUIRE(v->seal(1));
  s.put(s.file, other.fs.contents(index_name));
  check_equal(*s.disk.open(), s.chunks);
}

BOOST_AUTO_TEST_CASE(an_older_copy_of_the_volume_shows_in_the_digest) {
  specimen s;
  auto v = s.disk.open();
  BOOST_REQUIRE(v->reopen(2));
  BOOST_REQUIRE(!append(*v, 100, make_content(1, 100), 2));
  BOOST_REQUIRE(v->seal(2));
  const auto report = v->report();
  v.reset();
  const bytes newer = s.disk.fs.contents(index_name);
  s.put(s.file, newer);  // the volume file of before with the index of now
  v = s.disk.open();
  BOOST_TEST(v->report().generation == 1U);
  BOOST_TEST((v->report().digest != report.digest));
  check_equal(*v, s.chunks);
}

BOOST_AUTO_TEST_CASE(a_torn_tail_is_overwritten_cleanly) {
  sim_disk disk;
  auto v = disk.create();
  const bytes a = make_content(1, 5000);
  BOOST_REQUIRE(!append(*v, 1, a));
  BOOST_REQUIRE(!append(*v, 2, a));
  v.reset();
  bytes file = disk.fs.contents(volume_file);
  file.resize(file.size() - 100);
  disk.fs.set_contents(volume_file, file);
  v = disk.open();
  check_equal(*v, {{1, a}});
  BOOST_REQUIRE(v->seal(1));
  BOOST_REQUIRE(v->reopen(2));
  const bytes b = make_content(2, 300);
  BOOST_REQUIRE(!append(*v, 3, b, 2));
  v.reset();
  disk.fs.set_contents(index_name, {});
  check_equal(*disk.open(), {{1, a}, {3, b}});
}

BOOST_AUTO_TEST_SUITE_END()
