// The command line of client commands: what is accepted, what is refused, and where values come
// from.
#include "cli/command_line.hpp"

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/help_text.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <streambuf>

namespace ssdfs::cli {
namespace {

using strings = std::vector<std::string>;

// Takes what goes to a stream while it lives.
class captured {
 public:
  explicit captured(std::ostream& stream) : stream_(stream), old_(stream.rdbuf(text_.rdbuf())) {}
  ~captured() { stream_.rdbuf(old_); }
  captured(const captured&) = delete;
  captured& operator=(const captured&) = delete;
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  std::ostream& stream_;
  std::ostringstream text_;
  std::streambuf* old_;
};

struct line_fixture {
  line_fixture() {
    for (const char* name : {"SSDFS_MASTER", "SSDFS_TIMEOUT", "SSDFS_USER"}) ::unsetenv(name);
    line.flag("recursive,r", "into directories")
        .flag("force,f", "replace")
        .value("jobs,j", "N", "at once", "64")
        .value("size", "SIZE", "bytes");
  }
  // The one error line that the arguments lead to.
  std::string refused(const strings& arguments) {
    command_line again = line;
    const captured errors(std::cerr);
    BOOST_CHECK(!again.parse(arguments));
    BOOST_CHECK_EQUAL(again.exit_code(), exit_usage);
    const std::string text = errors.text();
    BOOST_CHECK(text.starts_with("ssdfs: frob: "));
    BOOST_CHECK_EQUAL(std::count(text.begin(), text.end(), '\n'), 1);
    return text;
  }

  command_line line{"frob", "[-r] SRC... DST", "Frobs.", {1, 3}};
};

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

BOOST_FIXTURE_TEST_SUITE(client_command_line, line_fixture)

BOOST_AUTO_TEST_CASE(options_stand_anywhere_and_short_ones_together) {
  BOOST_REQUIRE(line.parse({"/a", "-rf", "/b", "--jobs=7", "--size", "4KiB"}));
  BOOST_CHECK(line.arguments() == strings({"/a", "/b"}));
  BOOST_CHECK(line.has("recursive") && line.has("force") && !line.json());
  BOOST_CHECK_EQUAL(line.integer("jobs", 1, 100).value_or(0), 7);
  BOOST_CHECK_EQUAL(line.size("size").value_or(0), 4096U);
}

BOOST_AUTO_TEST_CASE(a_dash_is_an_argument_and_two_end_the_options) {
  BOOST_REQUIRE(line.parse({"-", "-j3", "--", "-r", "--force"}));
  BOOST_CHECK(line.arguments() == strings({"-", "-r", "--force"}));
  BOOST_CHECK(!line.has("recursive"));
  BOOST_CHECK_EQUAL(line.text("jobs"), "3");
}

BOOST_AUTO_TEST_CASE(defaults_variables_and_options_in_this_order) {
  command_line plain = line;
  BOOST_REQUIRE(plain.parse({"/a"}));
  BOOST_CHECK_EQUAL(plain.text("master"), "127.0.0.1:9600");
  BOOST_CHECK_EQUAL(plain.duration_ms("timeout").value_or(0), 30'000);
  BOOST_CHECK_EQUAL(plain.text("jobs"), "64");
  BOOST_CHECK(!plain.has("jobs"));
  ::setenv("SSDFS_MASTER", "m1:1,m2:2", 1);
  ::setenv("SSDFS_TIMEOUT", "5s", 1);
  ::setenv("SSDFS_USER", "", 1);
  command_line variables = line;
  BOOST_REQUIRE(variables.parse({"/a"}));
  BOOST_CHECK_EQUAL(variables.text("master"), "m1:1,m2:2");
  BOOST_CHECK_EQUAL(variables.duration_ms("timeout").value_or(0), 5'000);
  BOOST_CHECK_EQUAL(variables.text("user"), "");
  command_line both = line;
  BOOST_REQUIRE(both.parse({"/a", "--timeout=1m"}));
  BOOST_CHECK_EQUAL(both.duration_ms("timeout").value_or(0), 60'000);
  for (const char* name : {"SSDFS_MASTER", "SSDFS_TIMEOUT", "SSDFS_USER"}) ::unsetenv(name);
}

BOOST_AUTO_TEST_CASE(mistakes_are_one_line_and_exit_code_2) {
  BOOST_CHECK(contains(refused({"/a", "--frob"}), "unknown option --frob"));
  BOOST_CHECK(contains(refused({"/a", "-x"}), "unknown option -x"));
  BOOST_CHECK(contains(refused({"/a", "--rec"}), "unknown option --rec"));  // no abbreviations
  BOOST_CHECK(contains(refused({"/a", "--ssdfs-positional=x"}), "unknown option"));
  BOOST_CHECK(contains(refused({"/a", "--frob"}), "(try 'ssdfs frob --help')"));
  BOOST_CHECK(contains(refused({"/a", "--force=yes"}), "option force: takes no value"));
  BOOST_CHECK(contains(refused({"/a", "--jobs"}), "option jobs: needs a value"));
  BOOST_CHECK(contains(refused({"/a", "--jobs="}), "option jobs: needs a value"));
  BOOST_CHECK(contains(refused({"/a", "-j"}), "option jobs: needs a value"));
  BOOST_CHECK(contains(refused({}), "too few arguments"));
  BOOST_CHECK(contains(refused({"1", "2", "3", "4"}), "too many arguments"));
}

BOOST_AUTO_TEST_CASE(bad_values_are_named) {
  const captured errors(std::cerr);
  BOOST_REQUIRE(line.parse({"/a", "-j", "many", "--size=-1", "--timeout=30"}));
  BOOST_CHECK(!line.integer("jobs", 1, 100));
  BOOST_CHECK(!line.size("size"));
  BOOST_CHECK(!line.duration_ms("timeout"));
  BOOST_CHECK_EQUAL(line.exit_code(), exit_usage);
  for (const char* part : {"option jobs: 'many'", "option size: ", "option timeout: "}) {
    BOOST_CHECK_MESSAGE(contains(errors.text(), part), errors.text());
  }
  command_line outside = line;
  BOOST_REQUIRE(outside.parse({"-j101"}));
  BOOST_CHECK(!outside.integer("jobs", 1, 100));
}

BOOST_AUTO_TEST_CASE(help_and_version_come_before_other_mistakes) {
  for (const char* option : {"--help", "--version"}) {
    command_line asked = line;
    const captured out(std::cout);
    BOOST_CHECK(!asked.parse({option}));
    BOOST_CHECK_EQUAL(asked.exit_code(), exit_done);
    BOOST_CHECK(contains(out.text(), "ssdfs"));
    if (std::string(option) == "--version") continue;
    for (const char* part : {"Usage: ssdfs frob [-r] SRC... DST", "-r, --recursive", "--master",
                             "-j, --jobs N", "(default 64)", "--json"}) {
      BOOST_CHECK_MESSAGE(contains(out.text(), part), part);
    }
  }
}

BOOST_AUTO_TEST_CASE(own_options_come_first_and_lines_are_short) {
  for (const command& c : commands()) {
    BOOST_TEST_CONTEXT(c.name) {
      const captured out(std::cout);
      BOOST_CHECK_EQUAL(c.run({"--help"}), exit_done);
      std::istringstream lines(out.text());
      for (std::string text; std::getline(lines, text);) {
        BOOST_CHECK_MESSAGE(text.size() <= 80 || !contains(text.substr(1), " "), text);
      }
      const bool offline = c.name.starts_with("image ") || c.name.starts_with("edits ") ||
                           c.name.starts_with("volume ") || c.name.starts_with("url ");
      BOOST_CHECK_EQUAL(contains(out.text(), "--master"), !offline);
      BOOST_CHECK(out.text().find("Options of every command:") < out.text().find("--version"));
    }
  }
}

BOOST_AUTO_TEST_CASE(no_line_of_help_begins_with_what_looks_like_an_option) {
  BOOST_CHECK_EQUAL(wrapped("one two three", 0, 2, 8), "one two\n  three\n");
  BOOST_CHECK_EQUAL(wrapped("one two --three", 0, 2, 8), "one\n  two --three\n");
  BOOST_CHECK_EQUAL(wrapped("a", 10, 2, 8), "a\n");
  BOOST_CHECK_EQUAL(option_lines("  -a", "b", 80), "  -a" + std::string(28, ' ') + "b\n");
  BOOST_CHECK_EQUAL(option_lines("  --longer-than-the-left-column HAS", "b", 80),
                    "  --longer-than-the-left-column HAS\n" + std::string(32, ' ') + "b\n");
}

BOOST_AUTO_TEST_CASE(addresses_of_masters_are_checked_before_anything_is_asked) {
  for (const char* bad : {"nohost", "127.0.0.1:99999", ",", "::1:9600", ""}) {
    BOOST_TEST_CONTEXT(bad) {
      for (const command& c : commands()) {
        if (c.name != "ls") continue;
        const captured errors(std::cerr);
        BOOST_CHECK_EQUAL(c.run({"--master", bad, "/"}), exit_usage);
        BOOST_CHECK_MESSAGE(errors.text().starts_with("ssdfs: ls: option master: "), errors.text());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_command_has_help_and_refuses_unknown_options) {
  for (const command& c : commands()) {
    BOOST_TEST_CONTEXT(c.name) {
      const captured out(std::cout);
      const captured errors(std::cerr);
      BOOST_CHECK_EQUAL(c.run({"--help"}), exit_done);
      BOOST_CHECK(out.text().starts_with("Usage: ssdfs " + std::string(c.name)));
      BOOST_CHECK_EQUAL(c.run({"--version"}), exit_done);
      BOOST_CHECK_EQUAL(c.run({"--no-such-option"}), exit_usage);
      BOOST_CHECK(contains(errors.text(), "unknown option --no-such-option"));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::cli
