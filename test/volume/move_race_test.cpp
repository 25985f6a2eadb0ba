// One volume that is moved, compacted, synced and read while it is changed, dropped and made anew.
#include "volume/volume_fixture.hpp"
#include "volume/volume_set.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;
using vol::volume_set;

namespace {

constexpr volume_id subject{7};
constexpr chunk_key last_key = 60;

vol::volume_set_options three_disks(io::file_system& fs) {
  vol::volume_set_options o;
  o.fs = &fs;
  o.directories = {{"/a", 1 << 30}, {"/b", 1 << 30}, {"/c", 1 << 30}};
  o.max_volume_size = 64 << 20;
  o.sync = vol::sync_policy::always;
  return o;
}

/// Changes the volume, one call after the other, and knows what it has to hold. A call that meets
/// a file that is being given up fails, and has done nothing.
class changer {
 public:
  explicit changer(const std::unique_ptr<volume_set>& set) : set_(set) {
    for (chunk_key key = 1; key <= last_key; ++key) {
      contents_[key] = make_content(key, key % 10 == 0 ? 300'000 : 2000 + key);
    }
    live_ = contents_;
    BOOST_REQUIRE(set_->create({subject, generation_, true, 0}));
    fill();
  }
  const model& contents() const { return contents_; }
  const model& live() const { return live_; }
  [[nodiscard]] int done() const { return done_; }

  void step() {
    const auto v = set_->find(subject);
    BOOST_REQUIRE(v);
    const chunk_key key = 1 + random_() % last_key;
    switch (random_() % 16) {
      case 0: return make_anew();
      case 1:
      case 2: return reopen(*v);
      case 3:
      case 4: return set_aside(*v, key);
      case 5: return revive(*v, key);
      case 6: {
        if (v->set_generation(generation_ + 1)) count(), ++generation_;
        return;
      }
      case 7:
      case 8:
      case 9: return restore(*v, key);
      default: return remove(*v, key);
    }
  }
  void check() const {
    const auto v = set_->find(subject);
    BOOST_REQUIRE(v);
    const replica_report now = v->report();
    BOOST_REQUIRE(now.digest == digest_of(live_));
    BOOST_REQUIRE(now.removal_number == removal_);
    BOOST_REQUIRE(now.generation == generation_);
    BOOST_REQUIRE((now.state == replica_state::sealed));
  }

 private:
  void count() { ++done_; }
  void fill() {
    const auto v = set_->find(subject);
    for (const auto& [key, content] : live_) {
      BOOST_REQUIRE(!append(*v, key, content, generation_, vol::write_mode::restore));
    }
    BOOST_REQUIRE(v->adopt(generation_, removal_));
  }
  void make_anew() {
    BOOST_REQUIRE(set_->drop(subject));
    BOOST_REQUIRE(set_->create({subject, ++generation_, true, 0}));
    aside_.clear();
    fill();
    count();
  }
  // With a chunk that comes and goes.
  void reopen(vol::volume& v) {
    if (!v.reopen(generation_ + 1)) return;
    ++generation_;
    const chunk_key key = next_key_++;
    BOOST_REQUIRE(!append(v, key, make_content(key, 1500), generation_));
    BOOST_REQUIRE(v.seal(generation_));
    while (!set_->find(subject)->remove_keys(removal_ + 1, std::vector<chunk_key>{key})) {
    }
    ++removal_;
    count();
  }
  void remove(vol::volume& v, chunk_key key) {
    if (!v.remove_keys(removal_ + 1, std::vector<chunk_key>{key})) return;
    ++removal_;
    live_.erase(key);
    aside_.erase(key);
    count();
  }
  void restore(vol::volume& v, chunk_key key) {
    if (append(v, key, contents_[key], generation_, vol::write_mode::restore)) return;
    live_[key] = contents_[key];
    aside_.erase(key);
    count();
  }
  void set_aside(vol::volume& v, chunk_key key) {
    if (!v.tombstone_keys(5, std::vector<chunk_key>{key})) return;
    if (live_.erase(key) > 0) aside_[key] = contents_[key];
    count();
  }
  void revive(vol::volume& v, chunk_key key) {
    if (!v.revive_keys(std::vector<chunk_key>{key})) return;
    if (aside_.erase(key) > 0) live_[key] = contents_[key];
    count();
  }

  const std::unique_ptr<volume_set>& set_;  // whichever is open
  std::mt19937 random_{99};
  model contents_;
  model live_;
  model aside_;
  generation_t generation_ = 1;
  std::uint64_t removal_ = 0;
  chunk_key next_key_ = 1000;
  int done_ = 0;
};

/// Does something again and again until it goes.
class worker {
 public:
  explicit worker(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          while (!over_) work();
        }) {}
  ~worker() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(move_race)

BOOST_AUTO_TEST_CASE(nothing_acknowledged_is_lost_whatever_happens_at_once) {
  sim_files fs;
  auto set = volume_set::open(three_disks(fs)).value();
  changer changes(set);
  std::atomic<int> moves{0};
  std::atomic<int> compactions{0};
  std::atomic<int> reads{0};
  std::atomic<int> wrong{0};
  {
    std::size_t to = 0;
    const worker mover([&] {
      if (set->move(subject, {++to % 3, {}, {}})) ++moves;
    });
    const worker compactor([&] {
      const auto v = set->find(subject);
      if (v && v->compact({.now_ms = 10, .tombstone_ms = 1000})) ++compactions;
      std::this_thread::yield();
    });
    const worker upkeep([&] { static_cast<void>(set->sync_dirty()); });
    std::mt19937 random(1);
    const worker reader([&] {
      const auto v = set->find(subject);
      const chunk_key key = 1 + random() % last_key;
      const auto at = v ? v->probe(key) : result<vol::location>(errc::not_found);
      if (!at) return;
      bytes out(at->size);
      if (!v->read(*at, 0, out) || out != changes.contents().at(key)) ++wrong;
      ++reads;
    });
    for (int i = 0; i < 2000; ++i) {
      changes.step();
      changes.check();
      // Most changes end a move that is under way: some shall come through.
      const int before = moves;
      while (i % 8 == 0 && moves == before) std::this_thread::yield();
    }
    while (compactions < 10 || reads < 1000) std::this_thread::yield();
  }
  BOOST_TEST(wrong == 0);
  BOOST_TEST(changes.done() > 100);
  BOOST_TEST_MESSAGE(changes.done() << " changes, " << moves << " moves, " << compactions
                                    << " compactions, " << reads << " reads");
  check_equal(*set->find(subject), changes.live());
  set.reset();
  fs.power_loss(unsynced::drop);
  set = volume_set::open(three_disks(fs)).value();
  changes.check();
  check_equal(*set->find(subject), changes.live());
}

BOOST_AUTO_TEST_SUITE_END()
