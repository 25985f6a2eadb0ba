#include "volume/volume_fixture.hpp"

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;

namespace {

// A sealed volume of ten chunks, three of them removed.
struct used_volume {
  used_volume() : v(disk.create()) {
    for (chunk_key key = 1; key <= 10; ++key) {
      chunks[key] = make_content(key, key == 4 ? 200000 : 3000);
      BOOST_REQUIRE(!append(*v, key, chunks[key]));
    }
    BOOST_REQUIRE(v->seal(1));
    const std::vector<chunk_key> gone = {2, 9, 10};
    BOOST_REQUIRE(v->remove_keys(1, gone));
    for (const chunk_key key : gone) chunks.erase(key);
  }
  // Nothing is left of a new file.
  void check_clean() {
    for (const auto& e : disk.fs.list("/d").value()) {
      BOOST_TEST(!e.name.ends_with(".new"), "left over: " << e.name);
    }
  }
  sim_disk disk;
  std::shared_ptr<vol::volume> v;
  model chunks;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(compaction_test)

BOOST_AUTO_TEST_CASE(frees_dead_bytes_and_keeps_everything_else) {
  used_volume u;
  const auto before = u.v->report();
  const auto at = u.v->probe(1).value();
  const auto done = u.v->compact({}).value();
  BOOST_TEST(done.old_length == before.length);
  BOOST_TEST(done.new_length < before.length - 3 * 3000);
  check_equal(*u.v, u.chunks);
  auto after = u.v->report();
  BOOST_TEST(after.length == done.new_length);
  BOOST_TEST(after.dead_bytes == 2 * 72U);
  BOOST_TEST(after.removal_number == 1U);
  BOOST_TEST((after.state == replica_state::sealed));
  bytes out(3000);
  BOOST_REQUIRE(u.v->read(at, 0, out));  // through the old file
  BOOST_TEST((out == u.chunks[1]));
  u.v.reset();
  u.v = u.disk.open();
  BOOST_TEST((u.v->report() == after));
  check_equal(*u.v, u.chunks);
  u.check_clean();
  // Also without its index, and again.
  u.v.reset();
  u.disk.fs.set_contents(index_name, {});
  u.v = u.disk.open();
  BOOST_TEST((u.v->report() == after));
  BOOST_REQUIRE(u.v->compact({}));
  check_equal(*u.v, u.chunks);
}

BOOST_AUTO_TEST_CASE(burnt_keys_stay_burnt) {
  used_volume u;
  BOOST_REQUIRE(u.v->compact({}));
  for (const bool restart : {false, true}) {
    if (restart) u.v = u.disk.open();
    if (!restart) BOOST_REQUIRE(u.v->reopen(2));
    for (const chunk_key key : {2U, 9U, 10U}) {
      BOOST_TEST(append(*u.v, key, make_content(key, 3000), 2) ==
                 make_error_code(errc::key_conflict));
    }
  }
  BOOST_TEST(!append(*u.v, 11, make_content(11, 10), 2));
}

BOOST_AUTO_TEST_CASE(removals_may_come_meanwhile) {
  used_volume u;
  bool removed = false;
  vol::compaction_options options;
  options.go_on = [&](std::uint64_t) {
    if (!removed) {
      BOOST_REQUIRE(u.v->remove_keys(2, std::vector<chunk_key>{1, 5}));
      BOOST_REQUIRE(u.v->remove_keys(3, std::vector<chunk_key>{6}));
      BOOST_TEST((u.v->compact({}).error() == errc::busy));
      removed = true;
    }
    return true;
  };
  BOOST_REQUIRE(u.v->compact(std::move(options)));
  for (const chunk_key key : {1U, 5U, 6U}) u.chunks.erase(key);
  check_equal(*u.v, u.chunks);
  BOOST_TEST(u.v->report().removal_number == 3U);
  const auto report = u.v->report();
  u.v.reset();
  u.disk.fs.set_contents(index_name, {});
  u.v = u.disk.open();
  BOOST_TEST((u.v->report() == report));
  check_equal(*u.v, u.chunks);
}

BOOST_AUTO_TEST_CASE(gives_up_when_the_volume_is_reopened_or_cancelled) {
  used_volume u;
  const auto before = u.v->report();
  vol::compaction_options stop;
  stop.go_on = [](std::uint64_t) { return false; };
  BOOST_TEST((u.v->compact(std::move(stop)).error() == errc::cancelled));
  BOOST_TEST((u.v->report() == before));
  vol::compaction_options options;
  bool reopened = false;
  options.go_on = [&](std::uint64_t) {
    if (!reopened) BOOST_REQUIRE(u.v->reopen(2));
    return reopened = true;
  };
  BOOST_TEST((u.v->compact(std::move(options)).error() == errc::busy));
  check_equal(*u.v, u.chunks);
  u.check_clean();
  BOOST_REQUIRE(u.v->seal(2));
  BOOST_REQUIRE(u.v->compact({}));
  check_equal(*u.v, u.chunks);
}

BOOST_AUTO_TEST_CASE(young_tombstones_survive_old_ones_do_not) {
  used_volume u;
  BOOST_REQUIRE(u.v->tombstone_keys(1000, std::vector<chunk_key>{1}));
  BOOST_REQUIRE(u.v->tombstone_keys(2000, std::vector<chunk_key>{4}));
  BOOST_REQUIRE(u.v->compact({.now_ms = 2500, .tombstone_ms = 1000}));
  BOOST_TEST(u.v->tombstoned().size() == 1U);
  u.v = u.disk.open();
  BOOST_REQUIRE(u.v->revive_keys(std::vector<chunk_key>{1, 4}));
  u.chunks.erase(1);
  check_equal(*u.v, u.chunks);
}

BOOST_AUTO_TEST_CASE(a_full_disk_stops_it_without_harm) {
  used_volume u;
  u.disk.fs.set_capacity(u.disk.fs.used() + 100000);
  BOOST_TEST((u.v->compact({}).error() == errc::no_space));
  check_equal(*u.v, u.chunks);
  u.check_clean();
  u.disk.fs.set_capacity(1 << 30);
  BOOST_REQUIRE(u.v->compact({}));
  check_equal(*u.v, u.chunks);
}

BOOST_AUTO_TEST_CASE(a_copy_that_does_not_read_back_is_thrown_away) {
  used_volume u;
  // Every reading call of a compaction fails in turn, also those that compare the copy.
  const auto before = u.disk.fs.reads();
  BOOST_REQUIRE(u.v->compact({}));
  const auto reads = u.disk.fs.reads() - before;
  BOOST_TEST(reads > 5U);
  for (std::uint64_t k = 1; k <= reads; ++k) {
    used_volume w;
    w.disk.fs.fail_read_at(w.disk.fs.reads() + k);
    const auto done = w.v->compact({});
    w.disk.fs.no_faults();
    check_equal(*w.v, w.chunks);
    if (!done) BOOST_TEST((w.v->report().state == replica_state::sealed));
    w.v = w.disk.open();
    check_equal(*w.v, w.chunks);
  }
}

BOOST_AUTO_TEST_SUITE_END()
