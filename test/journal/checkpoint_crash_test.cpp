// The process dies in every call of a log with checkpoints: writing, syncing and closing segments,
// saving images, giving them their place, dropping what they make superfluous.
#include "journal/logged_state.hpp"
#include "journal/restore.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::journal {
namespace {

using test::log_dir;
using test::logged_state;
using test::sim_files;

// Five checkpoints; false from the first call that fails. `durable` is the last synced record.
bool run(sim_files& fs, logged_state& made, std::uint64_t& durable) {
  log_writer writer(fs, {log_dir, 500, 512});
  const auto write = [&](const std::string& lines, std::uint64_t first) {
    if (!writer.write(lines, txid(first), made.state.last_txid()) || !writer.sync()) return false;
    durable = made.state.last_txid().value;
    return !writer.full() || writer.finalize().has_value();
  };
  for (int round = 0; round < 5; ++round) {
    for (const std::size_t n : {3U, 1U, 4U}) {
      const std::uint64_t first = made.state.last_txid().value + 1;
      if (!write(made.batch(n), first)) return false;
    }
    const std::uint64_t first = made.state.last_txid().value + 1;
    if (!write(made.mark(), first)) return false;
    if (!writer.idle() && !writer.finalize()) return false;
    const auto beside = write_image_beside(fs, log_dir, made.state);
    if (!beside) return false;
    const auto head = check_image(fs, *beside);
    if (!head || head->digest != made.state.digest()) return false;
    if (!place_image(fs, log_dir, *beside, head->txid)) return false;
    if (!prune_images(fs, log_dir, 2)) return false;
    if (!prune_segments(fs, log_dir, made.state.log_time_ms(), 0)) return false;
  }
  return true;
}

std::unique_ptr<sim_files> make_checkpoint_disk() {
  auto fs = std::make_unique<sim_files>();
  BOOST_REQUIRE(fs->make_directories(log_dir).has_value());
  BOOST_REQUIRE(fs->sync_directory("/").has_value());
  return fs;
}

void check(sim_files& fs, const logged_state& made, std::uint64_t durable) {
  restore_options options;
  options.directory = log_dir;
  const auto found = restore(fs, std::move(options));
  BOOST_REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message()));
  const std::uint64_t end = found->state->last_txid().value;
  BOOST_REQUIRE(end >= durable);
  BOOST_REQUIRE(found->refused.empty());
  BOOST_REQUIRE(found->state->digest() == made.digests.at(end));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_crash)

BOOST_AUTO_TEST_CASE(death_at_every_call) {
  auto dry = make_checkpoint_disk();
  const std::uint64_t before = dry->calls();
  logged_state whole;
  std::uint64_t durable = 0;
  BOOST_REQUIRE(run(*dry, whole, durable));
  const std::uint64_t calls = dry->calls() - before;
  check(*dry, whole, durable);
  BOOST_TEST(list_images(*dry, log_dir)->size() == 2U);
  BOOST_REQUIRE(calls > 100U);
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const test::unsynced how :
         {test::unsynced::keep, test::unsynced::drop, test::unsynced::tear}) {
      for (std::uint64_t seed = 1; seed <= (how == test::unsynced::tear ? 4 : 1); ++seed) {
        auto fs = make_checkpoint_disk();
        fs->die_at(fs->calls() + k);
        logged_state made;
        durable = 0;
        run(*fs, made, durable);
        BOOST_REQUIRE(fs->dead());
        fs->power_loss(how, seed);
        BOOST_TEST_CONTEXT("call " << k << ", seed " << seed) {
          check(*fs, made, durable);
          // And once more: the recovery has left a sound directory.
          check(*fs, made, durable);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_call_fails_once) {
  auto dry = make_checkpoint_disk();
  const std::uint64_t before = dry->calls();
  logged_state whole;
  std::uint64_t durable = 0;
  BOOST_REQUIRE(run(*dry, whole, durable));
  const std::uint64_t calls = dry->calls() - before;
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const test::fault how : {test::fault::io, test::fault::short_space}) {
      auto fs = make_checkpoint_disk();
      fs->fail_at(fs->calls() + k, how);
      logged_state made;
      durable = 0;
      run(*fs, made, durable);
      fs->no_faults();
      fs->power_loss(test::unsynced::drop);
      BOOST_TEST_CONTEXT("call " << k) { check(*fs, made, durable); }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::journal
