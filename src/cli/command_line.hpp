// The command line of a client command: its own options, those that every command has, and usage
// errors with exit code 2.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cli {

/// Described once per command, then parsed once. Every command has --master, --timeout, --user,
/// --json, --help and --version besides its own; --master, --timeout and --user have SSDFS_MASTER,
/// SSDFS_TIMEOUT and SSDFS_USER behind them; the help of commands that ask no server leaves these
/// three out. Options may stand between arguments; "--" ends them.
class command_line {
 public:
  struct limits {
    std::size_t least = 0;
    std::size_t most = SIZE_MAX;
  };

  /// `synopsis` is what follows "ssdfs NAME" in the usage line: "[-r] SRC... DST".
  command_line(std::string name, std::string synopsis, std::string summary, limits arguments);

  /// Options are named "recursive,r", "json" or ",r" (short only).
  command_line& flag(const std::string& name, const std::string& help);
  command_line& value(const std::string& name, const std::string& argument, const std::string& help,
                      const std::string& fallback = {});

  /// True to go on. False: help, the version or an error was printed, and exit_code() is to be
  /// returned.
  [[nodiscard]] bool parse(const std::vector<std::string>& arguments);
  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<std::string>& arguments() const noexcept { return positional_; }
  /// By long name, or the short one where there is no long one.
  [[nodiscard]] bool has(const std::string& option) const;
  [[nodiscard]] std::string text(const std::string& option) const;
  /// The option's value as a number, size or time; a bad one is a usage error.
  [[nodiscard]] std::optional<std::int64_t> integer(const std::string& option, std::int64_t least,
                                                    std::int64_t most);
  [[nodiscard]] std::optional<std::uint64_t> size(const std::string& option);
  [[nodiscard]] std::optional<std::int64_t> duration_ms(const std::string& option);
  [[nodiscard]] bool json() const { return has("json"); }

  /// Prints "ssdfs: NAME: why" and sets the exit code to 2. Returns that code.
  int usage_error(const std::string& why);

 private:
  struct option {
    std::string long_name;
    std::string short_name;
    std::string argument;  ///< empty: a flag
    std::string help;
    std::string fallback;
  };
  void add(const std::string& name, const std::string& argument, const std::string& help,
           const std::string& fallback);
  [[nodiscard]] const option* find(const std::string& name) const;
  /// What help tells of: the own options, or those that every command has.
  [[nodiscard]] std::vector<const option*> described(bool common) const;
  [[nodiscard]] std::string help_text() const;
  [[nodiscard]] std::string help_json() const;

  std::string name_;
  std::string synopsis_;
  std::string summary_;
  limits limits_;
  std::vector<option> options_;
  std::map<std::string, std::string> values_;  ///< by key_of(option)
  std::vector<std::string> positional_;
  int exit_code_ = 0;
};

}  // namespace ssdfs::cli
