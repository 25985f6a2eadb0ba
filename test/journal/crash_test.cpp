// The process dies in every call in turn, the power fails, and every call fails in turn: whatever
// was reported durable is there afterwards, and nothing that was never appended.
#include "journal/journal_util.hpp"
#include "journal/segments.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::journal {
namespace {

using test::counts_to;
using test::journal_rig;
using test::line_maker;
using test::log_dir;
using test::recover_log;
using test::sim_files;

struct outcome {
  std::uint64_t durable = 0;   // highest txid that was reported durable
  std::uint64_t appended = 0;  // highest txid that was taken
};

// Batches, rolls and a stop, by the writer alone: the same calls in every run.
outcome write_log(sim_files& fs, log_position from) {
  log_writer writer(fs, {log_dir, 900, 512});
  line_maker lines;
  lines.last = from.last.value;
  lines.chain = from.chain;
  outcome out{lines.last, lines.last};
  for (const std::size_t n : {1U, 3U, 2U, 5U, 1U, 4U}) {
    const txid first(lines.last + 1);
    const std::string text = lines.batch(n);
    out.appended = lines.last;
    if (!writer.write(text, first, txid(lines.last))) return out;
    if (!writer.sync()) return out;
    out.durable = lines.last;
    if (writer.full() && !writer.finalize()) return out;
  }
  static_cast<void>(writer.finalize().has_value());
  return out;
}

std::unique_ptr<sim_files> make_crash_disk() {
  auto fs = std::make_unique<sim_files>();
  BOOST_REQUIRE(fs->make_directories(log_dir).has_value());
  BOOST_REQUIRE(fs->sync_directory("/").has_value());
  return fs;
}

void check_recovered(sim_files& fs, const outcome& o, log_position* end = nullptr) {
  const auto found = recover_log(fs);
  BOOST_REQUIRE_MESSAGE(found.report.has_value(),
                        (found.report ? "" : found.report.error().message()));
  BOOST_REQUIRE(found.ids.size() >= o.durable);
  BOOST_REQUIRE(found.ids.size() <= o.appended);
  BOOST_REQUIRE(counts_to(found.ids, found.ids.size()));
  if (end != nullptr) *end = found.report->end;
}

constexpr test::unsynced all_ways[] = {test::unsynced::keep, test::unsynced::drop,
                                       test::unsynced::tear};

}  // namespace

BOOST_AUTO_TEST_SUITE(edits_crash)

BOOST_AUTO_TEST_CASE(death_at_every_call_of_writing) {
  auto dry = make_crash_disk();
  const std::uint64_t before = dry->calls();
  write_log(*dry, {});
  const std::uint64_t calls = dry->calls() - before;
  BOOST_REQUIRE(calls > 20U);
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const test::unsynced how : all_ways) {
      for (std::uint64_t seed = 1; seed <= (how == test::unsynced::tear ? 8 : 1); ++seed) {
        auto fs = make_crash_disk();
        fs->die_at(fs->calls() + k);
        const outcome o = write_log(*fs, {});
        fs->power_loss(how, seed);
        log_position end;
        check_recovered(*fs, o, &end);
        // What was found stays, whatever happens next.
        fs->power_loss(test::unsynced::drop);
        const outcome second = write_log(*fs, end);
        BOOST_REQUIRE(second.durable == second.appended);
        check_recovered(*fs, second);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(death_at_every_call_of_recovery) {
  // A log with a finalized segment, one in progress and a torn tail.
  auto prepare = [] {
    auto fs = make_crash_disk();
    line_maker lines;
    const std::string a = lines.batch(2);
    const std::string b = lines.batches({2, 2});
    const std::string c = lines.batch(1);
    fs->set_contents(log_dir + "/" + finalized_name(txid(1), txid(2)), test::to_bytes(a));
    fs->set_contents(log_dir + "/" + in_progress_name(txid(3)),
                     test::to_bytes(b + c.substr(0, 20) + std::string(700, '\0')));
    return fs;
  };
  auto dry = prepare();
  const std::uint64_t before = dry->calls();
  BOOST_REQUIRE(recover_log(*dry).report.has_value());
  const std::uint64_t calls = dry->calls() - before;
  BOOST_REQUIRE(calls >= 5U);
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const test::unsynced how : all_ways) {
      for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        auto fs = prepare();
        fs->die_at(fs->calls() + k);
        BOOST_REQUIRE(recover_log(*fs).report.has_error());
        fs->power_loss(how, seed);
        check_recovered(*fs, {6, 6});
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(death_at_every_call_of_cutting_damage) {
  auto prepare = [] {
    auto fs = make_crash_disk();
    line_maker lines;
    std::string a = lines.batches({2, 2});
    const std::string b = lines.batch(2);
    const std::string c = lines.batch(2);
    a[a.find("/d3") + 2] = '9';
    fs->set_contents(log_dir + "/" + finalized_name(txid(1), txid(4)), test::to_bytes(a));
    fs->set_contents(log_dir + "/" + finalized_name(txid(5), txid(6)), test::to_bytes(b));
    fs->set_contents(log_dir + "/" + in_progress_name(txid(7)), test::to_bytes(c));
    return fs;
  };
  auto dry = prepare();
  const std::uint64_t before = dry->calls();
  BOOST_REQUIRE(cut_damage(*dry, log_dir).has_value());
  const std::uint64_t calls = dry->calls() - before;
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const test::unsynced how : all_ways) {
      auto fs = prepare();
      fs->die_at(fs->calls() + k);
      BOOST_REQUIRE(cut_damage(*fs, log_dir).has_error());
      fs->power_loss(how, k);
      BOOST_REQUIRE(cut_damage(*fs, log_dir).has_value());
      const auto found = recover_log(*fs);
      BOOST_REQUIRE(found.report.has_value());
      BOOST_REQUIRE(counts_to(found.ids, 2));
      // Nothing that was given up is lost.
      auto kept = fs->list(log_dir + "/cut-3");
      BOOST_REQUIRE(kept.has_value());
      BOOST_REQUIRE(kept->size() >= 3U);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_call_fails_in_turn_under_a_journal) {
  for (const test::fault how : {test::fault::io, test::fault::no_space, test::fault::short_write,
                                test::fault::short_space}) {
    for (std::uint64_t k = 1; k <= 40; ++k) {
      auto fs = make_crash_disk();
      outcome o;
      {
        fs->fail_at(fs->calls() + k, how);
        journal_rig rig(*fs, {}, 900);
        for (const std::size_t n : {1U, 3U, 2U, 5U, 1U, 4U}) {
          if (!rig.write(n)) break;
        }
        const bool stopped = rig.log->stop().has_value();
        BOOST_REQUIRE(stopped != rig.failed());
        o = {rig.durable(), rig.last};
      }
      fs->no_faults();
      for (const test::unsynced after : {test::unsynced::keep, test::unsynced::drop}) {
        if (after == test::unsynced::drop) fs->power_loss(after);
        check_recovered(*fs, o);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::journal
