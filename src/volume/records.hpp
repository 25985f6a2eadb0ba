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

/// A number (of the removal batch, or milliseconds since 1970 for tombstones) and keys.
struct key_batch {
  std::uint64_t number = 0;
  std::vector<chunk_key> keys;
};
[[nodiscard]] std::vector<std::byte> encode_keys(std::uint64_t number,
                                                 std::span<const chunk_key> keys);
[[nodiscard]] std::optional<key_batch> decode_keys(bytes_view payload);

}  // namespace ssdfs::volume
