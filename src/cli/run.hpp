// The program: a server role, or one client command.
#pragma once

namespace ssdfs::cli {

/// Runs what the arguments say. Returns the exit code: 0 done, 1 failed, 2 usage, 3 could not tell.
/// Errors are one line each on standard error.
[[nodiscard]] int run(int argc, char** argv);

}  // namespace ssdfs::cli
