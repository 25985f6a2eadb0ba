// Records that were known to be bad, kept over restarts.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"
#include "volume/volume.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::datanode {

/// Of all volumes together.
inline constexpr std::size_t most_suspect_records = 4096;
inline constexpr std::size_t most_suspect_volumes = 16'384;

struct suspect_record {
  chunk_key key = 0;
  std::uint64_t offset = 0;  ///< of its content in the file
  friend bool operator==(const suspect_record&, const suspect_record&) = default;
};

/// What is suspect of one volume.
struct suspect_volume {
  volume_id id;
  std::uint64_t salt = 0;               ///< of the file: in another one nothing is suspect
  bool whole = false;                   ///< too many records to name them
  std::vector<suspect_record> records;  ///< ascending by key; none if `whole`
  friend bool operator==(const suspect_volume&, const suspect_volume&) = default;
};

/// Ascending by id, each volume once. See docs/formats/scrub.md.
using suspect_list = std::vector<suspect_volume>;

/// What is known to be bad in `v` now. Waits for a write under way.
[[nodiscard]] suspect_volume known_bad(const volume::volume& v);

/// Adds `more` to `list`. Of a volume whose file is another one by now, the younger counts, which
/// is `more`.
void merge(suspect_list& list, const suspect_volume& more);

/// Cuts the list to what is kept: the volumes with the most records become whole ones until the
/// rest are few enough, and volumes beyond the limit are left out.
void bound(suspect_list& list);

/// The file's one line, with its CRC. The list is bounded.
[[nodiscard]] std::string to_text(const suspect_list& list);
/// errc::damaged if it is not what to_text() makes.
[[nodiscard]] result<suspect_list> parse_suspects(bytes_view text);

/// The file in `directory`; an empty list if it is missing. Nothing if it cannot be read or used:
/// there are no suspects then, a warning says why, and it should be replaced.
[[nodiscard]] std::optional<suspect_list> load_suspects(io::file_system& fs,
                                                        const std::string& directory);
result<void> store_suspects(io::file_system& fs, const std::string& directory,
                            const suspect_list& list);

/// A piece of re-reading.
struct recheck_result {
  std::uint64_t bytes = 0;  ///< read
  bool over = false;        ///< nothing of the volume is left to be read again
};

/// Reads what is suspect in `s`, until `max_bytes` are read (at least one record). What is bad is
/// known to `v` as such from then on; what was read, and what is not there any more, leaves `s`.
/// Of a whole volume `from` says where to go on, 0 at first. A volume that cannot be read (retired,
/// a damaged index) is over: it has other guards. Blocks.
recheck_result recheck(volume::volume& v, suspect_volume& s, chunk_key& from,
                       std::uint64_t max_bytes);

}  // namespace ssdfs::datanode
