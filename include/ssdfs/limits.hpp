// SSDFS: the bounds that hold at every door, each said once. Needs nothing else.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ssdfs {

/// Chunks of one file.
inline constexpr std::uint32_t max_file_chunks = 50'000;

/// Length of a chunk, and what a cluster cuts files into if it is not told otherwise.
inline constexpr std::uint32_t min_chunk_size = 1U << 10;
inline constexpr std::uint32_t max_chunk_size = 64U << 20;
inline constexpr std::uint32_t default_chunk_size = 8U << 20;

/// Bytes of the largest file: 3,125 GiB.
inline constexpr std::uint64_t max_file_bytes = std::uint64_t{max_file_chunks} * max_chunk_size;

/// The length of the chunks of a file of `size` bytes where files are usually cut into chunks of
/// `usual` bytes: doubled until they are not too many. `size` is at most max_file_bytes. A file
/// whose size is not known beforehand has chunks of the usual length, so it ends at
/// max_file_chunks of those.
[[nodiscard]] constexpr std::uint32_t chunk_size_for(std::uint64_t size,
                                                     std::uint32_t usual) noexcept {
  std::uint64_t length = usual;
  while (length < max_chunk_size && size > length * max_file_chunks) length *= 2;
  return static_cast<std::uint32_t>(length < max_chunk_size ? length : max_chunk_size);
}

/// Bytes of a path, and of one name in it.
inline constexpr std::size_t max_path_length = 4096;
inline constexpr std::size_t max_name_length = 255;

/// Bytes of a user's or group's name and of a content type.
inline constexpr std::size_t max_text_length = 255;

/// Copies of a file.
inline constexpr std::uint8_t max_replication = 3;

/// Entries of one page of a directory.
inline constexpr std::uint32_t max_list_entries = 4096;

}  // namespace ssdfs
