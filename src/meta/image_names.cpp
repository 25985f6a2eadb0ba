#include "meta/image_names.hpp"

#include "meta/image_bytes.hpp"
#include "meta/path.hpp"

namespace ssdfs::meta {
namespace {

class names_decoder {
 public:
  names_decoder(bytes_view payload, names_batch& out) : in_(payload), out_(out) {}

  void run() {
    while (in_.ok() && !in_.empty()) {
      const std::uint8_t tag = in_.byte();
      names_batch::entry& entry = out_.entries.emplace_back();
      switch (tag & image_item::kind_mask) {
        case image_item::end_of_directory: break;
        case image_item::file: take_file(tag, entry); break;
        case image_item::directory:
          entry.what = names_batch::kind::directory;
          take_name(entry);
          take_attributes(tag, entry);
          break;
        case image_item::root:
          entry.what = names_batch::kind::root;
          take_attributes(tag, entry);
          break;
        case image_item::detached:
          entry.what = names_batch::kind::detached;
          take_attributes(tag, entry);
          break;
        default: in_.fail();
      }
    }
    out_.malformed = !in_.ok();
  }

 private:
  // Names share their beginning with the one before in the section.
  void take_name(names_batch::entry& entry) {
    const auto common = static_cast<std::size_t>(in_.number(name_length_));
    const std::string_view rest = in_.text(max_name_length - common);
    if (!in_.ok()) return;
    const std::size_t at = out_.names.size();
    out_.names.resize(at + common + rest.size());
    out_.names.replace(at, common, out_.names, name_at_, common);
    out_.names.replace(at + common, rest.size(), rest);
    name_at_ = at;
    name_length_ = common + rest.size();
    entry.name_length = static_cast<std::uint8_t>(name_length_);
  }

  void take_mtime(names_batch::entry& entry) {
    mtime_ = static_cast<std::int64_t>(in_.difference(static_cast<std::uint64_t>(mtime_)));
    entry.mtime_ms = mtime_;
  }

  void take_access(names_batch::entry& entry) {
    const std::uint64_t access = in_.number(image_item::with_extra + UINT16_MAX);
    entry.access = static_cast<std::uint16_t>(access);
    if (access < image_item::with_extra) return;
    const std::string_view extra = in_.text(max_extra_bytes);
    if (extra.empty()) in_.fail();
    entry.extra_length = static_cast<std::uint16_t>(extra.size());
    out_.extras += extra;
  }

  void take_attributes(std::uint8_t tag, names_batch::entry& entry) {
    entry.serial = in_.number32();
    take_mtime(entry);
    take_access(entry);
    entry.limited = (tag & image_item::with_quota) != 0;
    if (!entry.limited) return;
    quota& limits = out_.quotas.emplace_back();
    limits.names = in_.number();
    limits.bytes = in_.number();
  }

  void take_address(chunk_ref& chunk) {
    slot_ = in_.difference(slot_);
    key_ = in_.difference(key_);
    if (slot_ > UINT32_MAX || key_ == 0 || key_ > UINT32_MAX) in_.fail();
    chunk.at.volume = volume_slot(static_cast<std::uint32_t>(slot_));
    chunk.at.key = static_cast<chunk_key>(key_);
  }

  void take_file(std::uint8_t tag, names_batch::entry& entry) {
    entry.what = names_batch::kind::file;
    entry.replication = static_cast<std::uint8_t>(tag >> image_item::replication_shift);
    take_name(entry);
    entry.size = in_.number(max_file_size);
    entry.crc32c = in_.fixed32();
    take_mtime(entry);
    take_access(entry);
    if ((tag & image_item::with_type) != 0) {
      entry.content_type = static_cast<std::uint16_t>(in_.number(UINT16_MAX));
    }
    if ((tag & image_item::listed_chunks) != 0) {
      const std::size_t n = in_.count();
      entry.chunks = static_cast<std::uint32_t>(n);
      for (std::size_t i = 0; i < n && in_.ok(); ++i) {
        chunk_ref& chunk = out_.chunks.emplace_back();
        take_address(chunk);
        chunk.size = in_.number32();
        chunk.crc32c = in_.fixed32();
      }
    } else if (entry.size != 0) {
      entry.chunks = 1;
      if (entry.size > UINT32_MAX) in_.fail();
      chunk_ref& chunk = out_.chunks.emplace_back();
      take_address(chunk);
      chunk.size = static_cast<std::uint32_t>(entry.size);
      chunk.crc32c = entry.crc32c;
    }
  }

  image_input in_;
  names_batch& out_;
  std::size_t name_at_ = 0;
  std::size_t name_length_ = 0;
  std::int64_t mtime_ = 0;
  std::uint64_t slot_ = 0;
  std::uint64_t key_ = 0;
};

}  // namespace

void decode_names(bytes_view payload, names_batch& out) { names_decoder(payload, out).run(); }

}  // namespace ssdfs::meta
