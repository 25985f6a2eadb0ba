// The images in a master's or backup's directory.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/file.hpp"
#include "journal/log_position.hpp"
#include "meta/image_reader.hpp"

#include <memory>
#include <stop_token>
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

/// Writes the image of `s` durably to `path`: temporary name beside it, sync, rename, directory
/// sync. Returns its bytes.
result<std::uint64_t> write_image_file(io::file_system& fs, const std::string& path,
                                       const meta::state& s);

/// How an image is written beside other work.
struct save_options {
  std::uint64_t rate = 0;  ///< bytes a second; 0: as fast as the disk takes them
  std::stop_token stop;    ///< ends it with shutting_down
};

/// Writes the image of `s` durably into its place: temporary name, sync, rename, directory sync.
/// The state must not change meanwhile. Blocks; a failure leaves what was there before.
result<image_file> save_image(io::file_system& fs, const std::string& directory,
                              const meta::state& s, const save_options& how = {});

/// The first half of save_image: a finished, synced file in the directory, whose path it returns.
result<std::string> write_image_beside(io::file_system& fs, const std::string& directory,
                                       const meta::state& s, const save_options& how = {});

/// What a load that takes seconds tells, and how it is ended early.
struct load_hooks {
  unique_function<void(double)> progress;  ///< called now and then with 0 to 1; may be empty
  unique_function<bool()> stop;            ///< true ends it with shutting_down; may be empty
  /// Bytes a second, for work that must not be felt, which also leaves nothing in the page cache;
  /// 0: as fast as the disk gives them.
  std::uint64_t rate = 0;
};

/// Reads an image into `target`, which must be new, and is good for destruction only after a
/// failure: damaged, unsupported, shutting_down, or the disk's. Reading and checking happens on a
/// thread of its own, beside the building of the tree.
result<meta::image_head> load_image(io::file_system& fs, const std::string& path,
                                    meta::state& target, load_hooks hooks = {});

/// Reads a whole image and checks every section's CRC, but builds nothing: what it says of itself.
/// damaged, unsupported, shutting_down, or the disk's failures.
result<meta::image_head> check_image(io::file_system& fs, const std::string& path,
                                     load_hooks hooks = {});

/// Hands every section to `sink`, decoded. With `damages` it goes on behind a section whose CRC is
/// wrong, as meta::image_reader does. Failures are check_image's and the sink's.
result<void> read_sections(io::file_system& fs, const std::string& path,
                           unique_function<result<void>(const meta::decoded_section&)> sink,
                           unique_function<void(std::uint64_t, const std::string&)> damages = {},
                           load_hooks hooks = {});

/// An image that could not be used.
struct image_refusal {
  image_file image;
  failure why;
};

/// What load_newest has found.
struct loaded_state {
  std::unique_ptr<meta::state> state;  ///< an empty one if no image can be read
  log_position position;               ///< what replay goes on from
  std::uint64_t digest = 0;            ///< as the image states it
  std::string path;                    ///< empty if no image can be read
  std::vector<image_refusal> refused;  ///< newer images that could not be used, the newest first
};

/// The state of the newest image that can be read. Whether the segments reach from there to the
/// end of the log, recover() tells. Fails if an image is of a newer version, or as the stop hook
/// says.
result<loaded_state> load_newest(io::file_system& fs, const std::string& directory,
                                 load_hooks hooks = {});

/// Gives a finished file in the directory, whose head is `txid`'s, its place among the images:
/// rename, directory sync. Its contents must be synced.
result<image_file> place_image(io::file_system& fs, const std::string& directory,
                               const std::string& path, ssdfs::txid txid);

/// Moves an image that cannot be read out of the way, for somebody to look at.
result<void> set_aside(io::file_system& fs, const image_file& image);

/// Removes all but the newest `keep` images, and files of unfinished ones that are no newer. Each
/// loses its name first, so that what a crash leaves of it is not taken for an image. Blocks, about
/// 1 s a GiB.
result<void> prune_images(io::file_system& fs, const std::string& directory, std::size_t keep);

/// Removes the segments that nothing needs: all records are older than those in the second newest
/// image, and in log time at least `age_ms` older than `now_ms`. The newest two images stay
/// usable, and so does every image that is at most that old. Returns how many were removed.
result<std::size_t> prune_segments(io::file_system& fs, const std::string& directory,
                                   std::int64_t now_ms, std::int64_t age_ms);

}  // namespace ssdfs::journal
