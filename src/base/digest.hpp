// The digest of a set of chunks: order-independent, updated in O(1).
#pragma once

#include "base/ids.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>

namespace ssdfs {

/// Mixes one chunk's identity into 64 bits; the finalizer is SplitMix64's (Steele, Lea, Flood:
/// "Fast splittable pseudorandom number generators", 2014), applied to both halves in turn.
[[nodiscard]] constexpr std::uint64_t chunk_mix(chunk_key key, std::uint32_t size,
                                                std::uint32_t crc) noexcept {
  const auto finalize = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  };
  const std::uint64_t a = (std::uint64_t{key} << 32 | size) + 0x9e3779b97f4a7c15ULL;
  return finalize(finalize(a) + crc + 0x9e3779b97f4a7c15ULL);
}

/// Count, bytes and mixed sum of the live chunks of a volume. The master keeps one from the
/// namespace (what should be there), a replica one from its index (what is there); equal digests
/// prove that both name the same chunks.
struct volume_digest {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;  ///< content bytes, without headers
  std::uint64_t sum = 0;    ///< sum of chunk_mix, modulo 2^64

  constexpr void add(chunk_key key, std::uint32_t size, std::uint32_t crc) noexcept {
    ++count;
    bytes += size;
    sum += chunk_mix(key, size, crc);
  }
  constexpr void remove(chunk_key key, std::uint32_t size, std::uint32_t crc) noexcept {
    --count;
    bytes -= size;
    sum -= chunk_mix(key, size, crc);
  }
  friend constexpr bool operator==(const volume_digest&, const volume_digest&) = default;
};
BOOST_DESCRIBE_STRUCT(volume_digest, (), (count, bytes, sum))

}  // namespace ssdfs
