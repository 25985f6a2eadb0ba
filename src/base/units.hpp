// Sizes and times as people write them.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;
inline constexpr std::uint64_t TiB = 1024 * GiB;

/// "4096", "4KiB", "1.5GiB": bytes. Units KiB, MiB, GiB, TiB (also K, M, G, T, B; any case).
/// errc::invalid_argument for anything else, for a negative value and for one over 2^63-1.
[[nodiscard]] result<std::uint64_t> parse_size(std::string_view text);

/// "250ms", "1s", "10m", "24h": milliseconds. A bare 0 is allowed, other bare numbers are not.
[[nodiscard]] result<std::int64_t> parse_duration_ms(std::string_view text);

/// "1.5 GiB": at most one digit behind the point.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// "1s", "10m", "1500ms": the shortest exact form that parse_duration_ms reads.
[[nodiscard]] std::string format_duration_ms(std::int64_t ms);

}  // namespace ssdfs
