// Client commands: one file a command, one entry each in the table of commands.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cli {

/// Exit codes.
inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unknown = 3;

struct command {
  std::string_view name;     ///< "put", "admin report"
  std::string_view summary;  ///< one line for --help
  /// Gets the arguments behind the name; returns the exit code.
  int (*run)(const std::vector<std::string>& arguments);
};

/// All commands, in the order of --help.
[[nodiscard]] std::span<const command> commands();

/// Commands that only our own processes call; no help lists them.
[[nodiscard]] std::span<const command> internal_commands();

}  // namespace ssdfs::cli
