// Places in the edits log.
#pragma once

#include "base/ids.hpp"

#include <cstdint>
#include <string>

namespace ssdfs::journal {

/// Where the log ends, or where an image stands in it; {0, 0} for a new log.
struct log_position {
  ssdfs::txid last;         ///< last record
  std::uint32_t chain = 0;  ///< CRC of its line
  friend bool operator==(const log_position&, const log_position&) = default;
};

/// Durable lines, as they are in the segments.
struct log_lines {
  ssdfs::txid first;  ///< 0 if there are none
  ssdfs::txid last;
  std::string text;
};

}  // namespace ssdfs::journal
