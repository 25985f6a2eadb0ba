// The server's options: one table that the command line, the environment, the configuration file,
// --help and `admin config` are made from.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cli {

enum class role : std::uint8_t { master = 1, backup = 2, datanode = 4, all = 8 };

/// "master" and so on; errc::invalid_argument with a sentence otherwise.
[[nodiscard]] result<role> parse_role(std::string_view text);
[[nodiscard]] std::string_view name_of(role r) noexcept;

enum class option_kind : std::uint8_t {
  text,      ///< anything
  size,      ///< 4096, 64MiB
  duration,  ///< 250ms, 10m
  integer,   ///< decimal, within minimum and maximum
  choice,    ///< one of the words in `choices`, separated by '|'
  flag,      ///< no value on the command line; true or false elsewhere
  amount,    ///< a size, or a percentage such as 2%
  repeated,  ///< text that may be given several times
  address,   ///< HOST:PORT; `choices` says what else: "off", "list" (with commas), or "told" (a
             ///< host and port that others can connect to; empty for none)
};

struct option_spec {
  std::string_view name;
  option_kind kind;
  std::string_view argument;  ///< as shown in --help: "HOST:PORT"
  std::string_view fallback;  ///< default; empty where it depends on the role
  std::uint8_t roles;         ///< bits of role
  std::string_view choices;   ///< choice, address
  std::int64_t minimum;       ///< integer, size, duration
  std::int64_t maximum;       ///< the same; 0: none
  std::string_view help;
};

/// Every option of the server, in the order of --help.
[[nodiscard]] std::span<const option_spec> server_options();

/// Where a value came from; later ones win.
enum class source : std::uint8_t { fallback, file, environment, command_line };
[[nodiscard]] std::string_view name_of(source s) noexcept;

/// The options' values for one process, checked: every getter is total for an option of its kind.
class settings {
 public:
  struct value {
    std::vector<std::string> texts;  ///< more than one only for `repeated`
    source from = source::fallback;
  };

  /// Reads the configuration file (--config, SSDFS_CONFIG, or /etc/ssdfs/ssdfs.conf if that is
  /// there), the SSDFS_* variables of `environment` and `arguments`. A failure's message names the
  /// option and what is wrong with it. `environment` holds "NAME=VALUE" strings.
  static result<settings> read(std::span<const std::string> arguments,
                               std::span<const std::string> environment);

  [[nodiscard]] role which() const noexcept { return role_; }
  [[nodiscard]] bool help() const noexcept { return help_; }
  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& texts(std::string_view name) const;
  [[nodiscard]] std::uint64_t size(std::string_view name) const;
  [[nodiscard]] std::int64_t duration_ms(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] bool given(std::string_view name) const;  ///< not a default
  [[nodiscard]] const std::map<std::string, value, std::less<>>& values() const { return values_; }

 private:
  result<void> set(std::string_view name, std::vector<std::string> texts, source from);
  result<void> read_file();
  void fill_defaults();

  role role_ = role::all;
  bool help_ = false;
  std::map<std::string, value, std::less<>> values_;
};

/// The text of `ssdfs --help` for servers.
[[nodiscard]] std::string server_help();

}  // namespace ssdfs::cli
