// Opening the edits log after a stop, a crash or worse.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/file.hpp"
#include "journal/log_position.hpp"
#include "meta/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::journal {

/// Called for every record in order with the CRC of its line; a failure ends the recovery with it.
using record_sink = unique_function<result<void>(const meta::record&, std::uint32_t line_crc)>;

/// Where something in the log is wrong.
struct log_damage {
  std::string segment;       ///< file name
  std::uint64_t offset = 0;  ///< of the first bad line in it
  ssdfs::txid txid;          ///< the record that should be there
  std::string what;
  /// Whether something later says that the record was durable, and what; empty: it looks like the
  /// end of a write that a crash cut off.
  std::string proof;
};

/// "edits_...log: offset 812: txid 17: <what>; <proof>".
[[nodiscard]] std::string describe(const log_damage& damage);

struct recovery_report {
  log_position end;
  std::uint64_t records = 0;      ///< handed to the sink
  std::uint64_t bytes = 0;        ///< read
  std::optional<log_damage> cut;  ///< what was cut, or is wrong
};

struct recovery_options {
  std::string directory;
  /// What an image holds already: records up to it are checked for the chain but not handed out.
  log_position start;
  /// Called now and then with the share of bytes that are done, 0 to 1.
  unique_function<void(double)> progress;
  /// Asked when everything is read, with the last good record, before anything is changed; a
  /// failure ends the recovery with it. May be empty.
  unique_function<result<void>(ssdfs::txid end)> accept;
};

/// Replays all segments in `options.directory` into `sink` and leaves a log that a journal can
/// continue: a torn tail is cut, what may not be durable is written again and synced, the segment
/// in progress is finalized, all before it returns.
///
/// errc::damaged: a record that was durable is unreadable, or segments are missing; nothing is
/// changed then. The detail names segment, offset, txid and the command that repairs. Other
/// failures are the disk's or the sink's.
result<recovery_report> recover(io::file_system& fs, recovery_options options, record_sink sink);

/// One line of a log with where it is, for tools.
struct log_line {
  std::string_view segment;  ///< file name
  std::uint64_t offset = 0;
  std::string_view text;  ///< without its newline
  std::uint32_t crc = 0;  ///< of the line
  const meta::record* record = nullptr;
};
using line_sink = unique_function<result<void>(const log_line&)>;

/// For `ssdfs edits dump` and `verify`: reads all segments of a directory, or one segment file, as
/// recover() does, but changes nothing. It goes no further than the first bad record, which the
/// report's `cut` tells then. A log whose first segments were dropped is read from where it begins.
result<recovery_report> inspect(io::file_system& fs, const std::string& path, line_sink sink);

/// For `ssdfs edits recover`: gives up everything from the first bad record on, whether it was
/// durable or not. What is given up is kept in `DIRECTORY/cut-<txid>/`: the damaged segment as it
/// was, and all later ones. The report's `cut` says what it was; nothing happens if there is none.
/// The caller holds the lock of the master's directory.
result<recovery_report> cut_damage(io::file_system& fs, const std::string& directory);

}  // namespace ssdfs::journal
