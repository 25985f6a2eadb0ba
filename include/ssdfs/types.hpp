// SSDFS: the value types that the client library shows. Needs no Asio.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs {

/// What a path names.
enum class entry_type : std::uint8_t { file = 1, directory = 2 };

/// Where one chunk of a file lives.
struct chunk_location {
  std::uint64_t volume = 0;        ///< volume id
  std::uint32_t key = 0;           ///< sequence number inside the volume
  std::uint32_t size = 0;          ///< bytes
  std::uint32_t crc32c = 0;        ///< CRC32C of the chunk's bytes
  std::vector<std::string> nodes;  ///< addresses (HOST:PORT) of the replicas, chain order
};

/// Attributes of one file or directory.
struct file_status {
  std::string path;                    ///< absolute path
  entry_type type = entry_type::file;  ///< file or directory
  std::uint64_t size = 0;              ///< bytes; 0 for a directory
  std::uint32_t crc32c = 0;            ///< CRC32C of the whole content; 0 for a directory
  std::int64_t mtime_ms = 0;           ///< milliseconds since 1970-01-01 UTC
  std::string owner;                   ///< user name
  std::string group;                   ///< group name
  std::uint16_t mode = 0;              ///< permission bits, 0 to 07777
  std::uint8_t replication = 0;        ///< copies wanted, 1 to 3; 0 for a directory
  std::string content_type;            ///< media type, empty if none was given
  std::vector<chunk_location> chunks;  ///< filled by stat where it was asked for, not by list
  std::uint64_t chunks_at = 0;         ///< offset in the file of the first byte of `chunks`
};

/// Limits of a directory, and what counts against them: everything below it, itself not included.
struct quota_status {
  std::uint64_t names_limit = 0;  ///< 0: none
  std::uint64_t bytes_limit = 0;  ///< 0: none
  std::uint64_t names_used = 0;   ///< files and directories
  std::uint64_t bytes_used = 0;   ///< content, one copy
};

/// Totals below a path.
struct content_summary {
  std::uint64_t files = 0;        ///< files
  std::uint64_t directories = 0;  ///< directories, the path itself included if it is one
  std::uint64_t bytes = 0;        ///< content bytes, one copy
};

}  // namespace ssdfs
