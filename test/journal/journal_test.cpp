#include "journal/journal_util.hpp"
#include "journal/segments.hpp"
#include "util/file_system_below.hpp"
#include "util/flaky_files.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <thread>

namespace ssdfs::journal {
namespace {

using test::counts_to;
using test::journal_rig;
using test::line_maker;
using test::log_dir;
using test::recover_log;
using test::sim_files;

std::unique_ptr<sim_files> make_disk() {
  auto fs = std::make_unique<sim_files>();
  BOOST_REQUIRE(fs->make_directories(log_dir).has_value());
  BOOST_REQUIRE(fs->sync_directory("/").has_value());
  return fs;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(edits_journal)

BOOST_AUTO_TEST_CASE(what_is_durable_survives_a_power_cut) {
  auto fs = make_disk();
  {
    journal_rig rig(*fs);
    BOOST_TEST(rig.write(3));
    BOOST_TEST(rig.write(40));
    BOOST_TEST(rig.log->durable() == txid(43));
    BOOST_TEST(rig.log->backlog() == 0U);
    fs->power_loss(test::unsynced::drop);
  }
  const auto found = recover_log(*fs);
  BOOST_REQUIRE(found.report.has_value());
  BOOST_TEST(counts_to(found.ids, 43));
  BOOST_TEST(found.report->end.last == txid(43));
}

BOOST_AUTO_TEST_CASE(segments_roll_and_get_their_final_names) {
  auto fs = make_disk();
  {
    journal_rig rig(*fs);
    for (int i = 0; i < 20; ++i) BOOST_REQUIRE(rig.write(10));
    rig.log->roll();
    BOOST_REQUIRE(rig.write(1));
    BOOST_TEST(rig.log->stop().has_value());
    BOOST_TEST(rig.log->stop().has_value());
    test::sample_record late(rig.last + 1);
    BOOST_TEST((rig.log->append(late.r).error() == errc::shutting_down));
  }
  auto segments = list_segments(*fs, log_dir);
  BOOST_REQUIRE(segments.has_value());
  BOOST_TEST(segments->size() > 4U);
  std::uint64_t next = 1;
  for (const segment_name& s : *segments) {
    BOOST_REQUIRE(s.last.has_value());
    BOOST_TEST(s.first == txid(next));
    next = s.last->value + 1;
    const std::string text = test::to_text(fs->contents(log_dir + "/" + s.file));
    BOOST_TEST(text.ends_with("}\n"));
  }
  BOOST_TEST(next == 202U);
  BOOST_TEST(segments->back().first == txid(201));
  // A second life goes on behind the first.
  auto found = recover_log(*fs);
  BOOST_TEST(counts_to(found.ids, 201));
  {
    journal_rig rig(*fs, found.report->end);
    BOOST_TEST(rig.write(5));
  }
  BOOST_TEST(counts_to(recover_log(*fs).ids, 206));
}

BOOST_AUTO_TEST_CASE(an_idle_journal_leaves_no_file) {
  auto fs = make_disk();
  { journal_rig rig(*fs); }
  BOOST_TEST(fs->list(log_dir)->empty());
}

BOOST_AUTO_TEST_CASE(lines_are_read_back_from_memory_and_from_segments) {
  auto fs = make_disk();
  journal_rig rig(*fs);
  line_maker expected;
  std::string all;
  for (int i = 0; i < 30; ++i) {
    BOOST_REQUIRE(rig.write(7));
    all += expected.batch(7);
  }
  for (const std::size_t max_bytes : {std::size_t{1}, std::size_t{500}, std::size_t{1} << 20}) {
    std::string read;
    for (std::uint64_t next = 1; next <= rig.last;) {
      auto lines = rig.log->read_from(txid(next), max_bytes);
      BOOST_REQUIRE_MESSAGE(lines.has_value(), next);
      BOOST_REQUIRE(lines->first == txid(next));
      BOOST_REQUIRE(lines->last >= lines->first);
      read += lines->text;
      next = lines->last.value + 1;
    }
    BOOST_TEST(read == all);
  }
  auto ahead = rig.log->read_from(txid(rig.last + 1), 100);
  BOOST_REQUIRE(ahead.has_value());
  BOOST_TEST(ahead->first == txid());
  // What was pruned is gone.
  auto segments = list_segments(*fs, log_dir);
  BOOST_REQUIRE(fs->remove(log_dir + "/" + segments->front().file).has_value());
  BOOST_TEST((rig.log->read_from(txid(1), 100).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(lines_of_another_master_are_taken_as_they_are) {
  auto fs = make_disk();
  auto copy = make_disk();
  {
    journal_rig master(*fs);
    journal_rig backup(*copy);
    for (int i = 0; i < 5; ++i) BOOST_REQUIRE(master.write(4));
    auto lines = master.log->read_from(txid(1), std::size_t{1} << 20);
    for (std::uint64_t n = 1; n <= master.last;) {
      lines = master.log->read_from(txid(n), 1);
      BOOST_REQUIRE(lines.has_value());
      BOOST_REQUIRE(backup.log->append_line(lines->text).has_value());
      BOOST_TEST((backup.log->append_line(lines->text).error() == errc::damaged));
      ++n;
    }
    const std::uint64_t before = copy->syncs();
    backup.log->flush();
    BOOST_REQUIRE(backup.wait_durable(20));
    // What the master's batches say to be durable is so here before they are written.
    BOOST_TEST(copy->syncs() - before >= 5U);
    BOOST_TEST((backup.log->append_line("{}\n").error() == errc::damaged));
    BOOST_TEST((backup.log->append_line("").error() == errc::damaged));
  }
  BOOST_TEST(counts_to(recover_log(*copy).ids, 20));
}

template <class Condition>
bool soon(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition() && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

// The file of the next segment is made in the background: true once it is there, whole.
bool spare_is_made(test::sim_files& fs) {
  return soon([&] {
    const std::uint64_t calls = fs.calls();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return *fs.exists(std::string(log_dir) + "/" + std::string(spare_name)) && fs.calls() == calls;
  });
}

BOOST_AUTO_TEST_CASE(a_failure_fences_for_good) {
  auto fs = make_disk();
  journal_rig rig(*fs);
  BOOST_REQUIRE(rig.write(5));
  BOOST_REQUIRE(spare_is_made(*fs));  // or its making would be the next call
  fs->fail_at(fs->calls() + 1, test::fault::io);
  BOOST_TEST(!rig.write(3));
  BOOST_TEST(rig.failed());
  BOOST_TEST(rig.log->fenced());
  BOOST_TEST(rig.durable() == 5U);
  const std::uint64_t calls = fs->calls();
  test::sample_record next(rig.last + 1);
  BOOST_TEST((rig.log->append(next.r).error() == errc::read_only));
  rig.log->flush();
  BOOST_TEST(rig.log->stop().has_error());
  BOOST_TEST(fs->calls() == calls);
}

BOOST_AUTO_TEST_CASE(a_full_backlog_answers_busy_and_a_full_disk_is_seen) {
  auto fs = make_disk();
  journal_options options;
  options.directory = log_dir;
  options.max_backlog_bytes = 1000;
  options.reserve_bytes = std::uint64_t{1} << 50;
  journal_rig rig(*fs, std::move(options));
  BOOST_TEST(!rig.log->has_room());
  std::size_t taken = 0;
  while (rig.append()) ++taken;  // nothing is flushed, so nothing drains
  BOOST_TEST(taken > 3U);
  BOOST_TEST(taken < 20U);
  test::sample_record next(rig.last + 1);
  BOOST_TEST((rig.log->append(next.r).error() == errc::busy));
  rig.log->flush();
  BOOST_TEST(rig.wait_durable(rig.last));
  BOOST_TEST(rig.append());
}

BOOST_AUTO_TEST_CASE(no_room_to_write_ahead_is_no_failure) {
  auto fs = make_disk();
  journal_rig rig(*fs);
  fs->set_capacity(fs->used() + 600);  // for some lines, but not for the zeros
  BOOST_TEST(rig.write(2));
  BOOST_TEST(!rig.write(20));
  BOOST_TEST(rig.failed());
}

// A disk whose inodes run out: nothing can be made, everything else goes on.
class disk_without_inodes final : public test::file_system_below {
 public:
  using file_system_below::file_system_below;
  std::atomic<bool> exhausted = false;
  result<std::unique_ptr<io::file>> open(const std::string& path, io::open_mode mode) override {
    const bool makes = mode == io::open_mode::create || mode == io::open_mode::create_new;
    if (exhausted && makes && !*below.exists(path)) return failure(errc::no_space, "no inode");
    return below.open(path, mode);
  }
  result<io::disk_space> space(const std::string& path) override {
    auto found = below.space(path);
    found->inodes = 1000;
    found->inodes_available = exhausted ? 0 : 500;
    return found;
  }
};

BOOST_AUTO_TEST_CASE(without_inodes_the_segment_goes_on_and_changes_are_refused) {
  auto fs = make_disk();
  disk_without_inodes disk(*fs);
  journal_rig rig(disk, {}, 900);
  BOOST_REQUIRE(rig.write(1));
  disk.exhausted = true;
  // One segment more has its file already; the one behind it has not.
  for (int i = 0; i < 30; ++i) BOOST_REQUIRE(rig.write(3));
  BOOST_TEST(!rig.failed());
  BOOST_TEST(soon([&] { return !rig.log->has_room(); }));
  BOOST_TEST(rig.log->room_problem().find("no inode") != std::string::npos);
  const auto full = list_segments(disk, log_dir);
  BOOST_REQUIRE(full.has_value());
  rig.log->roll();  // a checkpoint: it does without
  BOOST_REQUIRE(rig.write(1));
  disk.exhausted = false;
  BOOST_TEST(soon([&] { return rig.log->has_room(); }));
  BOOST_TEST(rig.log->room_problem().empty());
  for (int i = 0; i < 30; ++i) BOOST_REQUIRE(rig.write(3));
  BOOST_TEST(list_segments(disk, log_dir)->size() > full->size());
  BOOST_TEST(rig.log->stop().has_value());
  BOOST_TEST(counts_to(recover_log(disk).ids, rig.last));
}

BOOST_AUTO_TEST_CASE(a_log_whose_spare_file_was_kept_starts_without_inodes) {
  auto fs = make_disk();
  disk_without_inodes disk(*fs);
  {
    journal_rig rig(disk);
    BOOST_REQUIRE(rig.write(5));
  }
  const auto found = recover_log(disk);
  disk.exhausted = true;
  journal_rig rig(disk, found.report->end);
  BOOST_TEST(!rig.log->has_room());
  BOOST_TEST(rig.log->room_problem().find("0 inodes of 1000") != std::string::npos);
  BOOST_TEST(rig.write(1));
}

BOOST_AUTO_TEST_CASE(a_start_that_can_make_no_segment_fails_at_once_with_the_reason) {
  auto fs = make_disk();
  disk_without_inodes disk(*fs);
  disk.exhausted = true;
  journal_options options;
  options.directory = log_dir;
  options.patience.limit_ms = 600'000;
  journal_rig rig(disk, std::move(options));
  BOOST_TEST(!rig.write(1));
  BOOST_TEST(rig.log->stop().error().message().find("no inode") != std::string::npos);
}

// The process lives on through whatever says nothing about what was written.
BOOST_AUTO_TEST_CASE(one_failure_that_passes_ends_no_journal) {
  using test::trouble;
  for (const trouble how : {trouble::no_space, trouble::descriptors, trouble::inodes}) {
    for (std::uint64_t k = 1;; ++k) {
      auto fs = make_disk();
      test::flaky_files disk(*fs);
      journal_rig rig(disk, {}, 900);
      BOOST_REQUIRE(rig.write(1));
      disk.fail_at(k, how);
      for (int i = 0; i < 12 && !rig.failed(); ++i) static_cast<void>(rig.write(3));
      static_cast<void>(rig.log->stop().has_value());
      const std::string failed = disk.failed();
      if (failed.empty()) break;
      BOOST_TEST_CONTEXT("call " << k << ": " << failed) {
        // Only a sync that has failed may have lost lines.
        if (!failed.starts_with("sync /")) BOOST_TEST(!rig.failed());
        const auto found = recover_log(*fs);
        BOOST_REQUIRE(found.report.has_value());
        BOOST_TEST(found.ids.size() >= rig.durable());
        BOOST_TEST(counts_to(found.ids, found.ids.size()));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(names) {
  BOOST_TEST(in_progress_name(txid(7)) == "edits_inprogress_00000000000000000007.log");
  BOOST_TEST(finalized_name(txid(7), txid(18'446'744'073'709'551'615U)) ==
             "edits_00000000000000000007-18446744073709551615.log");
  for (const char* bad : {"edits_7-8.log", "edits_00000000000000000009-00000000000000000008.log",
                          "edits_.log", "edits_inprogress_0000000000000000000x.log",
                          "edits_inprogress_00000000000000000007.log.tmp",
                          "edits_00000000000000000007+00000000000000000008.log",
                          "edits_inprogress_99999999999999999999.log"}) {
    BOOST_TEST(!parse_segment_name(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::journal
