// Crash or damage: every byte of small logs cut, torn and flipped.
#include "base/crc32c.hpp"
#include "journal/journal_util.hpp"
#include "journal/segments.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>

namespace ssdfs::journal {
namespace {

using test::counts_to;
using test::line_maker;
using test::log_dir;
using test::recover_log;
using test::sim_files;
using test::to_bytes;

// A disk with one segment in progress that holds `text`.
std::unique_ptr<sim_files> disk_with(std::string_view text, const std::string& name) {
  auto fs = std::make_unique<sim_files>();
  BOOST_REQUIRE(fs->make_directories(log_dir).has_value());
  BOOST_REQUIRE(fs->sync_directory("/").has_value());
  fs->set_contents(log_dir + "/" + name, to_bytes(text));
  return fs;
}

// Whole lines in a prefix.
std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

const std::string open_name = in_progress_name(txid(1));

}  // namespace

BOOST_AUTO_TEST_SUITE(edits_recovery)

BOOST_AUTO_TEST_CASE(nothing_is_a_log) {
  auto fs = disk_with("", "unrelated");
  const auto found = recover_log(*fs);
  BOOST_REQUIRE(found.report.has_value());
  BOOST_TEST((found.report->end == log_position{}));
}

BOOST_AUTO_TEST_CASE(cut_at_every_byte_opens_with_what_is_whole) {
  line_maker lines;
  const std::string text = lines.batches({3, 2, 3});
  for (const std::size_t ahead : {0U, 512U}) {
    const std::string zeros(ahead, '\0');
    for (std::size_t n = 0; n <= text.size(); ++n) {
      auto fs = disk_with(text.substr(0, n) + zeros, open_name);
      const auto found = recover_log(*fs);
      BOOST_REQUIRE(found.report.has_value());
      const std::uint64_t whole = lines_in(text.substr(0, n));
      BOOST_REQUIRE(counts_to(found.ids, whole));
      const bool torn = n > 0 && text[n - 1] != '\n';
      BOOST_REQUIRE(found.report->cut.has_value() == torn);
      // The second recovery finds a whole log.
      const auto again = recover_log(*fs);
      BOOST_REQUIRE(again.report.has_value());
      BOOST_REQUIRE(counts_to(again.ids, whole));
      BOOST_REQUIRE(!again.report->cut.has_value());
      BOOST_REQUIRE((again.report->end == found.report->end));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_flipped_byte_is_cut_in_the_tail_and_refused_before) {
  line_maker lines;
  const std::string durable = lines.batches({2, 3, 2});
  const std::string tail = lines.batch(3);
  const std::string text = durable + tail;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const int bit : {1, 0x40}) {
      std::string flipped = text;
      flipped[at] = static_cast<char>(flipped[at] ^ bit);
      const std::uint64_t bad = lines_in(text.substr(0, at)) + 1;
      auto fs = disk_with(flipped, open_name);
      const auto found = recover_log(*fs);
      if (at >= durable.size()) {
        BOOST_REQUIRE_MESSAGE(found.report.has_value(), "byte " << at);
        BOOST_REQUIRE(counts_to(found.ids, bad - 1));
        BOOST_REQUIRE(found.report->cut.has_value());
        BOOST_REQUIRE(found.report->cut->txid == txid(bad));
        continue;
      }
      BOOST_REQUIRE_MESSAGE(found.report.has_error(), "byte " << at);
      const failure& why = found.report.error();
      BOOST_REQUIRE(why == errc::damaged);
      const std::string message = why.message();
      BOOST_REQUIRE_MESSAGE(message.find("txid " + std::to_string(bad) + ":") != message.npos,
                            message);
      BOOST_REQUIRE(message.find("edits recover") != message.npos);
      BOOST_REQUIRE(message.find(open_name) != message.npos);
      BOOST_REQUIRE(fs->contents(log_dir + "/" + open_name) == to_bytes(flipped));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_flipped_or_missing_byte_of_a_finalized_segment_is_refused) {
  line_maker lines;
  const std::string text = lines.batches({2, 2});
  const std::string name = finalized_name(txid(1), txid(4));
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    auto fs = disk_with(flipped, name);
    BOOST_REQUIRE(recover_log(*fs).report.has_error());
    auto cut = disk_with(text.substr(0, at), name);
    const auto found = recover_log(*cut);
    BOOST_REQUIRE(found.report.has_error());
    BOOST_REQUIRE(found.report.error() == errc::damaged);
  }
  auto longer = disk_with(text + std::string(5, '\0'), name);
  BOOST_TEST(recover_log(*longer).report.has_error());
  auto right = disk_with(text, name);
  BOOST_TEST(counts_to(recover_log(*right).ids, 4));
}

BOOST_AUTO_TEST_CASE(a_torn_batch_in_the_middle_is_still_a_crash) {
  // Sectors of the last batch reached the disk in any order: no record behind it says more.
  line_maker lines;
  const std::string durable = lines.batch(3);
  const std::string last = lines.batch(6);
  const std::size_t third = last.size() / 3;
  std::string torn = last;
  std::fill(torn.begin(), torn.begin() + static_cast<std::ptrdiff_t>(third), '\0');
  auto fs = disk_with(durable + torn, open_name);
  const auto found = recover_log(*fs);
  BOOST_REQUIRE(found.report.has_value());
  BOOST_TEST(counts_to(found.ids, 3));
}

BOOST_AUTO_TEST_CASE(a_whole_line_that_is_not_understood_is_not_cut) {
  line_maker lines;
  const std::string good = lines.batch(2);
  const auto continued = [&](std::string line) {
    const std::uint32_t crc = crc32c(as_bytes(line), lines.chain);
    char field[32];
    std::snprintf(field, sizeof field, ",\"crc\":\"%08x\"}\n", crc);
    return good + line + field;
  };
  for (const char* line : {R"({"txid":"3","op":"TELEPORT","time":1700000000003)",
                           R"({"txid":"4","op":"DELETE","time":1700000000003,"path":"/a")"}) {
    auto fs = disk_with(continued(line), open_name);
    const auto found = recover_log(*fs);
    BOOST_REQUIRE(found.report.has_error());
    BOOST_TEST(found.report.error().message().find("txid 3:") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(missing_and_overlapping_segments_are_refused) {
  line_maker lines;
  const std::string a = lines.batch(2);
  const std::string b = lines.batch(2);
  const std::string c = lines.batch(2);
  auto fs = disk_with(a, finalized_name(txid(1), txid(2)));
  fs->set_contents(log_dir + "/" + in_progress_name(txid(5)), to_bytes(c));
  const auto gap = recover_log(*fs);
  BOOST_REQUIRE(gap.report.has_error());
  BOOST_TEST(gap.report.error().message().find("txid 3 to 4") != std::string::npos);
  fs->set_contents(log_dir + "/" + finalized_name(txid(3), txid(4)), to_bytes(b));
  BOOST_TEST(counts_to(recover_log(*fs).ids, 6));
  fs->set_contents(log_dir + "/" + finalized_name(txid(2), txid(4)), to_bytes(b));
  BOOST_TEST((recover_log(*fs).report.error() == errc::damaged));
  auto headless = disk_with(b, finalized_name(txid(3), txid(4)));
  BOOST_TEST((recover_log(*headless).report.error() == errc::damaged));
}

BOOST_AUTO_TEST_CASE(an_image_saves_the_records_before_it) {
  line_maker lines;
  const std::string a = lines.batch(3);
  const log_position at_three{txid(3), lines.chain};
  const std::string b = lines.batch(2);
  const log_position at_five{txid(5), lines.chain};
  const std::string c = lines.batch(2);
  auto fs = disk_with(a + b, finalized_name(txid(1), txid(5)));
  fs->set_contents(log_dir + "/" + in_progress_name(txid(6)), to_bytes(c));
  auto found = recover_log(*fs, at_three);
  BOOST_REQUIRE(found.report.has_value());
  BOOST_TEST(found.ids == (std::vector<std::uint64_t>{4, 5, 6, 7}),
             boost::test_tools::per_element());
  found = recover_log(*fs, at_five);
  BOOST_TEST(found.ids.size() == 2U);
  // The image of another history.
  BOOST_TEST((recover_log(*fs, {txid(3), 1}).report.error() == errc::damaged));
  BOOST_TEST((recover_log(*fs, {txid(5), 1}).report.error() == errc::damaged));
  // An image that is ahead of the log is where the log goes on.
  found = recover_log(*fs, {txid(9), 77});
  BOOST_REQUIRE(found.report.has_value());
  BOOST_TEST(found.ids.empty());
  BOOST_TEST((found.report->end == log_position{txid(9), 77}));
}

BOOST_AUTO_TEST_CASE(the_sink_can_stop_it_and_nothing_is_changed) {
  line_maker lines;
  const std::string text = lines.batch(3) + "torn";
  auto fs = disk_with(text, open_name);
  recovery_options options;
  options.directory = log_dir;
  auto report = recover(*fs, std::move(options), [](const meta::record& r, std::uint32_t) {
    return r.txid == txid(2) ? result<void>(errc::damaged) : result<void>();
  });
  BOOST_TEST((report.error() == errc::damaged));
  BOOST_TEST((fs->contents(log_dir + "/" + open_name) == to_bytes(text)));
}

BOOST_AUTO_TEST_CASE(tools_look_and_cut) {
  line_maker lines;
  std::string first = lines.batches({2, 2});
  const std::string second = lines.batch(3);
  const std::size_t bad = first.find("/d3") + 2;
  first[bad] = '9';
  const std::string name = finalized_name(txid(1), txid(4));
  auto fs = disk_with(first, name);
  fs->set_contents(log_dir + "/" + in_progress_name(txid(5)), to_bytes(second));
  BOOST_TEST(recover_log(*fs).report.has_error());

  std::vector<std::string> seen;
  auto looked = inspect(*fs, log_dir, [&](const log_line& line) -> result<void> {
    seen.emplace_back(line.text);
    return {};
  });
  BOOST_REQUIRE(looked.has_value());
  BOOST_REQUIRE(looked->cut.has_value());
  BOOST_TEST(looked->cut->txid == txid(3));
  BOOST_TEST(looked->cut->proof != "");
  BOOST_TEST(seen.size() == 2U);
  // One file alone, also under another name.
  fs->set_contents("/copy", to_bytes(second));
  for (const std::string& path :
       {log_dir + "/" + in_progress_name(txid(5)), std::string("/copy")}) {
    looked = inspect(*fs, path, [](const log_line&) { return result<void>(); });
    BOOST_REQUIRE(looked.has_value());
    BOOST_TEST(looked->records == 3U);
    BOOST_TEST(!looked->cut.has_value());
  }

  auto cut = cut_damage(*fs, log_dir);
  BOOST_REQUIRE(cut.has_value());
  BOOST_TEST(cut->end.last == txid(2));
  const auto found = recover_log(*fs);
  BOOST_REQUIRE(found.report.has_value());
  BOOST_TEST(counts_to(found.ids, 2));
  BOOST_TEST((fs->contents(log_dir + "/cut-3/" + name) == to_bytes(first)));
  BOOST_TEST((fs->contents(log_dir + "/cut-3/" + in_progress_name(txid(5))) == to_bytes(second)));
  auto nothing = cut_damage(*fs, log_dir);
  BOOST_REQUIRE(nothing.has_value());
  BOOST_TEST(!nothing->cut.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::journal
