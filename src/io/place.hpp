// Which directory a name leads to, whatever links and mounts are on the way.
#pragma once

#include "base/result.hpp"
#include "io/file.hpp"

#include <cstdint>
#include <string>

namespace ssdfs::io {

struct directory_place {
  std::uint64_t device = 0;  ///< the file system
  std::uint64_t inode = 0;   ///< the directory in it
  friend bool operator==(const directory_place&, const directory_place&) = default;
};

/// What a file system may be besides: one that can tell its directories and disks apart. Those of
/// the operating system can.
class place_source {
 public:
  virtual ~place_source() = default;
  /// errc::not_found if there is no such directory.
  virtual result<directory_place> place(const std::string& directory) = 0;
};

/// errc::not_found if there is no such directory, errc::unsupported if `fs` cannot tell. Blocks.
[[nodiscard]] result<directory_place> place_of(file_system& fs, const std::string& directory);

}  // namespace ssdfs::io
