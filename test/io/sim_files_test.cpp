// What the crash tests of the other rooms lean on.
#include "util/sim_files.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;
using io::open_mode;
using test::fault;
using test::sim_files;
using test::unsynced;

namespace {

result<void> put(io::file& f, std::string_view text, std::uint64_t offset) {
  const bytes_view part = as_bytes(text);
  return f.write({&part, 1}, offset);
}

std::string text_of(const sim_files& fs, const std::string& path) {
  const auto content = fs.contents(path);
  return std::string(as_chars(content));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sim_files_test)

BOOST_AUTO_TEST_CASE(power_loss_keeps_what_was_synced) {
  sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d"));
  BOOST_REQUIRE(fs.sync_directory("/"));
  auto f = fs.open("/d/f", open_mode::create).value();
  BOOST_REQUIRE(put(*f, "synced", 0));
  BOOST_REQUIRE(f->sync());
  BOOST_REQUIRE(fs.sync_directory("/d"));
  BOOST_REQUIRE(put(*f, "lost", 6));
  auto g = fs.open("/d/g", open_mode::create).value();
  BOOST_REQUIRE(put(*g, "no name", 0));
  BOOST_REQUIRE(g->sync());
  fs.power_loss(unsynced::drop);
  BOOST_TEST(text_of(fs, "/d/f") == "synced");
  BOOST_TEST(!fs.exists("/d/g").value());
  BOOST_TEST(put(*f, "x", 0).has_error());  // a handle of the earlier life
}

BOOST_AUTO_TEST_CASE(a_killed_process_loses_nothing) {
  sim_files fs;
  auto f = fs.open("/f", open_mode::create).value();
  BOOST_REQUIRE(put(*f, "abc", 0));
  fs.power_loss(unsynced::keep);
  BOOST_TEST(text_of(fs, "/f") == "abc");
}

BOOST_AUTO_TEST_CASE(a_rename_without_directory_sync_may_be_lost) {
  sim_files fs;
  BOOST_REQUIRE(io::replace_file(fs, "/f", as_bytes("old")));
  auto f = fs.open("/g", open_mode::create).value();
  BOOST_REQUIRE(put(*f, "new", 0));
  BOOST_REQUIRE(fs.rename("/g", "/f"));
  fs.power_loss(unsynced::drop);
  BOOST_TEST(text_of(fs, "/f") == "old");
}

BOOST_AUTO_TEST_CASE(tearing_leaves_any_part) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    sim_files fs;
    auto f = fs.open("/f", open_mode::create).value();
    BOOST_REQUIRE(fs.sync_directory("/"));
    BOOST_REQUIRE(put(*f, std::string(1024, 'x'), 0));
    fs.power_loss(unsynced::tear, seed);
    seen.insert(text_of(fs, "/f"));
  }
  BOOST_TEST(seen.contains(""));
  BOOST_TEST(seen.contains(std::string(1024, 'x')));
  BOOST_TEST(seen.contains(std::string(512, 'x')));
  BOOST_TEST(seen.contains(std::string(512, '\0') + std::string(512, 'x')));
}

BOOST_AUTO_TEST_CASE(replace_file_is_atomic_at_every_death) {
  sim_files dry;
  BOOST_REQUIRE(io::replace_file(dry, "/f", as_bytes("old")));
  const std::uint64_t first = dry.calls();
  BOOST_REQUIRE(io::replace_file(dry, "/f", as_bytes("new")));
  const std::uint64_t last = dry.calls();
  BOOST_REQUIRE_GT(last, first + 3);
  for (std::uint64_t k = first + 1; k <= last; ++k) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      sim_files fs;
      BOOST_REQUIRE(io::replace_file(fs, "/f", as_bytes("old")));
      fs.die_at(k);
      BOOST_TEST(io::replace_file(fs, "/f", as_bytes("new")).has_error());
      BOOST_TEST(fs.dead());
      fs.power_loss(seed == 0 ? unsynced::drop : unsynced::tear, seed);
      const std::string text = text_of(fs, "/f");
      BOOST_TEST((text == "old" || text == "new"), fs.last_call() << " left " << text);
    }
  }
}

BOOST_AUTO_TEST_CASE(failures_strike_once) {
  sim_files fs;
  auto f = fs.open("/f", open_mode::create).value();
  fs.fail_at(fs.calls() + 1, fault::short_space);
  BOOST_TEST((put(*f, "abcd", 0).error() == errc::no_space));
  BOOST_TEST(text_of(fs, "/f") == "ab");
  BOOST_TEST(put(*f, "abcd", 0).has_value());
  fs.fail_at(fs.calls() + 1, fault::io);
  BOOST_TEST((f->sync().error() == errc::io));
  BOOST_TEST(f->sync().has_value());
  BOOST_REQUIRE(fs.sync_directory("/"));
  fs.power_loss(unsynced::drop);
  BOOST_TEST(text_of(fs, "/f") == "");  // the failed sync lost it, the later one cannot know
}

BOOST_AUTO_TEST_CASE(a_full_disk_takes_what_fits) {
  sim_files fs(10);
  auto f = fs.open("/f", open_mode::create).value();
  BOOST_REQUIRE(put(*f, "12345678", 0));
  BOOST_TEST((put(*f, "9abcd", 8).error() == errc::no_space));
  BOOST_TEST(text_of(fs, "/f") == "123456789a");
  BOOST_REQUIRE(f->truncate(2));
  BOOST_TEST(fs.space("/").value().available == 8U);
}

BOOST_AUTO_TEST_SUITE_END()
