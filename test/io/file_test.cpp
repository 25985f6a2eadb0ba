// The contract of io::file_system, checked on the operating system's files and on the simulated
// ones, so that the simulation behaves as the real thing does.
#include "io/file.hpp"

#include "util/sim_files.hpp"
#include "util/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

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

BOOST_AUTO_TEST_SUITE_END()
