// The bytes of a volume file: superblock and record headers (docs/formats/volume.md).
//
// A volume file is a superblock followed by records, each at a multiple of 8 bytes. Every record
// starts with the same 24-byte header, whose CRC is seeded with the volume's id, the file's random
// salt and the record's offset: bytes inside a picture, even those of a whole volume file, pass
// for a header only by a chance of one in 2^32.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "ssdfs/limits.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace ssdfs::volume {

inline constexpr std::uint64_t superblock_size = 64;
inline constexpr std::uint64_t header_size = 24;
inline constexpr std::uint64_t record_alignment = 8;
/// Contents longer than one block carry a table of the CRC32C of every block.
inline constexpr std::uint64_t block_size = 64 * 1024;
/// Longest content of one record.
inline constexpr std::uint64_t max_chunk_size = ssdfs::max_chunk_size;
/// Offsets are kept as 32-bit numbers of 8 bytes, so no volume file grows beyond this.
inline constexpr std::uint64_t max_file_size = std::uint64_t{32} * 1024 * 1024 * 1024;

/// What identifies one volume file. Compaction makes a new file with a new salt, so does a move to
/// another directory of the node, which is counted.
struct superblock {
  volume_id id;
  std::uint64_t salt = 0;
  cluster_id cluster;
  std::uint32_t moves = 0;
  friend bool operator==(const superblock&, const superblock&) = default;
};

using superblock_bytes = std::array<std::byte, superblock_size>;
[[nodiscard]] superblock_bytes encode(const superblock& s) noexcept;
/// errc::damaged for bad magic, length or CRC; errc::unsupported for a newer format version.
result<superblock> decode_superblock(bytes_view bytes);

/// What a record is. The numbers are on disk.
enum class record_kind : std::uint8_t {
  data = 1,       ///< a chunk: content, then its block table if it has one
  reserved = 2,   ///< the extent of a chunk that was never finished: burns its key, holds nothing
  removals = 3,   ///< a numbered batch of removed keys
  state = 4,      ///< state, generation and counters of the replica from here on
  tombstone = 5,  ///< keys set aside as orphans, with the time
  revive = 6,     ///< tombstoned keys that turned out to be live
};

struct record_header {
  record_kind kind = record_kind::data;
  chunk_key key = 0;           ///< 0 for records that are no chunks
  std::uint32_t size = 0;      ///< content or payload bytes
  std::uint32_t data_crc = 0;  ///< CRC32C of the content or payload
  friend bool operator==(const record_header&, const record_header&) = default;
};

/// Seeds the header CRCs of one file.
class header_seal {
 public:
  explicit header_seal(const superblock& s) noexcept;
  /// Writes header_size bytes at `out`.
  void encode(const record_header& h, std::uint64_t offset, std::byte* out) const noexcept;
  /// The header at `at` (header_size bytes), or nothing if these bytes are not a header written
  /// for this offset of this file, or say impossible things.
  [[nodiscard]] std::optional<record_header> decode(const std::byte* at,
                                                    std::uint64_t offset) const noexcept;

 private:
  std::uint32_t base_;
};

/// First four bytes of every record, little-endian.
inline constexpr std::uint32_t record_magic = 0x314c444e;  // "NDL1"

[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t n) noexcept {
  return (n + record_alignment - 1) & ~(record_alignment - 1);
}
/// Entries of the block table of a chunk of `size` bytes; 0 if it has none.
[[nodiscard]] constexpr std::uint64_t table_entries(std::uint64_t size) noexcept {
  return size > block_size ? (size + block_size - 1) / block_size : 0;
}
/// Bytes that a record takes in the file: header, content, table, padding.
[[nodiscard]] constexpr std::uint64_t extent_of(std::uint64_t size) noexcept {
  return align_up(header_size + size + 4 * table_entries(size));
}
/// As above for any kind: only chunks have a table.
[[nodiscard]] constexpr std::uint64_t extent_of(const record_header& h) noexcept {
  const bool chunk = h.kind == record_kind::data || h.kind == record_kind::reserved;
  return chunk ? extent_of(h.size) : align_up(header_size + h.size);
}

}  // namespace ssdfs::volume
