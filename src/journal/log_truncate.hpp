// Shortening a copy of the edits log that has records which its master's log does not have.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <string>

namespace ssdfs::journal {

/// Gives up every record behind `last` and every image that holds one; everything if what is left
/// then could not be loaded. What is given up is kept in `aside`, "DIRECTORY/.../NAME", which is
/// made: later segments and images, and a copy of the segment that is cut. The journal must have
/// been stopped; the caller holds the directory's lock. After a crash at any moment what is there
/// can be loaded, and the call can be made again.
result<void> give_up_behind(io::file_system& fs, const std::string& directory, ssdfs::txid last,
                            const std::string& aside);

/// Removes all segments, the last first: an image takes their place.
result<void> remove_segments(io::file_system& fs, const std::string& directory);

}  // namespace ssdfs::journal
