// Payloads of the records that are no chunks: removals, states, tombstones.
#pragma once

#include "base/bytes.hpp"
#include "base/volume_info.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ssdfs::volume {

/// Keys in one removals, tombstone or revive record.
inline constexpr std::size_t max_batch_keys = 128 * 1024;
/// Longest payload of a record that is no chunk.
inline constexpr std::uint32_t max_payload = 16 + 4 * max_batch_keys;

/// What a replica is from one state record to the next.
struct replica_status {
  replica_state state = replica_state::open;  ///< open, sealed or recovering
  generation_t generation = 0;
  std::uint64_t removal_number = 0;
  chunk_key highest_key = 0;  ///< of all keys ever seen, also those long removed
  volume_digest digest;       ///< of the live chunks before the record
  friend bool operator==(const replica_status&, const replica_status&) = default;
};

inline constexpr std::size_t status_size = 48;
/// Writes status_size bytes at `out`.
void encode(const replica_status& s, std::byte* out) noexcept;
[[nodiscard]] std::optional<replica_status> decode_status(bytes_view payload) noexcept;

/// When a chunk was set aside, or, if that it may go needs nobody's word, from when on it may: in a
/// tombstone record and in the index as one number.
struct aside_time {
  std::int64_t ms = 0;  ///< since 1970
  bool settled = false;
  friend bool operator==(const aside_time&, const aside_time&) = default;
};
inline constexpr std::uint64_t settled_bit = std::uint64_t{1} << 63;
[[nodiscard]] inline std::uint64_t number_of(const aside_time& t) noexcept {
  return (static_cast<std::uint64_t>(t.ms) & ~settled_bit) | (t.settled ? settled_bit : 0);
}
[[nodiscard]] inline aside_time aside_time_of(std::uint64_t number) noexcept {
  return {static_cast<std::int64_t>(number & ~settled_bit), (number & settled_bit) != 0};
}

/// A number (of the removal batch, or number_of the time for tombstones) and keys.
struct key_batch {
  std::uint64_t number = 0;
  std::vector<chunk_key> keys;
};
[[nodiscard]] std::vector<std::byte> encode_keys(std::uint64_t number,
                                                 std::span<const chunk_key> keys);
[[nodiscard]] std::optional<key_batch> decode_keys(bytes_view payload);

}  // namespace ssdfs::volume
