// The log's way to standard error: nobody waits for whoever reads it, and what is lost is told.
#include "cli/log_writer.hpp"

#include "io/clock.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <string>

namespace ssdfs::cli {
namespace {

class log_pipe {
 public:
  log_pipe() { BOOST_REQUIRE_EQUAL(::pipe2(ends_, O_CLOEXEC), 0); }
  ~log_pipe() {
    close_reader();
    close_writer();
  }
  [[nodiscard]] int writer() const { return ends_[1]; }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }

  /// Reads until `end` has come or nobody writes any more.
  std::string read_until(const std::string& end) {
    std::string text;
    char piece[4096];
    while (text.find(end) == std::string::npos) {
      const ssize_t n = ::read(ends_[0], piece, sizeof piece);
      if (n <= 0) break;
      text.append(piece, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  void close_end(int which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }
  int ends_[2] = {-1, -1};
};

std::string missing(std::uint64_t lines) { return std::to_string(lines) + " missing"; }

BOOST_AUTO_TEST_SUITE(log_way)

BOOST_AUTO_TEST_CASE(lines_come_in_order_and_whole) {
  log_pipe to;
  std::string expected;
  {
    log_writer log(to.writer(), &missing);
    for (int i = 0; i < 500; ++i) {
      const std::string line = "line " + std::to_string(i) + std::string(i == 250 ? 9000 : 10, 'x');
      expected += line + "\n";
      log.add(line);
    }
    BOOST_CHECK_EQUAL(to.read_until("line 499xxxxxxxxxx\n"), expected);
  }
}

/// Whole lines of `text`, and those that its loss lines say are missing.
std::uint64_t accounted_for(const std::string& text) {
  std::uint64_t lines = 0;
  std::istringstream in(text.substr(0, text.rfind('\n') + 1));
  for (std::string line; std::getline(in, line);) {
    lines += line.ends_with(" missing") ? std::stoull(line) : 1;
  }
  return lines;
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_reader_that_has_stopped) {
  log_pipe to;
  const std::string line(1000, 'x');
  log_writer log(to.writer(), &missing);
  // More than the pipe and the buffer take. That this comes to its end is the test.
  for (int i = 0; i < 3000; ++i) log.add(line);
  // The writer may find room, and lose lines again, several times before the last is added.
  std::string text;
  while (accounted_for(text) < 3000) text += to.read_until("\n");
  BOOST_CHECK_EQUAL(accounted_for(text), 3000U);
  BOOST_CHECK_NE(text.find(" missing\n"), std::string::npos);
  log.add("after");
  BOOST_CHECK_EQUAL(to.read_until("after\n"), "after\n");
}

BOOST_AUTO_TEST_CASE(the_end_does_not_wait_for_a_reader_for_long) {
  log_pipe to;
  const std::int64_t began = io::steady_ms();
  {
    log_writer log(to.writer(), &missing);
    for (int i = 0; i < 300; ++i) log.add(std::string(1000, 'x'));
  }
  BOOST_CHECK_LT(io::steady_ms() - began, 20'000);
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_gone_and_a_full_disk_cost_lines_only) {
  std::signal(SIGPIPE, SIG_IGN);
  {
    log_pipe to;
    to.close_reader();
    log_writer log(to.writer(), &missing);
    for (int i = 0; i < 100; ++i) log.add("nobody hears this");
  }
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  BOOST_REQUIRE_GE(full, 0);
  {
    log_writer log(full, &missing);
    for (int i = 0; i < 100; ++i) log.add("nor this");
  }
  ::close(full);
  log_writer log(-1, &missing);
  log.add("nor this");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::cli
