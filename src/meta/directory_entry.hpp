// The records of files and directories in the arena, byte by byte. This is memory only: no file
// has this format, so it may change at any time.
#pragma once

#include "base/bytes.hpp"
#include "meta/arena.hpp"
#include "meta/tree_types.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace ssdfs::meta {

/// An unaligned 48-bit integer: sizes and times of files do not need more.
struct packed48 {
  std::uint16_t parts[3];

  [[nodiscard]] std::uint64_t load() const noexcept {
    return parts[0] | std::uint64_t{parts[1]} << 16 | std::uint64_t{parts[2]} << 32;
  }
  [[nodiscard]] std::int64_t load_signed() const noexcept {
    return static_cast<std::int64_t>(load() << 16) >> 16;
  }
  void store(std::uint64_t v) noexcept {
    for (auto& part : parts) {
      part = static_cast<std::uint16_t>(v);
      v >>= 16;
    }
  }
};

/// Begin of both kinds of records. The name stands at the end of the record or, if it grew out of
/// it by a rename or the entry has an extra, in a text or extra block whose id stands there.
struct entry_record {
  static constexpr std::uint8_t external_name = 0x80;
  std::uint8_t head;         ///< block_kind, flags
  std::uint8_t name_length;  ///< bytes
  std::uint16_t access;
};

struct file_record : entry_record {
  static constexpr std::size_t name_offset = 34;
  static constexpr std::size_t min_size = 40;
  static constexpr std::uint8_t replication_shift = 4;  ///< two bits of head
  static constexpr std::uint8_t listed_chunks = 0x40;   ///< chunks are in chunk_list blocks

  std::uint32_t parent;  ///< directory_id
  packed48 mtime;
  std::uint16_t content_type;
  std::uint32_t crc32c;
  std::uint32_t volume;  ///< slot of the only chunk; with listed_chunks the first chunk_list
  std::uint32_t key;     ///< key of the only chunk, 0 if empty; with listed_chunks their number
  packed48 size;
};
static_assert(sizeof(file_record) >= file_record::name_offset);

/// Holds what a lookup on its way down needs, so that it leaves the directory_slot alone.
struct directory_record : entry_record {
  static constexpr std::size_t name_offset = 24;
  static constexpr std::size_t min_size = 32;

  std::uint32_t id;     ///< directory_id, where its parent is found
  std::uint32_t index;  ///< root node of its B+tree, 0 if empty
  std::uint32_t serial;
  packed48 mtime;
  /// No path below is longer, counted from here ("/a/b" has 4 bytes); 65535 stands for more, too.
  /// What is removed does not lower it, before the directory is empty.
  std::uint16_t longest;
};
static_assert(sizeof(directory_record) >= directory_record::name_offset);

/// A piece of a list of chunks; `count` chunk_refs follow.
struct chunk_list {
  static constexpr std::size_t capacity = 64;
  std::uint8_t head;
  std::uint8_t count;
  std::uint16_t unused;
  std::uint32_t next;  ///< id of the next piece, 0 at the end

  [[nodiscard]] chunk_ref* chunks() noexcept { return reinterpret_cast<chunk_ref*>(this + 1); }
  [[nodiscard]] const chunk_ref* chunks() const noexcept {
    return reinterpret_cast<const chunk_ref*>(this + 1);
  }
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t n) noexcept {
    return sizeof(chunk_list) + n * sizeof(chunk_ref);
  }
};
static_assert(sizeof(chunk_list) == 8 && sizeof(chunk_ref) == 16);

/// Length and bytes of a name or separator.
struct text_block {
  std::uint8_t head;
  std::uint8_t length;

  [[nodiscard]] char* chars() noexcept { return reinterpret_cast<char*>(this) + 2; }
  [[nodiscard]] std::string_view view() const noexcept {
    return {reinterpret_cast<const char*>(this) + 2, length};
  }
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t length) noexcept {
    return (2 + length + 7) & ~std::size_t{7};
  }
};

/// A text block that goes on: two bytes with the length of the extra behind the name, and the
/// extra.
struct extra_block : text_block {
  [[nodiscard]] std::string_view extra() const noexcept {
    const auto* at = reinterpret_cast<const std::byte*>(this) + sizeof(text_block) + length;
    return {reinterpret_cast<const char*>(at + 2), load_le<std::uint16_t>(at)};
  }
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t name, std::size_t extra) noexcept {
    return (sizeof(text_block) + name + 2 + extra + 7) & ~std::size_t{7};
  }
};
static_assert(extra_block::bytes(max_name_length, max_extra_bytes) <= arena::max_block);

template <class T>
[[nodiscard]] T& block_as(const arena& memory, std::uint32_t id) noexcept {
  return *reinterpret_cast<T*>(memory.at(id));
}

[[nodiscard]] inline bool is_file_record(const std::byte* block) noexcept {
  return kind_of(block) == block_kind::file;
}
[[nodiscard]] inline std::size_t name_offset_of(const std::byte* record) noexcept {
  return is_file_record(record) ? file_record::name_offset : directory_record::name_offset;
}

/// Bytes of a record of a kind whose name of this length stands inside.
[[nodiscard]] constexpr std::size_t record_bytes(block_kind kind,
                                                 std::size_t name_length) noexcept {
  const bool file = kind == block_kind::file;
  const std::size_t offset = file ? file_record::name_offset : directory_record::name_offset;
  const std::size_t smallest = file ? file_record::min_size : directory_record::min_size;
  return std::max(smallest, (offset + name_length + 7) & ~std::size_t{7});
}

[[nodiscard]] inline std::string_view entry_name(const arena& memory, std::uint32_t id) noexcept {
  const std::byte* record = memory.at(id);
  const auto& entry = *reinterpret_cast<const entry_record*>(record);
  const std::byte* name = record + name_offset_of(record);
  if ((entry.head & entry_record::external_name) != 0) [[unlikely]] {
    name = memory.at(load_le<std::uint32_t>(name)) + sizeof(text_block);
  }
  return {reinterpret_cast<const char*>(name), entry.name_length};
}

/// The optional attributes of an entry; a view without data if it has none.
[[nodiscard]] inline std::string_view entry_extra(const arena& memory, std::uint32_t id) noexcept {
  const std::byte* record = memory.at(id);
  const auto& entry = *reinterpret_cast<const entry_record*>(record);
  if ((entry.head & entry_record::external_name) == 0) [[likely]]
    return {};
  const std::byte* block = memory.at(load_le<std::uint32_t>(record + name_offset_of(record)));
  if (kind_of(block) != block_kind::extra) return {};
  return reinterpret_cast<const extra_block*>(block)->extra();
}

/// Bytes of any used block of the namespace: the arena's size function.
[[nodiscard]] std::size_t block_bytes(const std::byte* block);

/// A new text block, or one of a name with an extra.
[[nodiscard]] std::uint32_t make_text(arena& memory, std::string_view text);
[[nodiscard]] std::uint32_t make_extra(arena& memory, std::string_view name,
                                       std::string_view extra);
/// Of both kinds.
void release_text(arena& memory, std::uint32_t id);

}  // namespace ssdfs::meta
