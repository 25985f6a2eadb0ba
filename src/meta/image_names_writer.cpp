// The tree in an image: directories one after the other, each a list of entries in byte order.
#include "meta/image_frame.hpp"

#include <algorithm>
#include <array>
#include <deque>

namespace ssdfs::meta {
namespace {

class names_writer {
 public:
  names_writer(const state& s, image_frames& frames)
      : names_(s.names()), frames_(frames), out_(frames.out) {}

  result<void> run() {
    write_attributes(image_item::root, root_directory, {}, false);
    directories_.push_back(root_directory);
    for (const directory_id detached : names_.detached()) {
      write_attributes(image_item::detached, detached, {}, false);
      directories_.push_back(detached);
    }
    while (!directories_.empty()) {
      const directory_id next = directories_.front();
      directories_.pop_front();
      SSDFS_TRY(write_directory(next));
    }
    return frames_.close(image_section::names);
  }

 private:
  result<void> write_directory(directory_id directory) {
    std::array<inode, 1024> page{};
    std::string after;
    while (true) {
      const std::size_t n = names_.list(directory, after, page);
      for (std::size_t i = 0; i < n; ++i) {
        if (i + 8 < n) names_.prefetch(page[i + 8]);
        write_entry(page[i]);
        if (frames_.full()) SSDFS_TRY(next_section());
      }
      if (n < page.size()) break;
      after = names_.name(page[n - 1]);
    }
    out_.byte(image_item::end_of_directory);
    return {};
  }

  result<void> next_section() {
    // Sections are read one by one, so what entries refer to begins anew.
    previous_name_.clear();
    mtime_ = 0;
    slot_ = key_ = 0;
    return frames_.close(image_section::names);
  }

  void write_entry(inode entry) {
    const std::string_view name = names_.name(entry);
    if (const directory_id directory = names_.directory_of(entry); directory != no_directory) {
      write_attributes(image_item::directory, directory, name, true);
      directories_.push_back(directory);
    } else {
      write_file(entry, name);
    }
  }

  void write_attributes(std::uint8_t tag, directory_id directory, std::string_view name,
                        bool named) {
    const directory_attributes attributes = names_.attributes(directory);
    const quota limits = names_.quota_of(directory);
    const bool limited = limits != quota{};
    out_.byte(static_cast<std::uint8_t>(tag | (limited ? image_item::with_quota : 0)));
    if (named) write_name(name);
    out_.number(names_.serial(directory));
    write_mtime(attributes.mtime_ms);
    write_access(attributes.access, attributes.extra);
    if (limited) {
      out_.number(limits.names);
      out_.number(limits.bytes);
    }
  }

  void write_file(inode file, std::string_view name) {
    const file_attributes attributes = names_.attributes(file);
    chunks_.clear();
    names_.chunks(file, chunks_);
    const bool listed = chunks_.size() > 1;
    unsigned tag = image_item::file;
    tag |= static_cast<unsigned>(attributes.replication) << image_item::replication_shift;
    if (attributes.content_type != 0) tag |= image_item::with_type;
    if (listed) tag |= image_item::listed_chunks;
    out_.byte(static_cast<std::uint8_t>(tag));
    write_name(name);
    out_.number(attributes.size);
    out_.fixed32(attributes.crc32c);
    write_mtime(attributes.mtime_ms);
    write_access(attributes.access, attributes.extra);
    if (attributes.content_type != 0) out_.number(attributes.content_type);
    if (listed) out_.number(chunks_.size());
    for (const chunk_ref& chunk : chunks_) {
      out_.difference(chunk.at.volume.value, slot_);
      out_.difference(chunk.at.key, key_);
      slot_ = chunk.at.volume.value;
      key_ = chunk.at.key;
      if (!listed) continue;  // size and CRC are the file's
      out_.number(chunk.size);
      out_.fixed32(chunk.crc32c);
    }
  }

  void write_name(std::string_view name) {
    const auto differ =
        std::mismatch(name.begin(), name.end(), previous_name_.begin(), previous_name_.end());
    const auto common = static_cast<std::size_t>(differ.first - name.begin());
    out_.number(common);
    out_.text(name.substr(common));
    previous_name_ = name;
  }
  void write_access(std::uint16_t access, std::string_view extra) {
    if (extra.empty()) [[likely]]
      return out_.number(access);
    out_.number(image_item::with_extra + access);
    out_.text(extra);
  }
  void write_mtime(std::int64_t mtime_ms) {
    out_.difference(static_cast<std::uint64_t>(mtime_ms), static_cast<std::uint64_t>(mtime_));
    mtime_ = mtime_ms;
  }

  const tree& names_;
  image_frames& frames_;
  image_output& out_;
  std::deque<directory_id> directories_;  // whose contents are still to be written
  std::vector<chunk_ref> chunks_;
  std::string previous_name_;
  std::int64_t mtime_ = 0;
  std::uint64_t slot_ = 0;
  std::uint64_t key_ = 0;
};

}  // namespace

result<void> write_image_names(const state& s, image_frames& frames) {
  return names_writer(s, frames).run();
}

}  // namespace ssdfs::meta
