// The process or the machine dies at every single call that changes the disk, under
// sync_policy::always: what was acknowledged is there afterwards, what was removed stays removed.
#include "volume/volume_fixture.hpp"

#include <functional>
#include <set>

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;

namespace {

// What the volume has promised, and what it was asked for without having answered.
struct journal {
  model stored;                    // acknowledged, not asked to be removed
  model doubtful;                  // asked to be stored or removed, not acknowledged
  std::set<chunk_key> removed;     // acknowledged
  std::set<chunk_key> tombstoned;  // acknowledged or not
  std::uint64_t removal_number = 0;
  generation_t generation = 0;
  bool sealed = false;
  bool created = false;
};

// Runs steps until the disk fails one; tells the journal what is certain.
class scenario {
 public:
  scenario(sim_disk& disk, journal& j) : disk_(disk), j_(j) {}

  bool create() {
    auto made = vol::volume::create(disk_.env, volume_file, {test_volume, 1, {}, false});
    if (!made) return false;
    v_ = std::move(*made);
    j_.created = true;
    j_.generation = 1;
    return true;
  }
  bool store(chunk_key key, std::size_t size) {
    return doubt(key, size,
                 [&](const bytes& content) { return !append(*v_, key, content, j_.generation); });
  }
  bool store_large(chunk_key key, std::size_t size) {
    return doubt(key, size, [&](const bytes& content) {
      return append_large(*v_, key, content, j_.generation).has_value();
    });
  }
  // Two chunks with one write, one of them too long for one block.
  bool store_batch(chunk_key first) {
    const std::vector<bytes> contents = {make_content(first, 3000), make_content(first + 1, 80000)};
    std::vector<bytes_view> views(contents.begin(), contents.end());
    std::vector<vol::append_item> items;
    for (std::size_t i = 0; i < 2; ++i) {
      const auto key = first + static_cast<chunk_key>(i);
      items.push_back({j_.generation,
                       key,
                       static_cast<std::uint32_t>(contents[i].size()),
                       crc32c(contents[i]),
                       {&views[i], 1}});
      j_.doubtful[key] = contents[i];
    }
    std::vector<boost::system::error_code> outcome(2);
    v_->append_batch(items, outcome);
    for (std::size_t i = 0; i < 2; ++i) {
      if (outcome[i]) return false;
      j_.stored.insert(j_.doubtful.extract(items[i].key));
    }
    return true;
  }
  bool remove(std::vector<chunk_key> keys) {
    for (const chunk_key key : keys) j_.doubtful.insert(j_.stored.extract(key));
    if (!v_->remove_keys(j_.removal_number + 1, keys)) return false;
    ++j_.removal_number;
    for (const chunk_key key : keys) {
      j_.doubtful.erase(key);
      j_.removed.insert(key);
    }
    return true;
  }
  bool tombstone(chunk_key key) {
    j_.tombstoned.insert(key);
    j_.doubtful.insert(j_.stored.extract(key));
    return v_->tombstone_keys(1000, std::vector<chunk_key>{key}).has_value();
  }
  bool seal() {
    if (!v_->seal(j_.generation)) return false;
    return j_.sealed = true;
  }
  bool reopen(generation_t g) {
    j_.sealed = false;
    if (!v_->reopen(g)) return false;
    j_.generation = g;
    return true;
  }
  bool set_generation(generation_t g) {
    if (!v_->set_generation(g)) return false;
    j_.generation = g;
    return true;
  }
  bool compact() { return v_->compact({.now_ms = 2000}).has_value(); }
  bool checkpoint() { return v_->checkpoint().has_value(); }
  bool restart() {
    v_.reset();
    auto opened = vol::volume::open(disk_.env, volume_file, test_volume);
    if (!opened) return false;
    v_ = std::move(*opened);
    return true;
  }

  bool run() {
    return create() && store(1, 100) && store_batch(2) && store_large(4, 150000) &&
           store(5, 9000) && checkpoint() && store_large(6, 140000) && store(7, 70000) && seal() &&
           remove({1, 3}) && reopen(2) && store(20, 500) && store(21, 600) && remove({20, 5}) &&
           restart() && store_batch(30) && seal() && tombstone(21) && compact() && remove({4}) &&
           restart() && set_generation(7) && reopen(9) && store(40, 66000) && seal() && compact();
  }

 private:
  template <class F>
  bool doubt(chunk_key key, std::size_t size, F&& attempt) {
    const bytes content = make_content(key, size);
    j_.doubtful[key] = content;
    if (!attempt(content)) return false;
    j_.stored.insert(j_.doubtful.extract(key));
    return true;
  }

  sim_disk& disk_;
  journal& j_;
  std::shared_ptr<vol::volume> v_;
};

void check_promises(vol::volume& v, const journal& j) {
  const auto report = v.report();
  BOOST_TEST(report.generation >= j.generation);
  BOOST_TEST(report.removal_number >= j.removal_number);
  if (j.sealed) BOOST_TEST((report.state == replica_state::sealed));
  for (const auto& [key, content] : j.stored) {
    if (j.tombstoned.contains(key)) continue;
    const auto got = read_all(v, key);
    BOOST_REQUIRE_MESSAGE(got.has_value(),
                          "chunk " << key << " is lost: " << got.error().message());
    BOOST_REQUIRE_MESSAGE(*got == content, "chunk " << key << " has other content");
  }
  volume_digest digest;
  for (const auto& live : v.list_live(0, 1000).value()) {
    digest.add(live.key, live.size, live.crc);
    BOOST_TEST(!j.removed.contains(live.key), "chunk " << live.key << " is back");
    const auto got = read_all(v, live.key);
    BOOST_REQUIRE_MESSAGE(got.has_value(), "live chunk " << live.key << " is unreadable");
    const auto doubtful = j.doubtful.find(live.key);
    BOOST_TEST((j.stored.contains(live.key) || doubtful != j.doubtful.end()));
    if (doubtful != j.doubtful.end()) BOOST_TEST((*got == doubtful->second));
  }
  BOOST_TEST((digest == report.digest));
}

// The recovered volume takes part again as if nothing had been.
void check_goes_on(sim_disk& disk, std::shared_ptr<vol::volume> v) {
  const auto report = v->report();
  if (report.state == replica_state::open) BOOST_REQUIRE(v->seal(report.generation));
  const generation_t next = v->report().generation + 1;
  BOOST_REQUIRE(v->reopen(next));
  const bytes content = make_content(9000, 5000);
  BOOST_REQUIRE(!append(*v, 9000, content, next));
  const auto number = v->report().removal_number;
  const auto live = v->list_live(0, 1).value();
  BOOST_REQUIRE(v->remove_keys(number + 1, std::vector<chunk_key>{live.front().key}));
  const auto before = v->report();
  v.reset();
  disk.fs.power_loss(unsynced::drop);
  v = disk.open();
  BOOST_TEST((v->report().digest == before.digest));
  BOOST_TEST(v->report().removal_number == number + 1);
}

void die(std::uint64_t k, unsynced how, std::uint64_t seed) {
  sim_disk disk;
  const auto start = disk.fs.calls();
  journal j;
  disk.fs.die_at(start + k);
  scenario(disk, j).run();
  const std::string last = disk.fs.last_call();
  disk.fs.power_loss(how, seed);
  BOOST_TEST_CONTEXT("died at call " << k << ", " << last << ", unsynced " << static_cast<int>(how)
                                     << " seed " << seed) {
    auto opened = vol::volume::open(disk.env, volume_file, test_volume);
    if (!opened) {
      BOOST_REQUIRE_MESSAGE(!j.created, opened.error().message());
      BOOST_TEST((opened.error() == errc::not_found));
      return;
    }
    check_promises(**opened, j);
    check_goes_on(disk, *opened);
    check_promises(*disk.open(), [&] {
      journal later = j;  // without the one that going on removed
      later.sealed = false;
      const auto live = disk.open()->list_live(0, 1000).value();
      std::erase_if(later.stored, [&](const auto& s) {
        return std::none_of(live.begin(), live.end(),
                            [&](const auto& l) { return l.key == s.first; });
      });
      later.doubtful[9000] = make_content(9000, 5000);
      BOOST_TEST(later.stored.size() + 1 >= j.stored.size());
      return later;
    }());
  }
}

std::uint64_t calls_of_scenario() {
  sim_disk disk;
  const auto start = disk.fs.calls();
  journal j;
  BOOST_REQUIRE(scenario(disk, j).run());
  return disk.fs.calls() - start;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(crash_test)

BOOST_AUTO_TEST_CASE(killed_at_every_call) {
  const auto calls = calls_of_scenario();
  BOOST_TEST(calls > 80U);
  for (std::uint64_t k = 1; k <= calls; ++k) die(k, unsynced::keep, 0);
}

BOOST_AUTO_TEST_CASE(power_lost_at_every_call) {
  const auto calls = calls_of_scenario();
  for (std::uint64_t k = 1; k <= calls; ++k) die(k, unsynced::drop, 0);
}

BOOST_AUTO_TEST_CASE(power_lost_with_torn_writes_at_every_call) {
  const auto calls = calls_of_scenario();
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) die(k, unsynced::tear, 100 * k + seed);
  }
}

// Every call fails once, in every way; the volume either goes on or says that it is damaged, and
// keeps its promises even through a power loss right after.
BOOST_AUTO_TEST_CASE(every_call_fails_once) {
  const auto calls = calls_of_scenario();
  for (const fault how : {fault::io, fault::no_space, fault::short_write, fault::short_space}) {
    for (std::uint64_t k = 1; k <= calls; ++k) {
      for (const unsynced loss : {unsynced::keep, unsynced::drop}) {
        sim_disk disk;
        journal j;
        disk.fs.fail_at(disk.fs.calls() + k, how);
        scenario s(disk, j);
        s.run();
        const std::string last = disk.fs.last_call();
        disk.fs.power_loss(loss);
        BOOST_TEST_CONTEXT("call " << k << " failed as " << static_cast<int>(how)
                                   << "; the last was " << last) {
          auto opened = vol::volume::open(disk.env, volume_file, test_volume);
          if (opened) {
            // A state that a failed call left in doubt may be either; what was promised stays.
            if ((*opened)->report().state == replica_state::damaged) j.sealed = false;
            check_promises(**opened, j);
          } else {
            BOOST_REQUIRE_MESSAGE(!j.created, opened.error().message());
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
