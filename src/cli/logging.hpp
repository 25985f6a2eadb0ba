// Sets up where the log goes.
#pragma once

#include <string_view>

namespace ssdfs::cli {

/// While it lives the log goes to standard error, one line a record: text
/// ("2026-01-02T03:04:05.678Z info ...", without the time under systemd's journal) or a JSON
/// object. Nobody waits for standard error, see log_writer. One in a process, made before threads
/// start.
class log_output {
 public:
  log_output(std::string_view level, std::string_view format);
  ~log_output();
  log_output(const log_output&) = delete;
  log_output& operator=(const log_output&) = delete;
};

/// Changes the least severe level that is written. Thread-safe.
void set_log_level(std::string_view level);

}  // namespace ssdfs::cli
