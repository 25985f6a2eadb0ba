#include "volume/volume.hpp"

#include "util/temp_dir.hpp"
#include "volume/volume_fixture.hpp"

using namespace ssdfs;
using namespace ssdfs::test;
using ssdfs::volume::append_item;
using ssdfs::volume::write_mode;
namespace vol = ssdfs::volume;

BOOST_AUTO_TEST_SUITE(volume_test)

BOOST_AUTO_TEST_CASE(stores_and_reads_whole_chunks_and_ranges) {
  sim_disk disk;
  auto v = disk.create();
  model expected;
  chunk_key key = 0;
  for (const std::size_t size : {1U, 7U, 8U, 4096U, 65535U, 65536U, 65537U, 200000U, 262144U}) {
    ++key;
    expected[key] = make_content(key, size);
    BOOST_TEST(!append(*v, key, expected[key]));
  }
  check_equal(*v, expected);
  for (const auto& [k, content] : expected) {
    const auto at = v->probe(k).value();
    for (const std::size_t offset : {0U, 1U, 65535U, 65536U, 70000U, 131072U}) {
      for (const std::size_t length : {0U, 1U, 8U, 65536U, 65537U, 131072U}) {
        if (offset + length > content.size()) continue;
        bytes out(length);
        BOOST_REQUIRE(v->read(at, static_cast<std::uint32_t>(offset), out));
        BOOST_TEST((std::equal(out.begin(), out.end(), content.begin() + offset)));
        BOOST_REQUIRE(v->read_cached(at, static_cast<std::uint32_t>(offset), out));
        BOOST_TEST((std::equal(out.begin(), out.end(), content.begin() + offset)));
        BOOST_REQUIRE(
            v->verify(at, static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(length)));
      }
    }
    bytes beyond(content.size() + 1);
    BOOST_TEST((v->read(at, 0, beyond).error() == errc::invalid_argument));
    BOOST_TEST((v->verify(at, 1, at.size).error() == errc::invalid_argument));
  }
  BOOST_TEST((v->probe(77).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_batch_is_one_write_and_every_item_has_its_outcome) {
  sim_disk disk;
  auto v = disk.create();
  BOOST_TEST(!append(*v, 1, make_content(1, 100)));
  const bytes a = make_content(2, 1000);
  const bytes b = make_content(3, 100000);
  const std::vector<bytes_view> split = {bytes_view(b).first(70000), bytes_view(b).subspan(70000)};
  const bytes_view whole_a(a);
  const auto item = [](chunk_key key, const bytes& content, std::span<const bytes_view> parts) {
    return append_item{1, key, static_cast<std::uint32_t>(content.size()), crc32c(content), parts};
  };
  std::vector<append_item> items = {
      item(2, a, {&whole_a, 1}),  // stored
      item(3, b, split),          // stored
      item(2, a, {&whole_a, 1}),  // the same again
      item(3, a, {&whole_a, 1}),  // other content for a key of this batch
      item(1, a, {&whole_a, 1}),  // other content for a known key
      item(4, a, {&whole_a, 1}),  // wrong CRC
      item(0, a, {&whole_a, 1}),  // no key
      item(5, a, split),          // parts of another length
      item(6, a, {&whole_a, 1}),  // stale
  };
  items[5].crc ^= 1;
  items[8].generation = 2;
  std::vector<boost::system::error_code> outcome(items.size());
  const auto before = disk.fs.calls();
  v->append_batch(items, outcome);
  BOOST_TEST(disk.fs.calls() == before + 2);  // a write and a sync
  const std::vector<std::optional<errc>> expected = {{},
                                                     {},
                                                     {},
                                                     errc::key_conflict,
                                                     errc::key_conflict,
                                                     errc::checksum,
                                                     errc::invalid_argument,
                                                     errc::invalid_argument,
                                                     errc::stale_generation};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto want = expected[i] ? make_error_code(*expected[i]) : boost::system::error_code();
    BOOST_TEST(outcome[i] == want, "item " << i << ": " << outcome[i].message());
  }
  check_equal(*v, {{1, make_content(1, 100)}, {2, a}, {3, b}});
  v.reset();
  check_equal(*disk.open(), {{1, make_content(1, 100)}, {2, a}, {3, b}});
}

BOOST_AUTO_TEST_CASE(a_trusted_crc_is_not_computed_for_small_chunks) {
  sim_disk disk;
  auto v = disk.create();
  const bytes a = make_content(2, 1000);
  const bytes_view part(a);
  append_item item{1, 1, 1000, crc32c(a) ^ 1, {&part, 1}, true};
  boost::system::error_code outcome;
  v->append_batch({&item, 1}, {&outcome, 1});
  BOOST_TEST(!outcome);  // the caller vouched
  BOOST_TEST((read_all(*v, 1).error() == errc::checksum));
  BOOST_TEST(v->report().bad_records == 1U);
}

BOOST_AUTO_TEST_CASE(large_chunks_in_pieces) {
  sim_disk disk;
  auto v = disk.create();
  model expected;
  expected[1] = make_content(1, 1000000);
  BOOST_REQUIRE(append_large(*v, 1, expected[1]));
  expected[2] = make_content(2, 100);
  BOOST_TEST(!append(*v, 2, expected[2]));
  expected[3] = make_content(3, 65536 * 5);
  BOOST_REQUIRE(append_large(*v, 3, expected[3]));
  // In any order, pieces repeated, with an append in between.
  const bytes content = make_content(4, 300000);
  append_item item{1, 4, 300000, crc32c(content), {}};
  auto handle = v->begin_large(item).value();
  BOOST_TEST((v->begin_large(item).error() == errc::key_conflict));
  BOOST_TEST((v->probe(4).error() == errc::not_found));
  BOOST_TEST(append(*v, 4, content) == make_error_code(errc::key_conflict));
  const auto piece = [&](std::size_t at, std::size_t n) {
    const bytes_view part = bytes_view(content).subspan(at, n);
    return v->write_piece(*handle, at, {&part, 1});
  };
  BOOST_REQUIRE(piece(262144, 300000 - 262144));
  expected[5] = make_content(5, 5000);
  BOOST_TEST(!append(*v, 5, expected[5]));
  BOOST_TEST((v->finish_large(*handle).error() == errc::checksum));  // incomplete
  BOOST_REQUIRE(piece(0, 131072));
  BOOST_REQUIRE(piece(65536, 65536));
  BOOST_REQUIRE(piece(131072, 131072));
  BOOST_TEST((piece(1, 65536).error() == errc::invalid_argument));
  BOOST_TEST((piece(0, 100).error() == errc::invalid_argument));
  const bytes other = make_content(99, 65536);
  const bytes_view other_part(other);
  BOOST_TEST((v->write_piece(*handle, 0, {&other_part, 1}).error() == errc::key_conflict));
  BOOST_TEST((v->write_piece(*handle, 327680, {&other_part, 1}).error() == errc::invalid_argument));
  BOOST_REQUIRE(v->finish_large(*handle));
  BOOST_TEST((piece(0, 65536).error() == errc::aborted));
  expected[4] = content;
  BOOST_TEST((v->begin_large(item).error() == errc::exists));
  check_equal(*v, expected);
  v.reset();
  handle.reset();
  check_equal(*disk.open(), expected);
}

BOOST_AUTO_TEST_CASE(unfinished_large_chunks_are_dead_space) {
  sim_disk disk;
  auto v = disk.create();
  const bytes content = make_content(1, 300000);
  const append_item item{1, 1, 300000, crc32c(content), {}};
  const append_item second{1, 2, 300000, crc32c(content), {}};
  const append_item wrong{1, 3, 300000, crc32c(content) ^ 5, {}};
  auto given_up = v->begin_large(item).value();
  auto sealed_over = v->begin_large(second).value();
  BOOST_TEST(v->report().dead_bytes == 72U);  // the first state record
  given_up.reset();
  BOOST_TEST(v->report().dead_bytes == 72U + vol::extent_of(300000));
  BOOST_TEST(append(*v, 1, content) == make_error_code(errc::key_conflict));  // burnt
  {
    auto handle = v->begin_large(wrong).value();
    const bytes_view all(content);
    BOOST_REQUIRE(v->write_piece(*handle, 0, {&all, 1}));
    BOOST_TEST((v->finish_large(*handle).error() == errc::checksum));
  }
  BOOST_REQUIRE(v->seal(1));
  const bytes_view all(content);
  BOOST_TEST((v->write_piece(*sealed_over, 0, {&all, 1}).error() == errc::aborted));
  BOOST_TEST((v->finish_large(*sealed_over).error() == errc::sealed));
  check_equal(*v, {});
  sealed_over.reset();
  v.reset();
  v = disk.open();
  check_equal(*v, {});
  BOOST_TEST(v->report().dead_bytes == 2 * 72U + 3 * vol::extent_of(300000));
}

BOOST_AUTO_TEST_CASE(life_seal_reopen_generations) {
  sim_disk disk;
  auto v = disk.create(5);
  const bytes a = make_content(1, 100);
  BOOST_TEST(append(*v, 1, a, 4) == make_error_code(errc::stale_generation));
  BOOST_TEST(append(*v, 1, a, 6) == make_error_code(errc::stale_generation));
  BOOST_TEST(!append(*v, 10, a, 5));
  BOOST_TEST((v->seal(4).error() == errc::stale_generation));
  BOOST_TEST((v->reopen(6).error() == errc::precondition));
  BOOST_TEST((v->set_generation(6).error() == errc::precondition));
  const auto sealed = v->seal(5).value();
  BOOST_TEST((sealed.state == replica_state::sealed));
  BOOST_TEST((v->seal(5).value() == sealed));
  BOOST_TEST(append(*v, 2, a, 5) == make_error_code(errc::sealed));
  BOOST_TEST(append(*v, 10, a, 5) == make_error_code(errc::sealed));  // also what it has
  BOOST_TEST((v->begin_large({5, 3, 100, crc32c(a), {}}).error() == errc::sealed));
  v = disk.open();
  BOOST_TEST((v->report() == sealed));
  BOOST_TEST((v->set_generation(4).error() == errc::stale_generation));
  BOOST_TEST(v->set_generation(8).value().generation == 8U);
  BOOST_TEST(v->set_generation(8).value().generation == 8U);
  BOOST_TEST((v->reopen(8).error() == errc::stale_generation));
  BOOST_TEST((v->reopen(9).value().state == replica_state::open));
  BOOST_TEST((v->reopen(9).value().state == replica_state::open));
  BOOST_TEST(append(*v, 11, a, 8) == make_error_code(errc::stale_generation));
  // Keys below the highest of the earlier opening are burnt, new ones are free.
  BOOST_TEST(append(*v, 3, a, 9) == make_error_code(errc::key_conflict));
  BOOST_TEST(!append(*v, 11, a, 9));
  v = disk.open();
  BOOST_TEST(v->report().generation == 9U);
  check_equal(*v, {{10, a}, {11, a}});
}

BOOST_AUTO_TEST_CASE(removals_are_numbered_and_idempotent) {
  sim_disk disk;
  auto v = disk.create();
  model expected;
  for (chunk_key key = 1; key <= 20; ++key) {
    expected[key] = make_content(key, 1000);
    BOOST_TEST(!append(*v, key, expected[key]));
  }
  const std::vector<chunk_key> first = {3, 5, 77};
  const std::vector<chunk_key> second = {6};
  const auto gap = v->remove_keys(2, second);
  BOOST_REQUIRE(gap.has_error());
  BOOST_TEST((gap.error() == errc::precondition));
  BOOST_TEST(gap.error().message().find("expected 1") != std::string::npos);
  BOOST_REQUIRE(v->remove_keys(1, first));
  BOOST_REQUIRE(v->remove_keys(1, second));  // applied before: whatever it says now
  BOOST_TEST((v->probe(3).error() == errc::not_found));
  BOOST_TEST(append(*v, 3, make_content(3, 1000)) == make_error_code(errc::key_conflict));
  BOOST_TEST(append(*v, 77, make_content(3, 1000)) == make_error_code(errc::key_conflict));
  for (const chunk_key key : first) expected.erase(key);
  check_equal(*v, expected);
  BOOST_REQUIRE(v->seal(1));
  BOOST_REQUIRE(v->remove_keys(2, second));
  expected.erase(6);
  check_equal(*v, expected);
  BOOST_TEST(v->report().removal_number == 2U);
  const auto report = v->report();
  v = disk.open();
  BOOST_TEST((v->report() == report));
  check_equal(*v, expected);
}

// Somebody has made up a key: that one is burnt, and those that will be granted are not.
BOOST_AUTO_TEST_CASE(a_key_that_nobody_was_granted_burns_no_others) {
  sim_disk disk;
  auto v = disk.create();
  constexpr chunk_key made_up = 4'000'000'000;
  const bytes content = make_content(1, 100);
  BOOST_TEST(!append(*v, 1, content));
  BOOST_TEST(!append(*v, made_up, content));
  for (generation_t generation = 2; generation < 4; ++generation) {
    BOOST_REQUIRE(v->seal(generation - 1));
    v.reset();
    v = disk.open();
    BOOST_REQUIRE(v->reopen(generation, 10 * generation));
    const bytes other = make_content(2, 100);
    BOOST_TEST((append(*v, 10 * generation - 1, other, generation) == errc::key_conflict));
    BOOST_TEST((append(*v, made_up, other, generation) == errc::key_conflict));
    BOOST_TEST(!append(*v, 10 * generation, other, generation));
  }
}

BOOST_AUTO_TEST_CASE(tombstones_are_kept_and_revived) {
  sim_disk disk;
  auto v = disk.create();
  const bytes a = make_content(1, 1000);
  const bytes b = make_content(2, 70000);
  BOOST_TEST(!append(*v, 1, a));
  BOOST_TEST(!append(*v, 2, b));
  BOOST_REQUIRE(v->seal(1));
  const std::vector<chunk_key> both = {1, 2, 9};
  BOOST_REQUIRE(v->tombstone_keys(1000, both));
  check_equal(*v, {});
  BOOST_TEST(v->tombstoned().size() == 2U);
  v = disk.open();
  check_equal(*v, {});
  BOOST_TEST(v->tombstoned().size() == 2U);
  const std::vector<chunk_key> one = {2};
  BOOST_REQUIRE(v->revive_keys(one));
  check_equal(*v, {{2, b}});
  BOOST_REQUIRE(v->checkpoint());
  v = disk.open();
  check_equal(*v, {{2, b}});
  // A restored copy of a tombstoned chunk is live.
  BOOST_TEST(!append(*v, 1, a, 0, write_mode::restore));
  check_equal(*v, {{1, a}, {2, b}});
  BOOST_TEST(v->tombstoned().empty());
}

BOOST_AUTO_TEST_CASE(a_copy_is_filled_then_adopted) {
  sim_disk disk;
  auto v = vol::volume::create(disk.env, volume_file, {test_volume, 3, {}, true}).value();
  BOOST_TEST((v->report().state == replica_state::recovering));
  const bytes a = make_content(1, 1000);
  BOOST_TEST(append(*v, 1, a, 3) == make_error_code(errc::sealed));
  BOOST_TEST((v->seal(3).error() == errc::precondition));
  BOOST_TEST(!append(*v, 5, a, 0, write_mode::restore));
  BOOST_TEST(!append(*v, 2, a, 0, write_mode::restore));  // copies come in any order
  v = disk.open();
  BOOST_TEST((v->report().state == replica_state::recovering));
  BOOST_TEST(!append(*v, 1, a, 0, write_mode::restore));
  const auto report = v->adopt(4, 17).value();
  BOOST_TEST((report.state == replica_state::sealed));
  BOOST_TEST(report.generation == 4U);
  BOOST_TEST(report.removal_number == 17U);
  BOOST_TEST((v->adopt(3, 17).error() == errc::stale_generation));
  BOOST_TEST((v->adopt(4, 16).error() == errc::precondition));
  v = disk.open();
  BOOST_TEST((v->report() == report));
  check_equal(*v, {{1, a}, {2, a}, {5, a}});
  BOOST_REQUIRE(v->remove_keys(18, std::vector<chunk_key>{2}));
}

BOOST_AUTO_TEST_CASE(bad_bytes_are_never_delivered_and_can_be_healed) {
  for (const std::size_t size : {5000U, 200000U}) {
    sim_disk disk;
    auto v = disk.create();
    const bytes a = make_content(1, size);
    const bytes b = make_content(2, 500);
    BOOST_TEST(!append(*v, 1, a));
    BOOST_TEST(!append(*v, 2, b));
    BOOST_REQUIRE(v->seal(1));
    v.reset();
    auto file = disk.fs.contents(volume_file);
    const std::size_t start = vol::superblock_size + 72 + vol::header_size;
    file[start + size - 10] ^= std::byte{1};
    disk.fs.set_contents(volume_file, file);
    v = disk.open();
    BOOST_TEST(v->report().bad_records == 0U);
    const auto at = v->probe(1).value();
    bytes range(100);
    if (size > vol::block_size) {
      BOOST_TEST(v->read(at, 0, range).has_value());  // another block
    }
    BOOST_TEST((v->read(at, at.size - 100, range).error() == errc::checksum));
    BOOST_TEST((read_all(*v, 1).error() == errc::checksum));
    BOOST_TEST(v->report().bad_records == 1U);
    BOOST_TEST(v->bad_keys() == std::vector<chunk_key>{1}, boost::test_tools::per_element());
    const auto found = v->scrub(0, 1 << 30).value();
    BOOST_TEST(found.bad == 1U);
    BOOST_TEST(found.next == 0U);
    BOOST_TEST((v->compact({}).error() == errc::checksum));
    BOOST_TEST(!append(*v, 1, a, 0, write_mode::restore));
    BOOST_TEST(v->report().bad_records == 0U);
    check_equal(*v, {{1, a}, {2, b}});
    v = disk.open();
    check_equal(*v, {{1, a}, {2, b}});
  }
}

BOOST_AUTO_TEST_CASE(scrub_goes_through_in_steps) {
  sim_disk disk;
  auto v = disk.create();
  for (chunk_key key = 1; key <= 600; ++key) {
    BOOST_TEST(!append(*v, key, make_content(key, 100)));
  }
  chunk_key from = 0;
  std::uint64_t bytes_read = 0;
  int rounds = 0;
  do {
    const auto step = v->scrub(from, 7000).value();
    BOOST_TEST(step.bytes <= 7000U);
    bytes_read += step.bytes;
    from = step.next;
    ++rounds;
  } while (from != 0 && rounds < 100);
  BOOST_TEST(bytes_read == 60000U);
  BOOST_TEST(rounds == 9);
}

BOOST_AUTO_TEST_CASE(a_full_volume_refuses_appends_only) {
  sim_disk disk;
  disk.env.max_volume_size = 10000;
  auto v = disk.create();
  const bytes a = make_content(1, 4000);
  BOOST_TEST(!append(*v, 1, a));
  BOOST_TEST(!append(*v, 2, a));
  BOOST_TEST(append(*v, 3, a) == make_error_code(errc::no_space));
  BOOST_TEST(!append(*v, 1, a));  // known: still acknowledged
  BOOST_TEST(!append(*v, 4, make_content(2, 100)));
  BOOST_REQUIRE(v->remove_keys(1, std::vector<chunk_key>{1}));
  BOOST_REQUIRE(v->seal(1));
  check_equal(*v, {{2, a}, {4, make_content(2, 100)}});
}

BOOST_AUTO_TEST_CASE(works_on_the_real_disk) {
  const temp_dir dir;
  vol::environment env;
  env.fs = &io::system_files();
  const std::string path = dir.path() + "/0000000100000007.vol";
  auto v = vol::volume::create(env, path, {test_volume, 1, {}, false}).value();
  model expected;
  for (chunk_key key = 1; key <= 200; ++key) {
    expected[key] = make_content(key, 1 + key * 37);
    BOOST_TEST(!append(*v, key, expected[key]));
  }
  expected[201] = make_content(201, 1 << 20);
  BOOST_REQUIRE(append_large(*v, 201, expected[201]));
  BOOST_REQUIRE(v->maintain());
  check_equal(*v, expected);
  const auto at = v->probe(201).value();
  BOOST_TEST(at.file->native_handle() >= 0);  // for sendfile
  BOOST_REQUIRE(v->seal(1));
  BOOST_REQUIRE(v->remove_keys(1, std::vector<chunk_key>{7, 201}));
  expected.erase(7);
  expected.erase(201);
  BOOST_REQUIRE(v->compact({}));
  check_equal(*v, expected);
  bytes out(1 << 20);
  BOOST_REQUIRE(v->read(at, 0, out));  // a reader keeps the old file
  BOOST_TEST((out == make_content(201, 1 << 20)));
  v.reset();
  check_equal(*vol::volume::open(env, path, test_volume).value(), expected);
}

BOOST_AUTO_TEST_SUITE_END()
