// CRC32C (Castagnoli), the one checksum of SSDFS: of frames, needles, records, images and files.
#pragma once

#include "base/bytes.hpp"

#include <cstdint>

namespace ssdfs {

/// CRC32C of `data` continued from `seed`, which is the CRC32C of what came before (0 at the
/// start): crc32c(b, crc32c(a)) == crc32c(a + b). Conventional (reflected, inverted) form:
/// crc32c("123456789") == 0xe3069283.
[[nodiscard]] std::uint32_t crc32c(bytes_view data, std::uint32_t seed = 0) noexcept;

/// CRC32C of a + b from crc32c(a), crc32c(b) and b's length; O(log length). The method is the
/// zero-operator of zlib's crc32_combine (multiplication by x^(8n) modulo the polynomial).
[[nodiscard]] std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b,
                                           std::uint64_t b_length) noexcept;

}  // namespace ssdfs
