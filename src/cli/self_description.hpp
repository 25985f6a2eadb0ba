// What the program can do, for programs: man pages, the sample configuration and completion are
// made from it.
#pragma once

#include <string>

namespace ssdfs::cli {

/// The text of `ssdfs --help --json`, one line: {"version","commands":[{"name","summary"}],
/// "options":[{"name","argument","kind","default","choices","roles","help"}]}, the latter being the
/// servers'. A command's own options: `ssdfs COMMAND --help --json`.
[[nodiscard]] std::string describe_program();

}  // namespace ssdfs::cli
