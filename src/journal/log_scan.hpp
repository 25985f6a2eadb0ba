// Reading segments and telling a crash from damage: what recovery and the tools stand on.
#pragma once

#include "base/result.hpp"
#include "journal/recovery.hpp"
#include "journal/segments.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace ssdfs::journal {

/// Where a scan stands between two lines, and what it found.
struct scan_state {
  log_position at;            ///< last good record
  bool chain_known = false;   ///< `at.chain` is what the next line must continue
  std::uint64_t records = 0;  ///< handed out
  std::uint64_t offset = 0;   ///< in the segment: end of its good lines
  std::uint64_t batch = 0;    ///< in the segment: begin of the batch that the last good line is in
  bool zeros = false;         ///< what follows `offset` is nothing but zeros
  std::optional<log_damage> bad;
};

/// Reads the lines of one segment, from its first one on, handing those behind `start` to `sink`.
/// `later` says that other segments follow, which proves that this one was durable whole. Ends at
/// the first bad line (scan_state::bad) or at the end. Fails as the sink does, and with
/// errc::damaged if the record at `start` is not the one that an image knows.
result<void> scan_segment(const segment_name& segment, std::string_view text, log_position start,
                          bool later, scan_state& state, line_sink& sink);

/// Which later record, if any, says that `bad` was durable. `text` begins with the bad line, whose
/// CRC would continue `chain`. Lines are believed whose CRC continues the line before them.
[[nodiscard]] ssdfs::txid find_proof(std::string_view text, ssdfs::txid bad, std::uint32_t chain);

}  // namespace ssdfs::journal
