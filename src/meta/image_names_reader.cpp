#include "meta/image_names_reader.hpp"

#include "meta/path.hpp"

namespace ssdfs::meta {
namespace {

failure malformed() { return {errc::damaged, "an entry of the tree is malformed"}; }

}  // namespace

result<void> image_names_reader::take(image_input in, const limits& below) {
  name_.clear();
  mtime_ = 0;
  slot_ = key_ = 0;
  while (!in.empty()) {
    const std::uint8_t tag = in.byte();
    switch (tag & image_item::kind_mask) {
      case image_item::root:
      case image_item::detached: SSDFS_TRY(take_root(in, tag, below)); break;
      case image_item::directory: SSDFS_TRY(take_directory(in, tag, below)); break;
      case image_item::file: SSDFS_TRY(take_file(in, tag, below)); break;
      case image_item::end_of_directory:
        // An empty directory is nothing but its end.
        if (!open_) SSDFS_TRY(open_next());
        open_ = false;
        break;
      default: return malformed();
    }
    if (!in.ok()) return malformed();
  }
  return {};
}

result<void> image_names_reader::open_next() {
  if (waiting_.empty()) return failure(errc::damaged, "contents of no directory");
  SSDFS_TRY(loader_.open(waiting_.front()));
  waiting_.pop_front();
  open_ = true;
  return {};
}

image_names_reader::attributes image_names_reader::read_attributes(image_input& in, bool limited,
                                                                   const limits& below) {
  attributes a;
  a.serial = in.number32();
  mtime_ = static_cast<std::int64_t>(in.difference(static_cast<std::uint64_t>(mtime_)));
  a.values.mtime_ms = mtime_;
  a.values.access = static_cast<std::uint16_t>(in.number(below.access - 1));
  if (limited) {
    a.limits.names = in.number();
    a.limits.bytes = in.number();
  }
  return a;
}

result<void> image_names_reader::take_root(image_input& in, std::uint8_t tag, const limits& below) {
  const bool detached = (tag & image_item::kind_mask) == image_item::detached;
  const bool limited = (tag & image_item::with_quota) != 0;
  const attributes a = read_attributes(in, limited, below);
  if (!in.ok() || open_ || detached != root_seen_) return malformed();
  directory_id directory = root_directory;
  if (detached) {
    auto made = loader_.add_detached(a.values, a.serial);
    if (!made) return made.error();
    directory = *made;
  } else {
    root_seen_ = true;
    if (a.serial != 1) return malformed();
    SSDFS_TRY(loader_.set_root(a.values));
  }
  if (limited) SSDFS_TRY(loader_.set_quota(directory, a.limits));
  waiting_.push_back(directory);
  return {};
}

std::string_view image_names_reader::read_name(image_input& in) {
  const auto common = static_cast<std::size_t>(in.number(name_.size()));
  const std::string_view rest = in.text(max_name_length - common);
  name_.resize(common);
  name_ += rest;
  return name_;
}

result<void> image_names_reader::take_directory(image_input& in, std::uint8_t tag,
                                                const limits& below) {
  if (!open_) SSDFS_TRY(open_next());
  const bool limited = (tag & image_item::with_quota) != 0;
  const std::string_view name = read_name(in);
  const attributes a = read_attributes(in, limited, below);
  if (!in.ok()) return malformed();
  auto made = loader_.add_directory(name, a.values, a.serial);
  if (!made) return made.error();
  if (limited) SSDFS_TRY(loader_.set_quota(*made, a.limits));
  waiting_.push_back(*made);
  return {};
}

void image_names_reader::take_chunk_address(image_input& in, chunk_ref& chunk,
                                            const limits& below) {
  slot_ = in.difference(slot_);
  key_ = in.difference(key_);
  if (slot_ >= below.volumes || key_ == 0 || key_ > UINT32_MAX) in.fail();
  chunk.at.volume = volume_slot(static_cast<std::uint32_t>(slot_));
  chunk.at.key = static_cast<chunk_key>(key_);
}

result<void> image_names_reader::take_file(image_input& in, std::uint8_t tag, const limits& below) {
  if (!open_) SSDFS_TRY(open_next());
  const std::string_view name = read_name(in);
  file_attributes a;
  a.replication = static_cast<std::uint8_t>(tag >> image_item::replication_shift);
  a.size = in.number(max_file_size);
  a.crc32c = in.fixed32();
  mtime_ = static_cast<std::int64_t>(in.difference(static_cast<std::uint64_t>(mtime_)));
  a.mtime_ms = mtime_;
  a.access = static_cast<std::uint16_t>(in.number(below.access - 1));
  if ((tag & image_item::with_type) != 0) {
    a.content_type = static_cast<std::uint16_t>(in.number(below.types - 1));
  }
  chunks_.clear();
  if ((tag & image_item::listed_chunks) != 0) {
    const std::size_t n = in.count();
    for (std::size_t i = 0; i < n && in.ok(); ++i) {
      chunk_ref& chunk = chunks_.emplace_back();
      take_chunk_address(in, chunk, below);
      chunk.size = in.number32();
      chunk.crc32c = in.fixed32();
    }
  } else if (a.size != 0) {
    if (a.size > UINT32_MAX) return malformed();
    chunk_ref& chunk = chunks_.emplace_back();
    take_chunk_address(in, chunk, below);
    chunk.size = static_cast<std::uint32_t>(a.size);
    chunk.crc32c = a.crc32c;
  }
  if (!in.ok()) return malformed();
  auto made = loader_.add_file(name, a, chunks_);
  if (!made) return made.error();
  return {};
}

result<void> image_names_reader::finish(std::uint32_t next_serial) {
  if (!root_seen_ || open_ || !waiting_.empty()) {
    return failure(errc::damaged, "contents of directories are missing");
  }
  loader_.set_next_serial(next_serial);
  return loader_.finish();
}

}  // namespace ssdfs::meta
