// CRC32C by blocks of 64 KiB over content that lies in several parts.
#pragma once

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "volume/needle.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace ssdfs::volume {

[[nodiscard]] inline std::uint64_t total_size(std::span<const bytes_view> parts) noexcept {
  std::uint64_t n = 0;
  for (const bytes_view part : parts) n += part.size();
  return n;
}

[[nodiscard]] inline std::uint32_t crc_of(std::span<const bytes_view> parts) noexcept {
  std::uint32_t crc = 0;
  for (const bytes_view part : parts) crc = crc32c(part, crc);
  return crc;
}

/// Calls out(crc) for every block; the last may be shorter. `parts` start at a block boundary.
template <class Out>
void for_each_block_crc(std::span<const bytes_view> parts, Out&& out) {
  std::uint32_t crc = 0;
  std::uint64_t filled = 0;
  for (bytes_view part : parts) {
    while (!part.empty()) {
      const auto n =
          static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), block_size - filled));
      crc = crc32c(part.first(n), crc);
      filled += n;
      part = part.subspan(n);
      if (filled == block_size) {
        out(crc);
        crc = 0;
        filled = 0;
      }
    }
  }
  if (filled > 0) out(crc);
}

/// CRC32C of a content of `size` bytes from those of its blocks.
[[nodiscard]] inline std::uint32_t combine_blocks(std::span<const std::uint32_t> crcs,
                                                  std::uint64_t size) noexcept {
  std::uint32_t whole = 0;
  for (const std::uint32_t crc : crcs) {
    const std::uint64_t n = std::min(size, block_size);
    whole = crc32c_combine(whole, crc, n);
    size -= n;
  }
  return whole;
}

}  // namespace ssdfs::volume
