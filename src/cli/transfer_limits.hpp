// What put and get hold at once.
#pragma once

#include "base/units.hpp"

#include <cstddef>
#include <cstdint>

namespace ssdfs::cli {

/// Files up to this size are moved whole, with one call; longer ones are streams.
inline constexpr std::uint64_t whole_file_limit = 4 * MiB;
/// One read or write of a stream, local or remote.
inline constexpr std::size_t stream_piece = 1 * MiB;
/// Of all files in flight: their content, and what the library holds of a stream.
inline constexpr std::size_t memory_limit = 96 * MiB;
/// What the library holds of one stream: chunks under way, or read ahead.
inline constexpr std::size_t memory_of_stream = 24 * MiB;

}  // namespace ssdfs::cli
