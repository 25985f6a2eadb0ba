// Local files: walks with links and special files, targets that appear whole or not at all; and the
// workers that handle them.
#include "cli/local_file.hpp"

#include "cli/workers.hpp"
#include "util/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <tuple>

namespace ssdfs::cli {
namespace {

namespace fs = std::filesystem;
using strings = std::vector<std::string>;

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
std::string content_of_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct directory_fixture {
  test::temp_dir directory;
  std::string at(const std::string& name) const { return directory.path() + "/" + name; }
  strings names() const { return local_list(directory.path()).value(); }
};

BOOST_FIXTURE_TEST_SUITE(local_files, directory_fixture)

BOOST_AUTO_TEST_CASE(a_walk_follows_links_and_reports_what_it_cannot_take) {
  fs::create_directories(at("t/sub/empty"));
  write(at("t/b"), "b");
  write(at("t/sub/a"), "a");
  fs::create_symlink(at("t/b"), at("t/link"));
  fs::create_directory_symlink(at("t"), at("t/sub/cycle"));
  fs::create_symlink("/nonexistent", at("t/dangling"));
  BOOST_REQUIRE_EQUAL(::mkfifo(at("t/pipe").c_str(), 0600), 0);
  strings seen;
  strings errors;
  walk_local(
      at("t"),
      [&](const local_entry& e) {
        seen.push_back(e.relative + (e.status.is_directory ? "/" : "") +
                       (e.empty_directory ? " empty" : ""));
      },
      [&](const std::string& path, const std::string& why) {
        errors.push_back(fs::path(path).filename().string() + ": " + why);
      });
  BOOST_CHECK(seen == strings({"/", "b", "link", "sub/", "sub/a", "sub/empty/ empty"}));
  BOOST_CHECK(errors ==
              strings({"dangling: No such file or directory",
                       "pipe: not a regular file or directory", "cycle: symbolic link cycle"}));
}

BOOST_AUTO_TEST_CASE(two_links_to_one_directory_are_no_cycle) {
  fs::create_directories(at("real"));
  write(at("real/file"), "x");
  fs::create_directories(at("t"));
  fs::create_directory_symlink(at("real"), at("t/one"));
  fs::create_directory_symlink(at("real"), at("t/two"));
  int files = 0;
  walk_local(
      at("t"), [&](const local_entry& e) { files += e.status.is_regular ? 1 : 0; },
      [](const std::string& path, const std::string& why) {
        BOOST_ERROR("unexpected: " + path + ": " + why);
      });
  BOOST_CHECK_EQUAL(files, 2);
}

BOOST_AUTO_TEST_CASE(a_target_appears_when_it_is_committed) {
  {
    auto target = local_target::create(at("new"), false);
    BOOST_REQUIRE(target);
    BOOST_REQUIRE(write_full(target->fd(), as_bytes(std::string_view("content"))));
    BOOST_CHECK(!fs::exists(at("new")));
    BOOST_REQUIRE(target->commit());
  }
  BOOST_CHECK_EQUAL(content_of_file(at("new")), "content");
  BOOST_CHECK(names() == strings({"new"}));
}

BOOST_AUTO_TEST_CASE(a_target_that_is_given_up_leaves_nothing) {
  {
    auto target = local_target::create(at("never"), false);
    BOOST_REQUIRE(target);
    BOOST_REQUIRE(write_full(target->fd(), as_bytes(std::string_view("half"))));
    auto moved = std::move(*target);
    BOOST_CHECK_GE(moved.fd(), 0);
  }
  BOOST_CHECK(names().empty());
}

BOOST_AUTO_TEST_CASE(an_existing_file_is_replaced_only_when_asked_for) {
  write(at("there"), "old");
  const auto refused = local_target::create(at("there"), false);
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error() == errc::exists);
  {
    // One that appears between create() and commit() is not replaced either.
    auto late = local_target::create(at("late"), false);
    BOOST_REQUIRE(late);
    write(at("late"), "other");
    const auto done = late->commit();
    BOOST_REQUIRE(!done);
    BOOST_CHECK(done.error() == errc::exists);
  }
  BOOST_CHECK_EQUAL(content_of_file(at("late")), "other");
  auto forced = local_target::create(at("there"), true);
  BOOST_REQUIRE(forced);
  BOOST_REQUIRE(write_full(forced->fd(), as_bytes(std::string_view("new"))));
  BOOST_CHECK_EQUAL(content_of_file(at("there")), "old");
  BOOST_REQUIRE(forced->commit());
  BOOST_CHECK_EQUAL(content_of_file(at("there")), "new");
  BOOST_CHECK(names() == strings({"late", "there"}));
  fs::create_directory(at("folder"));
  const auto folder = local_target::create(at("folder"), true);
  BOOST_REQUIRE(!folder);
  BOOST_CHECK(folder.error() == errc::is_directory);
}

BOOST_AUTO_TEST_CASE(a_link_stays_a_link_and_what_it_names_is_replaced) {
  write(at("real"), "old");
  ::chmod(at("real").c_str(), 0640);
  fs::create_symlink("real", at("link"));
  fs::create_symlink(at("link"), at("link-to-link"));
  fs::create_symlink("nowhere", at("dangling"));
  BOOST_CHECK(local_target::create(at("link"), false).error() == errc::exists);
  auto target = local_target::create(at("link-to-link"), true);
  BOOST_REQUIRE(target);
  BOOST_REQUIRE(write_full(target->fd(), as_bytes(std::string_view("new"))));
  BOOST_REQUIRE(target->commit());
  BOOST_CHECK_EQUAL(content_of_file(at("real")), "new");
  BOOST_CHECK_EQUAL(fs::read_symlink(at("link")).string(), "real");
  BOOST_CHECK_EQUAL(fs::read_symlink(at("link-to-link")).string(), at("link"));
  struct stat s {};
  BOOST_REQUIRE_EQUAL(::stat(at("real").c_str(), &s), 0);
  BOOST_CHECK_EQUAL(s.st_mode & 07777, 0640U);
  for (const bool overwrite : {false, true}) {
    const auto refused = local_target::create(at("dangling"), overwrite);
    BOOST_REQUIRE(!refused);
    BOOST_CHECK_EQUAL(refused.error().message(), "is a symbolic link to nothing");
  }
  BOOST_CHECK(names() == strings({"dangling", "link", "link-to-link", "real"}));
}

BOOST_AUTO_TEST_CASE(a_pipe_is_written_into_and_stays_one) {
  BOOST_REQUIRE_EQUAL(::mkfifo(at("pipe").c_str(), 0600), 0);
  const descriptor reader(::open(at("pipe").c_str(), O_RDONLY | O_NONBLOCK));
  BOOST_REQUIRE_GE(reader.get(), 0);
  auto target = local_target::create(at("pipe"), false);
  BOOST_REQUIRE(target);
  BOOST_REQUIRE(write_full(target->fd(), as_bytes(std::string_view("content"))));
  BOOST_REQUIRE(target->commit());
  std::array<std::byte, 100> got{};
  const auto n = read_full(reader.get(), got.data(), 7);
  BOOST_REQUIRE(n);
  BOOST_CHECK_EQUAL(as_chars(bytes_view(got).first(*n)), "content");
  BOOST_CHECK(fs::is_fifo(at("pipe")));
  BOOST_CHECK_EQUAL(replaceable_path(at("pipe")).error().message(), "is not a regular file");
}

BOOST_AUTO_TEST_CASE(a_new_file_gets_the_mode_that_the_umask_leaves) {
  const mode_t before = ::umask(022);
  for (const auto& [name, mode, expected] :
       {std::tuple("a", 0666, 0644U), std::tuple("b", 0600, 0600U),
        std::tuple("c", 04755, 0755U)}) {
    auto target = local_target::create(at(name), false, static_cast<std::uint16_t>(mode));
    BOOST_REQUIRE(target);
    BOOST_REQUIRE(target->commit());
    struct stat s {};
    BOOST_REQUIRE_EQUAL(::stat(at(name).c_str(), &s), 0);
    BOOST_CHECK_EQUAL(s.st_mode & 07777, expected);
  }
  ::umask(before);
}

BOOST_AUTO_TEST_CASE(checksums_and_system_errors) {
  write(at("check"), "123456789");
  const auto crc = local_crc32c(at("check"));
  BOOST_REQUIRE(crc);
  BOOST_CHECK_EQUAL(*crc, 0xe3069283U);
  const auto missing = local_crc32c(at("missing"));
  BOOST_REQUIRE(!missing);
  BOOST_CHECK_EQUAL(missing.error().message(), "No such file or directory");
  BOOST_CHECK(!local_target::create(at("no/such/folder"), false));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(worker_pool)

BOOST_AUTO_TEST_CASE(every_job_is_done_and_the_gate_bounds_what_runs_together) {
  constexpr std::size_t limit = 100;
  std::atomic<std::size_t> inside = 0;
  std::atomic<std::size_t> most = 0;
  std::atomic<int> done = 0;
  gate memory(limit);
  {
    workers pool(8);
    for (std::size_t i = 0; i < 500; ++i) {
      pool.run([&, bytes = i % 7 == 0 ? 1000 : 10 * (i % 7)] {
        const gate::pass pass(memory, bytes);  // 1000 is more than there is: runs alone
        const std::size_t taken = std::min(bytes, limit);
        const std::size_t now = inside.fetch_add(taken) + taken;
        for (std::size_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        inside -= taken;
        ++done;
      });
    }
    pool.wait();
    BOOST_CHECK_EQUAL(done.load(), 500);
  }
  BOOST_CHECK_LE(most.load(), limit);
  BOOST_CHECK_GT(most.load(), 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::cli
