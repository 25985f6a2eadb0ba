// The images in a master's or backup's directory.
#pragma once

#include "base/result.hpp"
#include "io/file.hpp"
#include "journal/log_position.hpp"
#include "meta/image.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ssdfs::journal {

/// An image file.
struct image_file {
  ssdfs::txid txid;  ///< last record that is in it
  std::string path;
  std::uint64_t bytes = 0;
};

/// "image_<txid>.ssi", 20 digits.
[[nodiscard]] std::string image_name(ssdfs::txid txid);

/// The images of a directory, the newest first. Unfinished ones are left out.
result<std::vector<image_file>> list_images(io::file_system& fs, const std::string& directory);

/// Writes the image of `s` durably: temporary name, sync, rename, directory sync. The state must
/// not change meanwhile. Blocks; a failure leaves what was there before.
result<image_file> save_image(io::file_system& fs, const std::string& directory,
                              const meta::state& s);

/// Reads an image into `target`, which must be new, and is good for destruction only after a
/// failure: damaged, unsupported, or the disk's.
result<meta::image_head> load_image(io::file_system& fs, const std::string& path,
                                    meta::state& target);

/// What load_newest has found.
struct loaded_state {
  std::unique_ptr<meta::state> state;  ///< an empty one if there is no image
  log_position position;               ///< what replay goes on from
  std::string path;                    ///< empty if there is no image
  std::vector<std::string> refused;    ///< newer images that could not be used, and why
};

/// The state of the newest image that can be read. Whether the segments reach from there to the
/// end of the log, recover() tells. Fails if there are images but none can be read.
result<loaded_state> load_newest(io::file_system& fs, const std::string& directory);

/// Removes all but the newest `keep` images, and what unfinished writes have left.
result<void> prune_images(io::file_system& fs, const std::string& directory, std::size_t keep);

}  // namespace ssdfs::journal
