// Random operations against a std::map, with restarts, checkpoints and compactions in between.
#include "volume/volume_fixture.hpp"

#include <iterator>
#include <set>

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;

namespace {

// A volume and its simple twin.
class twins {
 public:
  explicit twins(std::uint64_t seed) : random_(seed) {
    disk_.env.sync = vol::sync_policy::interval;
    v_ = disk_.create();
  }

  void step() {
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: store(); break;
      case 5: store_large(); break;
      case 6: retry(); break;
      case 7:
      case 8: remove(); break;
      case 9: set_aside(); break;
      case 10: read(); break;
      case 11: BOOST_REQUIRE(v_->maintain()); break;
      case 12: BOOST_REQUIRE(v_->checkpoint()); break;
      case 13: turn(); break;
      case 14: compact(); break;
      default: restart(); break;
    }
  }

  void check() {
    check_equal(*v_, live_);
    const auto report = v_->report();
    BOOST_TEST(report.removal_number == removals_);
    BOOST_TEST(report.generation == generation_);
    BOOST_TEST((report.state == (open_ ? replica_state::open : replica_state::sealed)));
    std::uint64_t kept = vol::superblock_size;
    for (const auto& [key, content] : live_) kept += vol::extent_of(content.size());
    for (const auto& [key, content] : aside_) kept += vol::extent_of(content.size());
    BOOST_TEST(report.length == kept + report.dead_bytes);
    BOOST_TEST(report.bad_records == 0U);
    BOOST_TEST(v_->tombstoned().size() == aside_.size());
  }

 private:
  std::size_t size() {
    const std::size_t sizes[] = {1, 100, 3000, 65536, 65537, 150000};
    return sizes[random_() % 6] + random_() % 3;
  }
  chunk_key known_key() {
    return std::next(live_.begin(), static_cast<long>(random_() % live_.size()))->first;
  }

  void store() {
    const chunk_key key = next_key_++;
    const bytes content = make_content(random_(), size());
    const auto outcome = append(*v_, key, content, generation_);
    if (open_) {
      BOOST_REQUIRE(!outcome);
      live_[key] = content;
    } else {
      BOOST_REQUIRE(outcome == make_error_code(errc::sealed));
    }
    used_.insert(key);
  }
  void store_large() {
    const chunk_key key = next_key_++;
    const bytes content = make_content(random_(), 70000 + random_() % 300000);
    const auto done = append_large(*v_, key, content, generation_);
    BOOST_REQUIRE(done.has_value() == open_);
    if (open_) live_[key] = content;
    used_.insert(key);
  }
  // A key that was used: the same content is acknowledged, any other refused.
  void retry() {
    if (!open_ || used_.empty()) return;
    const chunk_key key = *std::next(used_.begin(), static_cast<long>(random_() % used_.size()));
    const bool live = live_.contains(key);
    if (live) BOOST_REQUIRE(!append(*v_, key, live_[key], generation_));
    // Keys that a sealed volume refused are free, unless later ones or a restart burnt them.
    const bool tried = live || gone_.contains(key) || aside_.contains(key);
    if (tried) {
      BOOST_REQUIRE(append(*v_, key, make_content(random_(), 50), generation_) ==
                    make_error_code(errc::key_conflict));
    }
  }
  void remove() {
    std::vector<chunk_key> keys;
    for (int i = 0; i < 3 && !live_.empty(); ++i) keys.push_back(known_key());
    if (!aside_.empty() && random_() % 2 == 0) keys.push_back(aside_.begin()->first);
    BOOST_REQUIRE(v_->remove_keys(++removals_, keys));
    for (const chunk_key key : keys) {
      live_.erase(key);
      aside_.erase(key);
      gone_.insert(key);
    }
  }
  void set_aside() {
    if (random_() % 3 == 0 && !aside_.empty()) {
      const chunk_key key = aside_.begin()->first;
      BOOST_REQUIRE(v_->revive_keys(std::vector<chunk_key>{key}));
      live_.insert(aside_.extract(key));
    } else if (!live_.empty()) {
      const chunk_key key = known_key();
      BOOST_REQUIRE(v_->tombstone_keys(5000, std::vector<chunk_key>{key}));
      aside_.insert(live_.extract(key));
    }
  }
  void read() {
    if (live_.empty()) return;
    const chunk_key key = known_key();
    const auto got = read_all(*v_, key);
    BOOST_REQUIRE(got.has_value());
    BOOST_REQUIRE((*got == live_[key]));
  }
  void turn() {
    if (open_) {
      BOOST_REQUIRE(v_->seal(generation_));
    } else {
      BOOST_REQUIRE(v_->reopen(++generation_));
      next_key_ += 5;
    }
    open_ = !open_;
  }
  void compact() {
    const bool expired = random_() % 2 == 0;
    const auto done = v_->compact({.now_ms = expired ? 5001 : 5000, .tombstone_ms = 1});
    if (open_) {
      BOOST_REQUIRE((done.error() == errc::precondition));
      return;
    }
    BOOST_REQUIRE_MESSAGE(done.has_value(), done.error().message());
    if (expired) {
      for (const auto& [key, content] : aside_) gone_.insert(key);
      aside_.clear();
    }
    BOOST_TEST(v_->report().dead_bytes <= 3 * 80U);
  }
  void restart() {
    v_.reset();
    if (random_() % 4 == 0) {  // the checkpoint is lost
      disk_.fs.set_contents(index_name, {});
    }
    v_ = disk_.open();
  }

  std::mt19937_64 random_;
  sim_disk disk_;
  std::shared_ptr<vol::volume> v_;
  model live_;
  model aside_;
  std::set<chunk_key> gone_;
  std::set<chunk_key> used_;
  chunk_key next_key_ = 1;
  generation_t generation_ = 1;
  std::uint64_t removals_ = 0;
  bool open_ = true;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(model_test)

BOOST_AUTO_TEST_CASE(random_operations_behave_as_a_map) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      twins t(seed);
      for (int i = 0; i < 120; ++i) {
        t.step();
        if (i % 10 == 9) t.check();
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
