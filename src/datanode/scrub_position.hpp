// Where the scrubber was, kept over restarts.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <cstdint>
#include <string>

namespace ssdfs::datanode {

/// See docs/formats/scrub.md.
struct scrub_position {
  std::uint64_t pass = 1;     ///< number of the pass under way, from 1
  std::int64_t began_ms = 0;  ///< of it, wall clock; 0: it has not begun
  volume_id volume;           ///< everything before (volume, key) is done
  chunk_key key = 0;
  std::int64_t last_full_ms = 0;  ///< end of the last whole pass, wall clock; 0: none yet
  std::uint64_t bad = 0;          ///< records found bad since the directory was made
  std::uint64_t repaired = 0;     ///< of them, replaced
  friend bool operator==(const scrub_position&, const scrub_position&) = default;
};

/// The file's one line, with its CRC.
[[nodiscard]] std::string to_text(const scrub_position& p);
/// errc::damaged if it is not what to_text() makes.
[[nodiscard]] result<scrub_position> parse_scrub_position(bytes_view text);

/// The file in `directory`. A missing or damaged one is a new start: nothing depends on it.
[[nodiscard]] scrub_position load_scrub_position(io::file_system& fs, const std::string& directory);
result<void> store_scrub_position(io::file_system& fs, const std::string& directory,
                                  const scrub_position& p);

}  // namespace ssdfs::datanode
