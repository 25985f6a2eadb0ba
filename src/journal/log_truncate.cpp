#include "journal/log_truncate.hpp"

#include "journal/image_store.hpp"
#include "journal/segments.hpp"
#include "meta/record_codec.hpp"

#include <algorithm>

namespace ssdfs::journal {
namespace {

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

result<void> move_aside(io::file_system& fs, const std::string& directory, const std::string& name,
                        const std::string& aside) {
  SSDFS_TRY(fs.rename(directory + "/" + name, aside + "/" + name));
  SSDFS_TRY(fs.sync_directory(aside));
  return fs.sync_directory(directory);
}

// Bytes of the lines up to record `last`; fewer if the segment ends before.
std::size_t length_up_to(std::string_view text, ssdfs::txid last) {
  std::size_t length = 0;
  while (length < text.size()) {
    const auto id = meta::leading_txid(text.substr(length));
    const std::size_t end = text.find('\n', length);
    if (id == ssdfs::txid() || id > last || end == text.npos) break;
    length = end + 1;
  }
  return length;
}

// Cuts the segment that holds `last` behind it.
result<void> cut(io::file_system& fs, const std::string& directory, const segment_name& segment,
                 ssdfs::txid last, const std::string& aside) {
  const std::string path = directory + "/" + segment.file;
  auto mapped = fs.map(path);
  if (!mapped) return mapped.error();
  const bytes_view whole = (*mapped)->bytes();
  SSDFS_TRY(io::replace_file(fs, aside + "/" + segment.file, whole));
  const std::size_t length = length_up_to(as_chars(whole), last);
  if (length == 0) {
    SSDFS_TRY(fs.remove(path));
    return fs.sync_directory(directory);
  }
  // Not a name of a segment, so that a crash never leaves two that overlap. Without the segment
  // the log ends before, which is what a backup can go on from, too.
  const std::string shorter = directory + "/shortened.log";
  SSDFS_TRY(io::replace_file(fs, shorter, whole.first(length)));
  SSDFS_TRY(fs.remove(path));
  SSDFS_TRY(fs.sync_directory(directory));  // before another segment begins with the same record
  SSDFS_TRY(fs.rename(shorter, directory + "/" + finalized_name(segment.first, last)));
  return fs.sync_directory(directory);
}

}  // namespace

result<void> give_up_behind(io::file_system& fs, const std::string& directory, ssdfs::txid last,
                            const std::string& aside) {
  auto images = list_images(fs, directory);
  if (!images) return images.error();
  auto segments = list_segments(fs, directory);
  if (!segments) return segments.error();
  // Without an image, or the log's begin, nothing could be made of what is left.
  const bool useful = std::any_of(images->begin(), images->end(),
                                  [&](const image_file& image) { return image.txid <= last; }) ||
                      (!segments->empty() && segments->front().first.value == 1);
  if (!useful) last = {};
  SSDFS_TRY(fs.make_directories(aside));
  SSDFS_TRY(fs.sync_directory(aside.substr(0, aside.rfind('/'))));
  SSDFS_TRY(fs.sync_directory(directory));
  // Segments first: an image that is ahead of its log can be loaded, a log without one cannot.
  for (auto at = segments->rbegin(); at != segments->rend(); ++at) {
    if (at->first > last) {
      SSDFS_TRY(move_aside(fs, directory, at->file, aside));
    } else if (!at->last || *at->last > last) {
      SSDFS_TRY(cut(fs, directory, *at, last, aside));
    }
  }
  for (const image_file& image : *images) {
    if (image.txid > last) SSDFS_TRY(move_aside(fs, directory, name_of(image.path), aside));
  }
  return {};
}

result<void> remove_segments(io::file_system& fs, const std::string& directory) {
  auto segments = list_segments(fs, directory);
  if (!segments) return segments.error();
  for (auto at = segments->rbegin(); at != segments->rend(); ++at) {
    SSDFS_TRY(fs.remove(directory + "/" + at->file));
    SSDFS_TRY(fs.sync_directory(directory));
  }
  return {};
}

}  // namespace ssdfs::journal
