// Volumes move between the directories of a node, over crashes, failures and changes meanwhile.
#include "util/dying_disk.hpp"
#include "volume/volume_fixture.hpp"
#include "volume/volume_set.hpp"

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;
using vol::volume_set;

namespace {

constexpr volume_id moved_id{7};
const std::string name = "/volumes/0000000000000007.vol";

vol::volume_set_options two_disks(io::file_system& fs) {
  vol::volume_set_options o;
  o.fs = &fs;
  o.directories = {{"/a", 100 << 20}, {"/b", 100 << 20}};
  o.max_volume_size = 1 << 20;
  o.sync = vol::sync_policy::always;
  return o;
}

// A node with one sealed volume of ten chunks in /a, two of them removed, one set aside.
struct one_volume {
  explicit one_volume(sim_files& disk) : fs(disk) {
    set = volume_set::open(two_disks(fs)).value();
    const auto v = set->create({moved_id, 1}).value();
    BOOST_REQUIRE(v->path() == "/a" + name);
    for (chunk_key key = 1; key <= 10; ++key) {
      chunks[key] = make_content(key, key == 4 ? 200000 : 3000);
      BOOST_REQUIRE(!append(*v, key, chunks[key]));
    }
    BOOST_REQUIRE(v->seal(1));
    BOOST_REQUIRE(v->remove_keys(1, std::vector<chunk_key>{2, 9}));
    BOOST_REQUIRE(v->tombstone_keys(5, std::vector<chunk_key>{3}));
    for (const chunk_key key : {2U, 9U}) chunks.erase(key);
    aside[3] = chunks[3];
    chunks.erase(3);
  }
  result<void> move(std::size_t to = 1, unique_function<bool(std::uint64_t)> go_on = {}) {
    return set->move(moved_id, {to, std::move(go_on), {}});
  }
  std::shared_ptr<vol::volume> find() const { return set->find(moved_id); }
  void reopen() {
    set.reset();
    set = volume_set::open(two_disks(fs)).value();
  }
  // The volume is once on the disks, whole, and nothing else is there.
  void check(const std::string& directory) const {
    const auto v = find();
    BOOST_REQUIRE(v);
    BOOST_TEST(v->path() == directory + name);
    check_equal(*v, chunks);
    const auto tombstones = v->tombstoned();
    BOOST_REQUIRE_EQUAL(tombstones.size(), aside.size());
    if (!aside.empty()) BOOST_TEST(tombstones[0].key == aside.begin()->first);
    for (const std::string d : {"/a", "/b"}) {
      for (const auto& e : fs.list(d + "/volumes").value()) {
        if (e.name == "home.json") continue;
        BOOST_TEST(d == directory, "left over: " << d << "/" << e.name);
        BOOST_TEST((e.name.ends_with(".vol") || e.name.ends_with(".idx")), e.name);
      }
    }
  }

  sim_files& fs;
  std::unique_ptr<volume_set> set;
  model chunks;
  model aside;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(move_test)

BOOST_AUTO_TEST_CASE(a_volume_moves_and_comes_back) {
  sim_files fs;
  one_volume u(fs);
  const auto before = u.find()->report();
  const auto old = u.find();
  const auto at = old->probe(1).value();
  std::shared_ptr<vol::volume> served;
  BOOST_REQUIRE(u.set->move(moved_id, {1, {}, [&](const auto& v) { served = v; }}));
  BOOST_TEST((served == u.find()));
  BOOST_TEST((served != old));
  u.check("/b");
  auto after = u.find()->report();
  BOOST_TEST(after.generation == before.generation);
  BOOST_TEST(after.removal_number == 1U);
  BOOST_TEST((after.digest == before.digest));
  BOOST_TEST(u.find()->moves() == 1U);
  // Those who hold the old one read on, and change nothing.
  bytes out(3000);
  BOOST_REQUIRE(old->read(at, 0, out));
  BOOST_TEST((out == u.chunks[1]));
  BOOST_TEST((read_all(*old, 4).value() == u.chunks[4]));
  BOOST_TEST((old->remove_keys(2, std::vector<chunk_key>{1}).error() == errc::shutting_down));
  BOOST_TEST(append(*old, 20, out, 1, vol::write_mode::restore) ==
             make_error_code(errc::shutting_down));
  for (const auto& d : u.set->status()) BOOST_TEST(d.volumes == (d.path == "/b" ? 1U : 0U));
  u.reopen();
  u.check("/b");
  after = u.find()->report();
  // It lives on: removals, a reopening, burnt keys, and a compaction that keeps the count.
  BOOST_REQUIRE(u.find()->remove_keys(2, std::vector<chunk_key>{1}));
  u.chunks.erase(1);
  BOOST_REQUIRE(u.find()->compact({.now_ms = 10}));
  BOOST_TEST(u.find()->moves() == 1U);
  BOOST_REQUIRE(u.find()->reopen(2));
  BOOST_TEST(append(*u.find(), 9, make_content(9, 3000), 2) == make_error_code(errc::key_conflict));
  BOOST_TEST((u.move(0).error() == errc::precondition));  // open
  BOOST_REQUIRE(u.find()->seal(2));
  BOOST_REQUIRE(u.move(0));
  u.check("/a");
  BOOST_TEST(u.find()->moves() == 2U);
  u.reopen();
  u.check("/a");
  BOOST_TEST((u.move(0).error() == errc::precondition));
  BOOST_TEST((u.move(2).error() == errc::invalid_argument));
  BOOST_TEST((u.set->move(volume_id(9), {1, {}, {}}).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(removals_come_along_other_changes_stop_a_move) {
  sim_files fs;
  one_volume u(fs);
  bool once = false;
  BOOST_REQUIRE(u.move(1, [&](std::uint64_t) {
    if (!std::exchange(once, true)) {
      BOOST_REQUIRE(u.find()->remove_keys(2, std::vector<chunk_key>{1, 4}));
      BOOST_TEST((u.move(1).error() == errc::busy));
      BOOST_TEST((u.find()->compact({}).error() == errc::busy));
    }
    return true;
  }));
  for (const chunk_key key : {1U, 4U}) u.chunks.erase(key);
  u.check("/b");
  BOOST_TEST(u.find()->report().removal_number == 2U);
  const auto stopped_by = [&](auto change) {
    once = false;
    const auto done = u.move(0, [&](std::uint64_t) {
      if (!std::exchange(once, true)) change();
      return true;
    });
    BOOST_TEST((done.error() == errc::busy));
    u.check("/b");
  };
  stopped_by([&] {
    u.chunks[9] = make_content(9, 3000);
    BOOST_TEST(!append(*u.find(), 9, u.chunks[9], 1, vol::write_mode::restore));
  });
  stopped_by([&] {
    BOOST_REQUIRE(u.find()->revive_keys(std::vector<chunk_key>{3}));
    u.chunks[3] = u.aside[3];
    u.aside.clear();
  });
  stopped_by([&] { BOOST_REQUIRE(u.find()->reopen(5)); });
  BOOST_TEST(!append(*u.find(), 30, u.chunks[5], 5));
  u.chunks[30] = u.chunks[5];
  u.reopen();
  u.check("/b");
}

BOOST_AUTO_TEST_CASE(a_dropped_volume_is_gone_whatever_moves) {
  sim_files fs;
  one_volume u(fs);
  BOOST_TEST((u.move(1, [&](std::uint64_t) {
                 if (u.find()) BOOST_REQUIRE(u.set->drop(moved_id));
                 return true;
               }).error() == errc::cancelled));
  BOOST_TEST(!u.find());
  for (const std::string d : {"/a/volumes", "/b/volumes"})
    BOOST_TEST(fs.list(d).value().size() == 1U);
  u.reopen();
  BOOST_TEST(!u.find());
}

// The replica is dropped and made anew as a copy while the rewriting of the old one waits for its
// turn to go on.
BOOST_AUTO_TEST_CASE(what_rewrites_a_dropped_volume_leaves_the_one_made_anew_alone) {
  for (const bool compacted : {false, true}) {
    BOOST_TEST_CONTEXT((compacted ? "compacted" : "moved")) {
      sim_files fs;
      auto options = two_disks(fs);
      options.max_volume_size = 8 << 20;
      auto set = volume_set::open(options).value();
      model chunks;
      const auto old = set->create({moved_id, 1}).value();
      for (chunk_key key = 1; key <= 3; ++key) {
        chunks[key] = make_content(key, key == 2 ? 3 << 20 : 3000);
        BOOST_REQUIRE(!append(*old, key, chunks[key]));
      }
      BOOST_REQUIRE(old->seal(1));
      bool once = false;
      const auto anew = [&](std::uint64_t) {
        if (std::exchange(once, true)) return true;
        BOOST_REQUIRE(set->drop(moved_id));
        // So that the copy comes to where the old one is being written.
        if (compacted) BOOST_REQUIRE(set->create({volume_id(1), 1}));
        const auto v = set->create({moved_id, 2, true, 0}).value();
        BOOST_TEST(v->path() == (compacted ? "/a" : "/b") + name);
        for (const auto& [key, content] : chunks) {
          BOOST_TEST(!append(*v, key, content, 2, vol::write_mode::restore));
        }
        BOOST_REQUIRE(v->adopt(2, 0));
        return true;
      };
      if (compacted) {
        BOOST_TEST((old->compact({.go_on = anew}).error() == errc::cancelled));
      } else {
        BOOST_TEST((set->move(moved_id, {1, anew, {}}).error() == errc::cancelled));
      }
      BOOST_REQUIRE(once);
      check_equal(*set->find(moved_id), chunks);
      set.reset();
      set = volume_set::open(options).value();
      BOOST_REQUIRE(set->find(moved_id));
      BOOST_TEST((set->find(moved_id)->report().state == replica_state::sealed));
      check_equal(*set->find(moved_id), chunks);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_bad_record_or_no_room_stops_a_move) {
  sim_files fs;
  one_volume u(fs);
  auto damaged = fs.contents("/a" + name);
  const auto at = u.find()->probe(5).value();
  damaged[at.offset + 100] ^= std::byte{1};
  u.set.reset();
  fs.set_contents("/a" + name, damaged);
  u.reopen();
  BOOST_TEST((u.move().error() == errc::checksum));
  BOOST_TEST(u.find()->report().bad_records == 1U);
  BOOST_TEST(!append(*u.find(), 5, u.chunks[5], 1, vol::write_mode::restore));
  u.check("/a");
  fs.set_capacity(fs.used() + 10000);
  BOOST_TEST((u.move().error() == errc::no_space));
  u.check("/a");
}

// The process or the machine dies at every call of a move and of what follows it.
BOOST_AUTO_TEST_CASE(nothing_is_lost_or_back_at_any_crash) {
  const auto scenario = [](one_volume& u, bool& removed) {
    if (!u.move()) return;
    removed = u.find()->remove_keys(2, std::vector<chunk_key>{1}).has_value();
  };
  std::uint64_t calls = 0;
  {
    sim_files fs;
    one_volume u(fs);
    const auto before = fs.calls();
    bool removed = false;
    scenario(u, removed);
    BOOST_REQUIRE(removed);
    calls = fs.calls() - before;
  }
  BOOST_TEST(calls > 10U);
  std::size_t on_a = 0;
  std::size_t on_b = 0;
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const auto how : {unsynced::keep, unsynced::drop, unsynced::tear}) {
      BOOST_TEST_CONTEXT("call " << k << ", " << static_cast<int>(how)) {
        sim_files fs;
        one_volume u(fs);
        fs.die_at(fs.calls() + k);
        bool removed = false;
        scenario(u, removed);
        u.set.reset();
        fs.power_loss(how, k);
        u.reopen();
        BOOST_REQUIRE(u.find());
        if (u.find()->report().removal_number == 2) {
          u.chunks.erase(1);
        } else {
          BOOST_TEST(!removed);
        }
        const bool on_old = u.find()->path().starts_with("/a");
        ++(on_old ? on_a : on_b);
        u.check(on_old ? "/a" : "/b");
        // And a second start finds the same.
        u.reopen();
        u.check(on_old ? "/a" : "/b");
      }
    }
  }
  BOOST_TEST(on_a > 0U);
  BOOST_TEST(on_b > 0U);
}

// Every single call of a move fails: the volume is whole, now and after a restart, and what is
// acknowledged afterwards stays.
BOOST_AUTO_TEST_CASE(failures_do_no_harm) {
  std::uint64_t calls = 0;
  {
    sim_files fs;
    one_volume u(fs);
    const auto before = fs.calls();
    BOOST_REQUIRE(u.move());
    calls = fs.calls() - before;
  }
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const auto how : {fault::io, fault::no_space, fault::short_write}) {
      for (const bool lasting : {false, true}) {
        BOOST_TEST_CONTEXT("call " << k << ", " << static_cast<int>(how) << lasting) {
          sim_files fs;
          one_volume u(fs);
          fs.fail_at(fs.calls() + k, how, lasting);
          static_cast<void>(u.move());
          fs.no_faults();
          BOOST_REQUIRE(u.find());
          check_equal(*u.find(), u.chunks);
          if (u.find()->remove_keys(2, std::vector<chunk_key>{5})) {
            u.chunks.erase(5);
          } else {
            BOOST_TEST((u.find()->report().state == replica_state::damaged));
          }
          u.set.reset();
          fs.power_loss(unsynced::tear, k);
          u.reopen();
          BOOST_REQUIRE(u.find());
          check_equal(*u.find(), u.chunks);
          BOOST_TEST(u.find()->report().removal_number == (u.chunks.contains(5) ? 1U : 2U));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(of_two_files_the_later_counts) {
  sim_files fs;
  one_volume u(fs);
  const auto first = fs.contents("/a" + name);
  BOOST_REQUIRE(u.move());
  // Its removal was lost, or the disk was away: the old file is there again. Meanwhile the volume
  // has lived on.
  BOOST_REQUIRE(u.find()->reopen(2));
  u.chunks[11] = make_content(11, 500);
  BOOST_TEST(!append(*u.find(), 11, u.chunks[11], 2));
  u.set.reset();
  fs.set_contents("/a" + name, first);
  u.reopen();
  u.check("/b");
  // The old one went on alone, at a higher generation, and the moved one is back: it is stale, but
  // has moved more often, so it is left where it is, until the replica is dropped.
  const auto moved = fs.contents("/b" + name);
  BOOST_REQUIRE(u.set->drop(moved_id));
  u.set.reset();
  fs.set_contents("/a" + name, first);
  u.reopen();
  BOOST_REQUIRE(u.find()->adopt(7, 3));
  u.chunks.erase(11);
  u.set.reset();
  fs.set_contents("/b" + name, moved);
  for (int i = 0; i < 2; ++i) {
    u.reopen();
    BOOST_TEST(u.find()->path() == "/a" + name);
    check_equal(*u.find(), u.chunks);
    BOOST_TEST((fs.contents("/b" + name) == moved));
  }
  const auto calls = fs.calls();
  BOOST_TEST((u.move().error() == errc::exists));
  BOOST_TEST(fs.calls() == calls);  // before anything was copied
  u.reopen();
  BOOST_REQUIRE(u.set->drop(moved_id));
  for (const std::string d : {"/a/volumes", "/b/volumes"})
    BOOST_TEST(fs.list(d).value().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_volume_any_more_does_not_count) {
  for (const std::string broken : {"/a", "/b"}) {
    sim_files fs;
    one_volume u(fs);
    const auto first = fs.contents("/a" + name);
    BOOST_REQUIRE(u.move());
    const auto second = fs.contents("/b" + name);
    u.set.reset();
    for (const std::string d : {"/a", "/b"}) {
      static_cast<void>(fs.remove(d + "/volumes/0000000000000007.idx"));
      fs.set_contents(d + name, d == broken ? bytes(500) : d == "/a" ? first : second);
    }
    u.reopen();
    BOOST_TEST(u.set->quarantined().empty());
    BOOST_TEST(!u.find()->path().starts_with(broken));
    check_equal(*u.find(), u.chunks);
  }
}

// A disk was away, a copy was begun on the other one, and the disk is back before it was finished.
BOOST_AUTO_TEST_CASE(an_unfinished_copy_does_not_hide_a_whole_volume) {
  for (const std::string away : {"/a", "/b"}) {
    for (const generation_t generation : {1U, 2U}) {
      sim_files fs;
      dying_disk dying(fs, away);
      auto here = two_disks(fs);
      auto rest = two_disks(fs);
      here.directories = {{away, 100 << 20}};
      rest.directories = {{away == "/a" ? "/b" : "/a", 100 << 20}};
      model chunks;
      BOOST_REQUIRE(volume_set::open(two_disks(fs)));  // both are of one node
      auto set = volume_set::open(here).value();
      const auto v = set->create({moved_id, 1}).value();
      chunks[1] = make_content(1, 3000);
      BOOST_REQUIRE(!append(*v, 1, chunks[1]));
      BOOST_REQUIRE(v->seal(1));
      set.reset();
      set = volume_set::open(rest).value();
      BOOST_REQUIRE(set->create({moved_id, generation, true, 0}));
      set.reset();
      set = volume_set::open(two_disks(dying)).value();
      BOOST_TEST(set->find(moved_id)->path().starts_with(away));
      check_equal(*set->find(moved_id), chunks);
      // Whether its disk works or not, the drop leaves nothing on the other in the way of a copy.
      const bool dies = generation == 2;
      if (dies) {
        dying.die();
        BOOST_TEST(!set->find(moved_id)->remove_keys(1, std::vector<chunk_key>{1}));
        // A disk is given up at the third failure in a row.
        std::size_t given_up = 0;
        for (int i = 0; i < 3; ++i) given_up += set->sync_dirty();
        BOOST_TEST(given_up > 0U);
      }
      BOOST_REQUIRE(set->drop(moved_id));
      // Beside home.json.
      BOOST_TEST(fs.list(rest.directories[0].path + "/volumes").value().size() == 1U);
      BOOST_TEST((fs.list(away + "/volumes").value().size() == 1U) != dies);
      BOOST_TEST(set->create({moved_id, 3, true, 0}).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_disk_that_a_volume_moves_to_dies) {
  sim_files memory;
  dying_disk fs(memory, "/b");
  auto set = volume_set::open(two_disks(fs)).value();
  model chunks;
  const auto v = set->create({moved_id, 1}).value();
  BOOST_REQUIRE(v->path() == "/a" + name);
  for (chunk_key key = 1; key <= 10; ++key) {
    chunks[key] = make_content(key, 3000);
    BOOST_REQUIRE(!append(*v, key, chunks[key]));
  }
  BOOST_REQUIRE(v->seal(1));
  BOOST_TEST(!set->move(moved_id, {1, [&](std::uint64_t) { return fs.die(), true; }, {}}));
  check_equal(*set->find(moved_id), chunks);
  BOOST_TEST((set->find(moved_id)->report().state == replica_state::sealed));
  BOOST_REQUIRE(set->find(moved_id)->remove_keys(1, std::vector<chunk_key>{1}));
}

// In the moment in which the old file has been given up and the new one is to be opened.
BOOST_AUTO_TEST_CASE(the_disk_dies_under_a_volume_that_has_just_moved) {
  sim_files memory;
  one_volume u(memory);
  u.set.reset();
  {
    dying_disk fs(memory, "/b");
    const auto set = volume_set::open(two_disks(fs)).value();
    fs.die_behind_sync_of("/b/volumes");
    int served = 0;
    BOOST_TEST(!set->move(moved_id, {1, {}, [&](const auto& v) {
                                       ++served;
                                       BOOST_TEST(!v);
                                     }}));
    BOOST_TEST(served == 1);
    BOOST_TEST(!set->find(moved_id));
    BOOST_TEST(set->is_quarantined(moved_id));
    BOOST_TEST(!set->is_quarantined(volume_id(9)));
    BOOST_REQUIRE_EQUAL(set->reports().size(), 1U);
    BOOST_TEST((set->reports()[0].state == replica_state::damaged));
  }
  // Nothing was acknowledged since, so whichever file is there is the volume.
  for (const bool with_b : {false, true}) {
    dying_disk fs(memory, "/b");
    if (!with_b) fs.die();
    const auto set = volume_set::open(two_disks(fs)).value();
    BOOST_REQUIRE(set->find(moved_id));
    BOOST_TEST(set->find(moved_id)->path().starts_with(with_b ? "/b" : "/a"));
    check_equal(*set->find(moved_id), u.chunks);
  }
}

BOOST_AUTO_TEST_SUITE_END()
