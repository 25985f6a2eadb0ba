// A client command's connection to the cluster, and the form of its errors.
#pragma once

#include "base/result.hpp"
#include "cli/command_line.hpp"
#include "ssdfs/blocking_client.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::cli {

/// Made after the command line was parsed. Errors of single paths are printed as they come, one
/// line each, and remembered for the exit code.
class session {
 public:
  /// Null after a usage error (a bad --timeout), whose exit code the command line then has.
  static std::unique_ptr<session> open(command_line& line);
  /// The client's configuration by --master, --timeout and --user; empty after a usage error.
  static std::optional<client_config> config_of(command_line& line);

  [[nodiscard]] blocking_client& client() noexcept { return client_; }
  [[nodiscard]] const std::string& user() const noexcept { return user_; }

  /// Prints "ssdfs: COMMAND: PATH: reason"; from any thread. The reason is the code's own text;
  /// diagnostics add to it only where they say more.
  void error(std::string_view path, const boost::system::error_code& ec,
             const diagnostics* more = nullptr);
  void error(std::string_view path, const failure& why);
  void error(std::string_view path, std::string_view reason);

  /// 1 if an error was printed, else 0.
  [[nodiscard]] int exit_code() const noexcept { return errors_ == 0 ? 0 : 1; }
  [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }

 private:
  session(std::string command, client_config config);

  std::string command_;
  std::string user_;
  blocking_client client_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> errors_{0};
};

/// Prints one error line without a session.
void print_error(std::string_view command, std::string_view path, std::string_view reason);

/// As print_error, for the failure of a command on `path`. Returns exit_failed.
int report_failure(std::string_view command, const std::string& path, const failure& why);

}  // namespace ssdfs::cli
