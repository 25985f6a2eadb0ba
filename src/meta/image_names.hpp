// One names section of an image, decoded: entries with whole names.
#pragma once

#include "base/bytes.hpp"
#include "meta/tree_types.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::meta {

/// What a names section says. Numbers are in the range of their type and no more is checked.
struct names_batch {
  enum class kind : std::uint8_t { end, file, directory, root, detached };
  struct entry {
    std::uint64_t size = 0;  ///< of a file
    std::int64_t mtime_ms = 0;
    std::uint32_t crc32c = 0;  ///< of a file
    std::uint32_t serial = 0;  ///< of a directory
    std::uint32_t chunks = 0;  ///< of a file: how many of `chunks` are its own
    std::uint16_t access = 0;
    std::uint16_t content_type = 0;
    std::uint16_t extra_length = 0;
    kind what = kind::end;
    std::uint8_t name_length = 0;
    std::uint8_t replication = 0;
    bool limited = false;  ///< a directory that has the next of `quotas`
  };
  std::vector<entry> entries;
  std::string names;              ///< of all entries, one behind the other
  std::string extras;             ///< optional attributes of all entries, likewise
  std::vector<chunk_ref> chunks;  ///< of all files, likewise
  std::vector<quota> quotas;
  bool malformed = false;  ///< the section ends, or goes wrong, within an entry

  void clear() noexcept {
    entries.clear();
    names.clear();
    extras.clear();
    chunks.clear();
    quotas.clear();
    malformed = false;
  }
};

/// Decodes a payload into an empty batch.
void decode_names(bytes_view payload, names_batch& out);

}  // namespace ssdfs::meta
