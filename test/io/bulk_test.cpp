// Files of gigabytes, at a smaller scale: what is written arrives, what is removed goes in steps.
#include "io/bulk.hpp"

#include "util/sim_files.hpp"
#include "util/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>

using namespace ssdfs;

namespace {

// What a wait for dirty pages fails with; 0: it does not.
std::atomic<int> range_failure{0};

}  // namespace

// In the place of the library's. A failed write of a page is told once: here, or to fdatasync.
extern "C" int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
  const int why = range_failure;
  if (why != 0 && (flags & SYNC_FILE_RANGE_WAIT_AFTER) != 0) {
    errno = why;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_sync_file_range, fd, offset, length, flags));
}

namespace {

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 31 >> 5);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bulk)

BOOST_AUTO_TEST_CASE(pieces_of_any_size_arrive_in_order) {
  test::temp_dir directory;
  const std::string path = directory.path() + "/x";
  const auto content = pattern(5 * io::bulk_window + 12'345);
  {
    auto file = io::system_files().open(path, io::open_mode::create_new);
    BOOST_REQUIRE(file.has_value());
    io::bulk_writer out(**file, 0, std::uint64_t{1} << 30);
    bytes_view rest(content);
    for (std::size_t step = 1; !rest.empty(); step = step * 7 % 1'500'000) {
      const std::size_t n = std::min(step, rest.size());
      BOOST_REQUIRE(out.write(rest.first(n)).has_value());
      rest = rest.subspan(n);
    }
    BOOST_TEST(out.end() == content.size());
    BOOST_REQUIRE(out.finish().has_value());
  }
  // One that goes on where another has ended.
  {
    auto file = io::system_files().open(path, io::open_mode::read_write);
    BOOST_REQUIRE(file.has_value());
    io::bulk_writer out(**file, content.size(), 0);
    BOOST_REQUIRE(out.write(content).has_value());
    BOOST_REQUIRE(out.finish().has_value());
  }
  const auto found = io::read_file(io::system_files(), path, 1U << 30);
  BOOST_REQUIRE(found.has_value());
  BOOST_REQUIRE(found->size() == 2 * content.size());
  BOOST_TEST(std::equal(content.begin(), content.end(), found->begin()));
  BOOST_TEST(std::equal(content.rbegin(), content.rend(), found->rbegin()));
}

BOOST_AUTO_TEST_CASE(what_the_disk_did_not_take_is_told) {
  test::temp_dir directory;
  auto file = io::system_files().open(directory.path() + "/x", io::open_mode::create_new);
  BOOST_REQUIRE(file.has_value());
  const auto content = pattern(io::bulk_window);
  const auto write = [&] {
    io::bulk_writer out(**file, 0, 0);
    result<void> done;
    for (int i = 0; i < 3 && done; ++i) done = out.write(content);
    return done;
  };
  for (const auto& [why, told] : {std::pair{EIO, errc::io}, std::pair{ENOSPC, errc::no_space}}) {
    range_failure = why;
    const auto done = write();
    BOOST_REQUIRE(!done.has_value());
    BOOST_TEST((done.error() == told));
  }
  // A file system that cannot wait for a range.
  range_failure = EINVAL;
  BOOST_TEST(write().has_value());
  range_failure = 0;
  BOOST_TEST(write().has_value());
}

BOOST_AUTO_TEST_CASE(a_file_is_removed_in_steps) {
  test::sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d").has_value());
  fs.set_contents("/d/small", std::vector<std::byte>(100));
  fs.set_contents("/d/large", std::vector<std::byte>(3 * io::bulk_cut + 1));
  const auto before = fs.calls();
  BOOST_REQUIRE(io::remove_bulk(fs, "/d/small").has_value());
  BOOST_TEST(fs.calls() - before == 1U);
  BOOST_REQUIRE(io::remove_bulk(fs, "/d/large").has_value());
  BOOST_TEST(fs.calls() - before == 5U);  // three cuts
  BOOST_TEST(fs.list("/d")->empty());
  BOOST_TEST((io::remove_bulk(fs, "/d/large").error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_pace_is_kept) {
  // Ten windows at 100 MiB/s take 0.1 s, less the slack at the begin.
  io::pace slowly(std::uint64_t{100} << 20);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) slowly.moved(io::bulk_window);
  BOOST_TEST(((std::chrono::steady_clock::now() - began) >= std::chrono::milliseconds(75)));
}

BOOST_AUTO_TEST_SUITE_END()
