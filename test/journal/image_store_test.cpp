#include "journal/image_store.hpp"

#include "io/bulk.hpp"
#include "journal/journal_util.hpp"
#include "meta/state_util.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::journal {
namespace {

using test::log_dir;
using test::sim_files;
using test::state_rig;

std::unique_ptr<sim_files> make_image_disk() {
  auto fs = std::make_unique<sim_files>();
  BOOST_REQUIRE(fs->make_directories(log_dir).has_value());
  BOOST_REQUIRE(fs->sync_directory("/").has_value());
  return fs;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(images_on_disk)

BOOST_AUTO_TEST_CASE(saved_loaded_pruned) {
  auto fs = make_image_disk();
  auto none = load_newest(*fs, log_dir);
  BOOST_REQUIRE(none.has_value());
  BOOST_TEST((none->position == log_position{}));
  BOOST_TEST(none->path == "");
  state_rig rig;
  for (int i = 0; i < 3; ++i) {
    BOOST_REQUIRE(rig.touch("/f" + std::to_string(i)).has_value());
    auto saved = save_image(*fs, log_dir, rig.state());
    BOOST_REQUIRE(saved.has_value());
    BOOST_TEST(saved->bytes == fs->contents(saved->path).size());
  }
  // Left behind by unfinished writes: the second may still be being written.
  fs->set_contents(log_dir + "/image_00000000000000000002.ssi.tmp", {});
  fs->set_contents(log_dir + "/image_00000000000000000099.ssi.tmp", {});
  BOOST_REQUIRE(prune_images(*fs, log_dir, 2).has_value());
  auto images = list_images(*fs, log_dir);
  BOOST_REQUIRE(images.has_value());
  BOOST_REQUIRE(images->size() == 2U);
  BOOST_TEST(fs->list(log_dir)->size() == 3U);
  auto newest = load_newest(*fs, log_dir);
  BOOST_REQUIRE(newest.has_value());
  BOOST_TEST((newest->position == log_position{rig.state().last_txid(), rig.state().chain()}));
  BOOST_TEST(newest->state->digest() == rig.state().digest());

  // A damaged one gives way to the one before; whether the log makes up for all, restore() sees.
  auto bytes = fs->contents(images->front().path);
  bytes[bytes.size() / 2] ^= std::byte{1};
  fs->set_contents(images->front().path, bytes);
  newest = load_newest(*fs, log_dir);
  BOOST_REQUIRE(newest.has_value());
  BOOST_TEST(newest->position.last == images->back().txid);
  BOOST_TEST(newest->refused.size() == 1U);
  fs->set_contents(images->back().path, {});
  newest = load_newest(*fs, log_dir);
  BOOST_REQUIRE(newest.has_value());
  BOOST_TEST(newest->path == "");
  BOOST_TEST(newest->refused.size() == 2U);
}

BOOST_AUTO_TEST_CASE(death_and_failure_at_every_call_of_saving) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/f").has_value());
  const txid before = rig.state().last_txid();
  auto prepare = [&](state_rig& first) {
    auto fs = make_image_disk();
    BOOST_REQUIRE(save_image(*fs, log_dir, first.state()).has_value());
    return fs;
  };
  state_rig later;
  BOOST_REQUIRE(later.touch("/f").has_value());
  BOOST_REQUIRE(later.touch("/g").has_value());
  auto dry = prepare(rig);
  const std::uint64_t start = dry->calls();
  BOOST_REQUIRE(save_image(*dry, log_dir, later.state()).has_value());
  const std::uint64_t calls = dry->calls() - start;
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const test::unsynced how :
         {test::unsynced::keep, test::unsynced::drop, test::unsynced::tear}) {
      auto fs = prepare(rig);
      fs->die_at(fs->calls() + k);
      BOOST_REQUIRE(save_image(*fs, log_dir, later.state()).has_error());
      fs->power_loss(how, k);
      auto found = load_newest(*fs, log_dir);
      BOOST_REQUIRE(found.has_value());
      BOOST_REQUIRE(found->refused.empty());
      BOOST_REQUIRE(found->position.last >= before);
      BOOST_REQUIRE(prune_images(*fs, log_dir, 2).has_value());
    }
    auto fs = prepare(rig);
    fs->fail_at(fs->calls() + k, test::fault::short_space);
    BOOST_REQUIRE(save_image(*fs, log_dir, later.state()).has_error());
    BOOST_REQUIRE(load_newest(*fs, log_dir)->refused.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_large_image_that_is_being_removed_is_never_taken_for_a_whole_one) {
  constexpr std::uint64_t large = 2 * io::bulk_cut + 5;
  const auto prepare = [] {
    auto fs = make_image_disk();
    fs->set_contents(log_dir + "/" + image_name(txid(1)), std::vector<std::byte>(large));
    for (const std::uint64_t newer : {2U, 3U}) {
      fs->set_contents(log_dir + "/" + image_name(txid(newer)), std::vector<std::byte>(10));
    }
    return fs;
  };
  const auto dry = prepare();
  const auto before = dry->calls();
  BOOST_REQUIRE(prune_images(*dry, log_dir, 2).has_value());
  const auto calls = dry->calls() - before;
  BOOST_TEST(calls == 6U);  // rename, sync, two cuts, remove, sync
  BOOST_TEST(dry->list(log_dir)->size() == 2U);
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const test::unsynced how : {test::unsynced::keep, test::unsynced::drop}) {
      const auto fs = prepare();
      fs->die_at(fs->calls() + k);
      BOOST_REQUIRE(prune_images(*fs, log_dir, 2).has_error());
      fs->power_loss(how);
      for (const image_file& image : list_images(*fs, log_dir).value()) {
        BOOST_TEST(image.bytes == (image.txid == txid(1) ? large : 10U));
      }
      BOOST_REQUIRE(prune_images(*fs, log_dir, 2).has_value());
      BOOST_TEST(fs->list(log_dir)->size() == 2U);
    }
  }
}

BOOST_AUTO_TEST_CASE(writing_ends_when_it_is_told_to_and_leaves_nothing) {
  auto fs = make_image_disk();
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/f").has_value());
  std::stop_source stop;
  stop.request_stop();
  const auto ended = save_image(*fs, log_dir, rig.state(), {0, stop.get_token()});
  BOOST_REQUIRE(ended.has_error());
  BOOST_TEST((ended.error() == errc::shutting_down));
  BOOST_TEST(fs->list(log_dir)->empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::journal
