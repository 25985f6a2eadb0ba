#include "cli/session.hpp"

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "net/address.hpp"

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <sstream>

namespace ssdfs::cli {
namespace {

std::string system_user() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

}  // namespace

void print_error(std::string_view command, std::string_view path, std::string_view reason) {
  std::string line = "ssdfs: " + std::string(command) + ": ";
  // Reasons from below often begin with the path themselves, some twice.
  while (!path.empty() && reason.starts_with(path) &&
         reason.substr(path.size()).starts_with(": ")) {
    reason.remove_prefix(path.size() + 2);
  }
  if (!path.empty()) line += printable(path) + ": ";
  line += printable(reason) + "\n";
  std::cerr << line;
}

int report_failure(std::string_view command, const std::string& path, const failure& why) {
  print_error(command, path, why.message());
  return exit_failed;
}

std::optional<client_config> session::config_of(command_line& line) {
  const auto timeout = line.duration_ms("timeout");
  if (!timeout) return std::nullopt;
  client_config config;
  config.masters.clear();
  std::istringstream in(line.text("master"));
  for (std::string part; std::getline(in, part, ',');) {
    if (part.empty()) continue;
    if (const auto address = net::parse_host_port(part); !address) {
      line.usage_error("option master: " + address.error().message());
      return std::nullopt;
    }
    config.masters.push_back(part);
  }
  if (config.masters.empty()) {
    line.usage_error("option master: needs an address, HOST:PORT");
    return std::nullopt;
  }
  config.user = line.text("user").empty() ? system_user() : line.text("user");
  config.timeout = std::chrono::milliseconds(*timeout);
  return config;
}

std::unique_ptr<session> session::open(command_line& line) {
  auto config = config_of(line);
  if (!config) return nullptr;
  return std::unique_ptr<session>(new session(line.name(), std::move(*config)));
}

session::session(std::string command, client_config config)
    : command_(std::move(command)), user_(config.user), client_(std::move(config)) {}

void session::error(std::string_view path, const boost::system::error_code& ec,
                    const diagnostics* more) {
  std::string reason = ec.message();
  if (more != nullptr && !more->message.empty() && more->message != reason) {
    // A detail usually repeats what the code says, with the specifics.
    reason = more->message.find(reason) != std::string::npos ? more->message
                                                             : reason + " (" + more->message + ")";
  }
  error(path, reason);
}

void session::error(std::string_view path, const failure& why) { error(path, why.message()); }

void session::error(std::string_view path, std::string_view reason) {
  ++errors_;
  const std::lock_guard lock(mutex_);
  print_error(command_, path, reason);
}

}  // namespace ssdfs::cli
