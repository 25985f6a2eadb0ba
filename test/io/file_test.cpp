// The contract of io::file_system, checked on the operating system's files and on the simulated
// ones, so that the simulation behaves as the real thing does.
#include "io/file.hpp"

#include "io/passing.hpp"
#include "util/sim_files.hpp"
#include "util/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

using namespace ssdfs;
using io::open_mode;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

std::string text_of(io::file_system& fs, const std::string& path) {
  const auto content = io::read_file(fs, path, 1 << 20).value();
  return std::string(as_chars(content));
}

void put_text(io::file& f, std::string_view text, std::uint64_t offset) {
  const bytes_view part = as_bytes(text);
  BOOST_REQUIRE(f.write({&part, 1}, offset));
}

void check_files(io::file_system& fs, const std::string& dir) {
  BOOST_REQUIRE(fs.make_directories(dir + "/a/b"));
  const std::string path = dir + "/a/b/f";
  BOOST_TEST((fs.open(path, open_mode::read).error() == errc::not_found));
  BOOST_TEST((fs.open(path, open_mode::read_write).error() == errc::not_found));
  auto f = fs.open(path, open_mode::create_new).value();
  BOOST_TEST((fs.open(path, open_mode::create_new).error() == errc::exists));
  // Many parts, some empty, more than one pwritev takes.
  std::vector<std::byte> letters = bytes_of("abcdefgh");
  std::vector<bytes_view> parts;
  std::string expected;
  for (int i = 0; i < 1500; ++i) {
    parts.push_back(bytes_view(letters).first(static_cast<std::size_t>(i % 9)));
    expected += std::string_view("abcdefgh").substr(0, static_cast<std::size_t>(i % 9));
  }
  BOOST_REQUIRE(f->write(parts, 0));
  BOOST_REQUIRE(f->write({}, 0));
  BOOST_TEST(f->size().value() == expected.size());
  BOOST_TEST(text_of(fs, path) == expected);
  put_text(*f, "XY", expected.size() + 3);
  BOOST_REQUIRE(f->sync());
  std::vector<std::byte> out(10);
  BOOST_TEST(f->read(out, expected.size()).value() == 5U);
  BOOST_TEST(as_chars(bytes_view(out).first(5)) == std::string_view("\0\0\0XY", 5));
  BOOST_TEST(f->read(out, expected.size() + 5).value() == 0U);
  BOOST_TEST(f->read(out, expected.size() + 500).value() == 0U);
  const auto cached = f->read_cached(out, 0);
  BOOST_TEST((cached.has_value() || cached.error() == errc::busy));
  if (cached) BOOST_TEST(as_chars(out) == expected.substr(0, 10));
  BOOST_REQUIRE(f->reserve(1 << 16, 1 << 16));
  BOOST_TEST(f->size().value() == expected.size() + 5);
  BOOST_REQUIRE(f->truncate(4));
  BOOST_TEST(text_of(fs, path) == expected.substr(0, 4));
  BOOST_TEST((io::read_file(fs, path, 3).error() == errc::too_large));
  const auto map = fs.map(path).value();
  BOOST_TEST(as_chars(map->bytes()) == expected.substr(0, 4));
}

void check_names(io::file_system& fs, const std::string& dir) {
  BOOST_REQUIRE(fs.make_directories(dir + "/d"));
  BOOST_REQUIRE(io::replace_file(fs, dir + "/d/y", as_bytes("one")));
  BOOST_REQUIRE(io::replace_file(fs, dir + "/d/y", as_bytes("two")));
  BOOST_REQUIRE(io::replace_file(fs, dir + "/d/x", as_bytes("")));
  BOOST_TEST(fs.map(dir + "/d/x").value()->bytes().empty());
  auto entries = fs.list(dir + "/d").value();
  BOOST_REQUIRE_EQUAL(entries.size(), 2U);
  BOOST_TEST(entries[0].name == "x");
  BOOST_TEST(entries[1].name == "y");
  BOOST_TEST(entries[1].size == 3U);
  BOOST_TEST(!entries[1].is_directory);
  // A reader keeps the file that a rename replaced.
  auto old = fs.open(dir + "/d/x", open_mode::read).value();
  BOOST_REQUIRE(fs.rename(dir + "/d/y", dir + "/d/x"));
  BOOST_TEST(old->size().value() == 0U);
  BOOST_TEST(text_of(fs, dir + "/d/x") == "two");
  BOOST_TEST(!fs.exists(dir + "/d/y").value());
  BOOST_TEST((fs.rename(dir + "/d/y", dir + "/d/z").error() == errc::not_found));
  BOOST_TEST((fs.remove(dir + "/d/y").error() == errc::not_found));
  BOOST_REQUIRE(fs.remove(dir + "/d/x"));
  BOOST_TEST(fs.list(dir + "/d").value().empty());
  BOOST_TEST((fs.list(dir + "/none").error() == errc::not_found));
  BOOST_TEST(fs.list(dir).value().at(0).is_directory);
  BOOST_REQUIRE(fs.sync_directory(dir));
  BOOST_TEST(fs.space(dir).value().capacity > 0U);
}

void check_lock(io::file_system& fs, const std::string& dir) {
  BOOST_REQUIRE(fs.make_directories(dir));
  auto held = fs.lock(dir).value();
  BOOST_TEST((fs.lock(dir).error() == errc::locked));
  held.reset();
  BOOST_TEST(fs.lock(dir).has_value());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_test)

BOOST_AUTO_TEST_CASE(real_files) {
  const test::temp_dir dir;
  check_files(io::system_files(), dir.path());
}
BOOST_AUTO_TEST_CASE(real_names) {
  const test::temp_dir dir;
  check_names(io::system_files(), dir.path() + "/n");
}
BOOST_AUTO_TEST_CASE(real_lock) {
  const test::temp_dir dir;
  check_lock(io::system_files(), dir.path());
}
BOOST_AUTO_TEST_CASE(simulated_files) {
  test::sim_files fs;
  check_files(fs, "/t");
}
BOOST_AUTO_TEST_CASE(simulated_names) {
  test::sim_files fs;
  check_names(fs, "/t/n");
}
BOOST_AUTO_TEST_CASE(simulated_lock) {
  test::sim_files fs;
  check_lock(fs, "/t");
}

BOOST_AUTO_TEST_CASE(out_of_descriptors_is_no_error_of_the_disk) {
  test::temp_dir dir;
  io::file_system& fs = io::system_files();
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto opened = fs.open(dir.path() + "/f", open_mode::create);
  const auto synced = fs.sync_directory(dir.path());
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  BOOST_REQUIRE(!opened);
  BOOST_TEST((opened.error() == errc::busy));
  BOOST_TEST(io::passes(opened.error()));
  BOOST_REQUIRE(!synced);
  BOOST_TEST(io::passes(synced.error()));
  BOOST_TEST(fs.open(dir.path() + "/f", open_mode::create).has_value());
}

BOOST_AUTO_TEST_CASE(a_small_file_is_unreadable_only_after_three_failures) {
  test::sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d"));
  fs.set_contents("/d/f", bytes_of("text"));
  fs.fail_read_at(1, 2);
  BOOST_TEST(text_of(fs, "/d/f") == "text");
  fs.fail_read_at(fs.reads() + 1, 3);
  BOOST_TEST((io::read_file(fs, "/d/f", 100).error() == errc::io));
  BOOST_TEST((io::read_file(fs, "/d/g", 100).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(patience_ends_with_success_another_failure_or_its_limit) {
  int calls = 0;
  const auto always = [](const failure&) { return true; };
  const io::patience quick{.limit_ms = 50, .pause_ms = 1};
  const auto passing = [&]() -> result<void> {
    if (++calls < 4) return errc::no_space;
    return {};
  };
  BOOST_TEST(io::patiently(quick, passing, always).has_value());
  BOOST_TEST(calls == 4);
  calls = 0;
  const auto broken = [&]() -> result<void> {
    if (++calls < 3) return errc::busy;
    return errc::io;
  };
  BOOST_TEST((io::patiently(quick, broken, always).error() == errc::io));
  BOOST_TEST(calls == 3);
  const auto full = []() -> result<void> { return errc::no_space; };
  BOOST_TEST((io::patiently(quick, full, always).error() == errc::no_space));
  int asked = 0;
  const auto no_more = [&](const failure&) { return ++asked < 2; };
  BOOST_TEST((io::patiently(quick, full, no_more).error() == errc::no_space));
  BOOST_TEST(asked == 2);
}

BOOST_AUTO_TEST_SUITE_END()
