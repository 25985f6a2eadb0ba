// What commands print: JSON shapes, modes, tables; and the benchmark's files.
#include "cli/output.hpp"

#include "base/crc32c.hpp"
#include "cli/bench_set.hpp"
#include "cli/checkpoint_view.hpp"
#include "cli/progress.hpp"
#include "cli/remote.hpp"

#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iostream>
#include <limits>
#include <set>
#include <sstream>

namespace ssdfs::cli {
namespace {

BOOST_AUTO_TEST_SUITE(output)

file_status picture() {
  file_status s;
  s.path = "/a/b.png";
  s.type = entry_type::file;
  s.size = 10;
  s.crc32c = 0xab;
  s.mtime_ms = 1234;
  s.owner = "anna";
  s.group = "shop";
  s.mode = 0640;
  s.replication = 2;
  s.content_type = "image/png";
  return s;
}

BOOST_AUTO_TEST_CASE(a_checkpoint_says_what_it_does_and_how_far_it_is) {
  checkpoint_view view;
  wire::admin_checkpoint_reply now;
  now.stage = "writing";
  BOOST_TEST(view.line(now, 1'000, 80) == "writing the image");
  BOOST_TEST(view.line(now, 9'000, 7) == "writing");
  // An upload that was at its middle when it was seen first: the rate is what was seen.
  now.stage = "sending";
  now.bytes_total = 100 << 20;
  now.bytes_done = 50 << 20;
  BOOST_TEST(view.line(now, 10'000, 80) == "sending the image of 100.0 MiB");
  now.bytes_done = 60 << 20;
  const std::string line = view.line(now, 15'000, 80);
  BOOST_TEST(line.starts_with("sending the image ["), line);
  BOOST_TEST(line.ends_with("] 60% 60.0 MiB 2.0 MiB/s 0:20 left"), line);
  // The next stage, and a stage that begins anew, count from there.
  now.stage = "checking";
  now.bytes_done = 0;
  BOOST_TEST(view.line(now, 20'000, 80) == "checking the image of 100.0 MiB");
  now.bytes_done = 10 << 20;
  BOOST_TEST(view.line(now, 21'000, 80).ends_with(" 10% 10.0 MiB 10.0 MiB/s 0:09 left"));
  now.bytes_done = 1 << 20;
  BOOST_TEST(view.line(now, 22'000, 80) == "checking the image of 100.0 MiB");
  now.bytes_done = 2 << 20;
  BOOST_TEST(view.line(now, 23'000, 80).ends_with(" 2% 2.0 MiB 1.0 MiB/s 1:38 left"));
}

BOOST_AUTO_TEST_CASE(stat_as_json) {
  file_status s = picture();
  BOOST_CHECK_EQUAL(boost::json::serialize(to_json(s, false)),
                    R"({"path":"/a/b.png","type":"file","size":10,"crc32c":"000000ab",)"
                    R"("mtime_ms":1234,"owner":"anna","group":"shop","mode":"0640",)"
                    R"("replication":2,"content_type":"image/png"})");
  s.chunks.emplace_back();
  s.chunks[0].volume = std::numeric_limits<std::uint64_t>::max();  // more than a double holds
  s.chunks[0].key = 7;
  s.chunks[0].size = 10;
  s.chunks[0].crc32c = 0xab;
  s.chunks[0].nodes = {"h1:1", "h2:2"};
  BOOST_CHECK_EQUAL(boost::json::serialize(to_json(s, true).at("chunks")),
                    R"([{"volume":"18446744073709551615","key":"7","size":10,)"
                    R"("crc32c":"000000ab","nodes":["h1:1","h2:2"]}])");
}

BOOST_AUTO_TEST_CASE(what_a_terminal_would_obey_is_not_printed) {
  BOOST_CHECK_EQUAL(printable("a\nb\033[31mc\x7f"), "a?b?[31mc?");
  BOOST_CHECK_EQUAL(printable("\xc2\x9b"
                              "2J"),
                    "?2J");
  BOOST_CHECK_EQUAL(printable("a\u202egnp.exe"), "a?gnp.exe");
  BOOST_CHECK_EQUAL(printable("\u2066a\u2069"), "?a?");
  for (const char* fine : {"", "夏日特卖.png", "שלום", "Größe", "👨\u200d👩", "\u00a0", "\u2030"}) {
    BOOST_CHECK_EQUAL(printable(fine), fine);
  }
  // Torn characters.
  for (const char* torn : {"\xc2", "\xe2", "\xe2\x80", "\xe2\x81"}) {
    BOOST_CHECK_EQUAL(printable(torn), torn);
  }
}

BOOST_AUTO_TEST_CASE(counts) {
  BOOST_CHECK_EQUAL(counted(0, "file"), "0 files");
  BOOST_CHECK_EQUAL(counted(1, "directory", "directories"), "1 directory");
  BOOST_CHECK_EQUAL(counted(2, "directory", "directories"), "2 directories");
}

BOOST_AUTO_TEST_CASE(ages) {
  BOOST_CHECK_EQUAL(format_age(0), "0 ms");
  BOOST_CHECK_EQUAL(format_age(9'999), "9999 ms");
  BOOST_CHECK_EQUAL(format_age(10'000), "10 s");
  BOOST_CHECK_EQUAL(format_age(168'163), "2 min");
  BOOST_CHECK_EQUAL(format_age(3 * 3'600'000), "3 h");
  BOOST_CHECK_EQUAL(format_age(72LL * 3'600'000), "3 days");
}

BOOST_AUTO_TEST_CASE(a_line_of_progress_fits_and_keeps_its_figures) {
  progress_values put{"put", 3, 500 << 20, 100, 1000 << 20, true, 10};
  const std::string figures = "50% 3/100 files 500.0 MiB 50.0 MiB/s 0:10 left";
  BOOST_CHECK_EQUAL(progress_line(put, 79),
                    "put [" + std::string(12, '=') + std::string(12, ' ') + "] " + figures);
  for (std::size_t width = figures.size() + 4; width < 100; ++width) {
    const std::string line = progress_line(put, width);
    BOOST_CHECK_LE(line.size(), width);
    BOOST_CHECK_MESSAGE(line.ends_with(figures), line);
  }
  BOOST_CHECK_EQUAL(progress_line(put, 20).size(), 20U);
  BOOST_CHECK_EQUAL(progress_line({"get", 1, 2048, 0, 0, false, 2}, 79), "get 2.0 KiB 1.0 KiB/s");
}

BOOST_AUTO_TEST_CASE(modes_and_checksums) {
  file_status s = picture();
  BOOST_CHECK_EQUAL(format_mode(s), "-rw-r-----");
  s.type = entry_type::directory;
  s.mode = 0755;
  BOOST_CHECK_EQUAL(format_mode(s), "drwxr-xr-x");
  BOOST_CHECK_EQUAL(format_octal(0644), "0644");
  BOOST_CHECK_EQUAL(format_crc(0), "00000000");
  BOOST_CHECK_EQUAL(format_crc(0xdeadbeef), "deadbeef");
  BOOST_CHECK_EQUAL(format_bytes(1536, false), "1536");
  BOOST_CHECK_EQUAL(format_bytes(1536, true), "1.5 KiB");
}

BOOST_AUTO_TEST_CASE(columns_are_as_wide_as_their_widest_cell) {
  table rows({"name", ">bytes"});
  rows.add({"é", "5"});  // two bytes, one column
  rows.add({"longer", "12345678"});
  std::ostringstream text;
  auto* const old = std::cout.rdbuf(text.rdbuf());
  rows.print();
  std::cout.rdbuf(old);
  BOOST_CHECK_EQUAL(text.str(),
                    "name       bytes\n"
                    "é              5\n"
                    "longer  12345678\n");
}

BOOST_AUTO_TEST_CASE(paths_of_the_store) {
  BOOST_CHECK_EQUAL(join_path("/", "a"), "/a");
  BOOST_CHECK_EQUAL(join_path("/a", "b"), "/a/b");
  BOOST_CHECK_EQUAL(base_name("/a/b"), "b");
  BOOST_CHECK_EQUAL(base_name("/"), "");
  BOOST_CHECK_EQUAL(trim_path("/a//"), "/a");
  BOOST_CHECK_EQUAL(trim_path("/"), "/");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(bench_files)

BOOST_AUTO_TEST_CASE(the_mix_is_that_of_a_shop) {
  constexpr std::uint64_t count = 200'000;
  std::uint64_t sum = 0;
  std::uint64_t small = 0;
  std::uint32_t largest = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t size = mix_size(i);
    BOOST_REQUIRE_GE(size, 4U << 10);
    BOOST_REQUIRE_LE(size, 4U << 20);
    sum += size;
    small += size <= 8192 ? 1 : 0;
    largest = std::max(largest, size);
  }
  const double mean = static_cast<double>(sum) / count;
  BOOST_CHECK_GT(mean, 16'000);
  BOOST_CHECK_LT(mean, 18'500);
  const double share = static_cast<double>(small) / count;
  BOOST_CHECK_GT(share, 0.605);
  BOOST_CHECK_LT(share, 0.615);
  BOOST_CHECK_GT(largest, 1U << 20);
}

BOOST_AUTO_TEST_CASE(files_follow_from_their_index) {
  const bench_set mix("/bench", true, 0);
  const bench_set again("/bench", true, 0);
  BOOST_CHECK_EQUAL(mix.root(), "/bench/mix");
  BOOST_CHECK_EQUAL(mix.path(12'345), "/bench/mix/0012/0012345");
  std::set<std::uint32_t> contents;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    BOOST_REQUIRE_EQUAL(mix.content(i).size(), mix.size(i));
    contents.insert(crc32c(mix.content(i)));
    BOOST_REQUIRE_EQUAL(crc32c(mix.content(i)), crc32c(again.content(i)));
  }
  BOOST_CHECK_GT(contents.size(), 990U);  // a wrong file is told from a right one
  const bench_set fixed("/bench", false, 4096);
  BOOST_CHECK_EQUAL(fixed.root(), "/bench/4096");
  BOOST_CHECK_EQUAL(fixed.content(99).size(), 4096U);
  const bench_set empty("/bench", false, 0);
  BOOST_CHECK_EQUAL(empty.content(5).size(), 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::cli
