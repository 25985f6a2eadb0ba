// What the source files of the tree share.
#pragma once

#include "meta/tree.hpp"

#include <cstdint>

namespace ssdfs::meta {

/// What an entry with all that is below it adds to the totals of the directories above.
struct tree::weight {
  std::uint32_t files = 0;
  std::uint32_t directories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;
};

[[nodiscard]] inline std::uint8_t replication_of(const file_record& record) noexcept {
  return static_cast<std::uint8_t>(record.head >> file_record::replication_shift & 3U);
}

/// Calls visitor(chunk_ref) for every chunk of a file, in order.
template <class Visitor>
void for_each_chunk(const arena& memory, const file_record& record, Visitor&& visitor) {
  if ((record.head & file_record::listed_chunks) == 0) {
    if (record.key == 0) return;
    visitor(chunk_ref{.at = {volume_slot(record.volume), record.key},
                      .size = static_cast<std::uint32_t>(record.size.load()),
                      .crc32c = record.crc32c});
    return;
  }
  for (std::uint32_t id = record.volume; id != 0;) {
    const auto& list = block_as<const chunk_list>(memory, id);
    for (std::size_t i = 0; i < list.count; ++i) visitor(list.chunks()[i]);
    id = list.next;
  }
}

/// Makes a change of an entry's own record and carries it to the totals of the directories above.
template <class Change>
void tree::change_entry(inode entry, Change&& change) {
  const directory_id parent = parent_of(entry);
  const std::uint32_t serial = parent == no_directory ? 0 : record_of(parent).serial;
  const weight before = weight_of(entry, serial);
  change();
  subtract(parent, before);
  add(parent, weight_of(entry, serial));
}

}  // namespace ssdfs::meta
