// Opening the edits log after a stop, a crash or worse.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/file.hpp"
#include "journal/journal.hpp"
#include "meta/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::journal {

/// Called for every record in order with the CRC of its line; a failure ends the recovery with it.
using record_sink = unique_function<result<void>(const meta::record&, std::uint32_t line_crc)>;

/// Where something in the log is wrong.
struct log_damage {
  std::string segment;       ///< file name
  std::uint64_t offset = 0;  ///< of the first bad byte's line
  ssdfs::txid txid;          ///< the record that should be there
  std::string what;
  /// A later valid record that says that the bad one was durable; 0: it looks like a crash.
  ssdfs::txid proven_by;
};

struct recovery_report {
  log_position end;
  std::uint64_t records = 0;     ///< handed to the sink
  std::uint64_t bytes = 0;       ///< read
  std::optional<log_damage> cut; ///< a torn tail that was cut
};

struct recovery_options {
  std::string directory;
  /// What an image holds already: records up to it are checked for the chain but not handed out.
  log_position start;
  /// Called now and then with the share of bytes that are done, 0 to 1.
  unique_function<void(double)> progress;
};

/// Replays all segments in `options.directory` into `sink` and leaves a log that a journal can
/// continue: a torn tail is cut, what may not be durable is written again and synced, the segment
/// in progress is finalized, all before it returns.
///
/// errc::damaged: a record that was durable is unreadable, or segments are missing; nothing is
/// changed then. The detail names segment, offset, txid and the command that repairs. Other
/// failures are the disk's or the sink's.
result<recovery_report> recover(io::file_system& fs, recovery_options options, record_sink sink);

/// Reads the log as recover() does, but changes nothing and goes no further than the first damage,
/// which the report's `cut` holds then, durable or not.
result<recovery_report> inspect(io::file_system& fs, recovery_options options, record_sink sink);

/// For `ssdfs edits recover`: gives up everything from the first bad record on, durable or not.
/// What is cut is moved to `DIR/cut-<txid>/` first. The report's `cut` says what it was; nothing
/// happens if there is none.
result<recovery_report> cut_damage(io::file_system& fs, const std::string& directory);

}  // namespace ssdfs::journal
