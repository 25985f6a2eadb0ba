// Sets up where the log goes.
#pragma once

#include <string_view>

namespace ssdfs::cli {

/// Sends the log to standard error, one line a record: text ("2026-01-02T03:04:05.678Z info ...",
/// without the time under systemd's journal) or a JSON object. Call once, before threads start.
void start_logging(std::string_view level, std::string_view format);

/// Changes the least severe level that is written. Thread-safe.
void set_log_level(std::string_view level);

}  // namespace ssdfs::cli
