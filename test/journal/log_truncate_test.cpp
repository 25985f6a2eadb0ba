// A log that is shortened: what is left can be loaded whenever the process dies, and what is given
// up is kept.
#include "journal/log_truncate.hpp"

#include "journal/logged_state.hpp"
#include "journal/restore.hpp"
#include "journal/segments.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::journal {
namespace {

using test::log_dir;
using test::logged_state;
using test::sim_files;
using test::to_bytes;

const std::string aside = log_dir + "/diverged/1";

// Images at 8 and 16, segments 1-6 (or none), 7-12, 13-20.
std::unique_ptr<sim_files> make_log(bool from_begin = true) {
  auto fs = std::make_unique<sim_files>();
  BOOST_REQUIRE(fs->make_directories(log_dir + "/diverged").has_value());
  BOOST_REQUIRE(fs->sync_directory("/").has_value());
  BOOST_REQUIRE(fs->sync_directory(log_dir).has_value());
  const auto segment = [&](std::uint64_t first, std::uint64_t last, const std::string& text) {
    if (first == 1 && !from_begin) return;
    fs->set_contents(log_dir + "/" + finalized_name(txid(first), txid(last)), to_bytes(text));
  };
  logged_state made;
  std::string text = made.batch(6);
  segment(1, 6, text);
  text = made.batch(2);
  BOOST_REQUIRE(save_image(*fs, log_dir, made.state).has_value());
  text += made.batch(4);
  segment(7, 12, text);
  text = made.batch(4);
  BOOST_REQUIRE(save_image(*fs, log_dir, made.state).has_value());
  text += made.batch(4);
  segment(13, 20, text);
  return fs;
}

result<restored> load(sim_files& fs) {
  restore_options options;
  options.directory = log_dir;
  return restore(fs, std::move(options));
}

std::uint64_t end_of(sim_files& fs) {
  auto found = load(fs);
  BOOST_REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message()));
  return found->state->last_txid().value;
}

std::size_t kept(sim_files& fs) {
  const auto entries = fs.list(aside);
  return entries ? entries->size() : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(truncating)

BOOST_AUTO_TEST_CASE(the_log_ends_where_it_is_told_to) {
  for (std::uint64_t last = 1; last < 20; ++last) {
    auto fs = make_log();
    BOOST_REQUIRE(give_up_behind(*fs, log_dir, txid(last), aside).has_value());
    BOOST_TEST(end_of(*fs) == last);
    BOOST_TEST(kept(*fs) > 0U);
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_loaded_is_given_up_whole) {
  auto fs = make_log(false);
  BOOST_REQUIRE(give_up_behind(*fs, log_dir, txid(7), aside).has_value());
  BOOST_TEST(end_of(*fs) == 0U);
  BOOST_TEST(kept(*fs) == 4U);
  fs = make_log(false);
  BOOST_REQUIRE(give_up_behind(*fs, log_dir, txid(10), aside).has_value());
  BOOST_TEST(end_of(*fs) == 10U);
}

BOOST_AUTO_TEST_CASE(nothing_happens_to_a_log_that_is_short_enough) {
  auto fs = make_log();
  BOOST_REQUIRE(give_up_behind(*fs, log_dir, txid(20), aside).has_value());
  BOOST_TEST(end_of(*fs) == 20U);
  BOOST_TEST(kept(*fs) == 0U);
}

BOOST_AUTO_TEST_CASE(death_at_every_call) {
  for (const bool from_begin : {true, false}) {
    for (const std::uint64_t last : {3U, 9U, 14U, 18U}) {
      auto dry = make_log(from_begin);
      const std::uint64_t before = dry->calls();
      BOOST_REQUIRE(give_up_behind(*dry, log_dir, txid(last), aside).has_value());
      const std::uint64_t calls = dry->calls() - before;
      for (std::uint64_t k = 1; k <= calls; ++k) {
        for (const auto how : {test::unsynced::keep, test::unsynced::drop, test::unsynced::tear}) {
          auto fs = make_log(from_begin);
          fs->die_at(fs->calls() + k);
          static_cast<void>(give_up_behind(*fs, log_dir, txid(last), aside).has_value());
          fs->power_loss(how, k);
          BOOST_TEST_CONTEXT("to " << last << ", call " << k) {
            // Loadable at once, and the second try gets to where the first would have.
            static_cast<void>(end_of(*fs));
            BOOST_REQUIRE(give_up_behind(*fs, log_dir, txid(last), aside).has_value());
            BOOST_TEST(end_of(*fs) <= last);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_image_takes_the_place_of_all_segments) {
  auto fs = make_log();
  BOOST_REQUIRE(remove_segments(*fs, log_dir).has_value());
  BOOST_TEST(end_of(*fs) == 16U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::journal
