// The files of the edits log: their names and which are there.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::journal {

/// One segment. Digits of its name sort like its txids.
struct segment_name {
  std::string file;
  ssdfs::txid first;
  std::optional<ssdfs::txid> last;  ///< of a finalized one: everything up to it is durable in it
};

/// "edits_inprogress_<first>.log" and "edits_<first>-<last>.log", 20 digits each.
[[nodiscard]] std::string in_progress_name(ssdfs::txid first);
[[nodiscard]] std::string finalized_name(ssdfs::txid first, ssdfs::txid last);
/// What the next segment is until its first record is known: an empty file, no segment.
inline constexpr std::string_view spare_name = "edits_spare.tmp";
/// nullopt for every other name.
[[nodiscard]] std::optional<segment_name> parse_segment_name(std::string_view file);

/// The segments of a directory by first txid, the one in progress last. Other files are left out.
/// errc::damaged if they overlap or if several are in progress.
result<std::vector<segment_name>> list_segments(io::file_system& fs, const std::string& directory);

}  // namespace ssdfs::journal
