// Modes as chmod(1) writes them. What is expected was checked against GNU coreutils 9.1.
#include "cli/file_mode.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <ostream>
#include <string_view>

namespace ssdfs::cli {
namespace {

struct sample {
  std::string_view text;
  std::uint16_t before;
  std::uint16_t after;
  bool directory = false;
  std::uint16_t umask = 022;
};
std::ostream& operator<<(std::ostream& out, const sample& s) {
  return out << s.text << " of " << std::oct << s.before << (s.directory ? " (directory)" : "");
}

void check(const sample& s) {
  BOOST_TEST_CONTEXT(s) {
    const auto change = mode_change::parse(s.text, s.umask);
    BOOST_TEST_REQUIRE(change.has_value());
    BOOST_CHECK_EQUAL(change->apply(s.before, s.directory), s.after);
  }
}

BOOST_AUTO_TEST_SUITE(file_mode)

BOOST_AUTO_TEST_CASE(numbers) {
  for (const sample& s : {
           sample{"644", 0777, 0644},
           sample{"0", 0777, 0},
           sample{"7777", 0, 07777},
           sample{"0644", 04755, 0644},
           sample{"755", 06700, 06755, true},  // a directory keeps set-user-id and set-group-id
           sample{"755", 01700, 0755, true},   // but not its sticky bit
           sample{"2755", 06700, 06755, true},
           sample{"00755", 06700, 0755, true},
           sample{"02755", 06700, 02755, true},
       }) {
    check(s);
  }
}

BOOST_AUTO_TEST_CASE(letters) {
  for (const sample& s : {
           sample{"u+x", 0644, 0744},
           sample{"go-w", 0666, 0644},
           sample{"a+r", 0, 0444},
           sample{"ug=rw,o=", 0777, 0660},
           sample{"u=rwx,g=rx,o=r", 0, 0754},
           sample{"u+r-w", 0200, 0400},
           sample{"u=r+w-r", 0700, 0200},
           sample{"g=u", 0640, 0660},
           sample{"o+g", 0642, 0646},
           sample{"u-g", 0770, 0070},
           sample{"a=u", 0500, 0555},
           sample{"u+s", 0755, 04755},
           sample{"g+s", 0755, 02755},
           sample{"o+s", 0755, 0755},  // others have no such bit
           sample{"+t", 0755, 01755},
           sample{"u+t", 0755, 0755},
           sample{"a-st", 07755, 0755},
           sample{"u=", 0755, 055},
           sample{"=", 0755, 0},
           sample{"a+", 0644, 0644},
       }) {
    check(s);
  }
}

BOOST_AUTO_TEST_CASE(x_for_directories_and_what_is_executable) {
  check({"a+X", 0644, 0644});
  check({"a+X", 0744, 0755});
  check({"a+X", 0644, 0755, true});
  check({"u=rwX,go=rX", 0600, 0755, true});
  check({"u=rwX,go=rX", 0600, 0644});
  check({"a-x,a+X", 0755, 0644});
  check({"go+X", 0744, 0755});
}

BOOST_AUTO_TEST_CASE(the_umask_protects_only_where_nobody_is_named) {
  check({"+w", 0444, 0644});
  check({"a+w", 0444, 0666});
  check({"+rwx", 0, 0700, false, 077});
  check({"=rwx", 0, 0755});
  check({"=", 0777, 0, false, 077});
  check({"-w", 0666, 0466});
  check({"+X", 0100, 0111, false, 0066});
  check({"+X", 0100, 0100, false, 0011});
}

BOOST_AUTO_TEST_CASE(directories_keep_special_bits_that_are_not_named) {
  check({"u=rwx", 06755, 06755, true});
  check({"u=rwx", 06755, 02755});
  check({"u=rwxs", 0755, 04755, true});
  check({"u-s", 06755, 02755, true});
  check({"=755", 06700, 0755, true});
  check({"g=rx", 02770, 02750, true});
}

BOOST_AUTO_TEST_CASE(what_is_no_mode) {
  for (const std::string_view text :
       {"",      "u",     "ux",   "x",       "888",       "8",        "10000",
        "77777", "0o644", "u+q",  "u+x,",    ",u+x",      "u+x,,g+x", "u+xg+x",
        "u+7",   "+777x", "u+gx", "644,u+x", "rw-r--r--", "u +x",     "u+x "}) {
    BOOST_TEST(!mode_change::parse(text, 022).has_value(), text);
  }
  check({"-", 0644, 0644});  // takes nothing away
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::cli
