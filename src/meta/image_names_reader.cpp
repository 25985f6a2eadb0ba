#include "meta/image_names_reader.hpp"

#include <span>

namespace ssdfs::meta {
namespace {

failure malformed_entry() { return {errc::damaged, "an entry of the tree is malformed"}; }

directory_attributes attributes_of(const names_batch::entry& e, std::string_view extra) {
  return {e.mtime_ms, e.access, extra};
}

// What stands for a value is in its table or, and then only then, in the entry's extra.
template <class Table>
bool is_shared_or_kept(std::uint16_t id, const Table& table, std::string_view extra,
                       extra_tag tag) {
  const bool kept = !extra_field(extra, tag).empty();
  return id == kept_id ? kept : table.taken(id) && !kept;
}

}  // namespace

result<void> image_names_reader::take(const names_batch& batch, const limits& known) {
  std::string_view names = batch.names;
  std::string_view extras = batch.extras;
  std::span<const chunk_ref> chunks = batch.chunks;
  const quota* quotas = batch.quotas.data();
  // If the section is malformed, its last entry is.
  const std::size_t whole = batch.entries.size() - (batch.malformed ? 1 : 0);
  for (std::size_t i = 0; i < whole; ++i) {
    const entry& e = batch.entries[i];
    const std::string_view name = names.substr(0, e.name_length);
    names.remove_prefix(e.name_length);
    const std::string_view extra = extras.substr(0, e.extra_length);
    extras.remove_prefix(e.extra_length);
    if (e.what != names_batch::kind::end &&
        (!is_extra(extra) ||
         !is_shared_or_kept(e.access, known.access, extra, extra_tag::access))) {
      return malformed_entry();
    }
    const quota* own = e.limited ? quotas++ : nullptr;
    switch (e.what) {
      case names_batch::kind::file:
        SSDFS_TRY(take_file(e, name, extra, chunks.first(e.chunks), known));
        chunks = chunks.subspan(e.chunks);
        break;
      case names_batch::kind::directory: SSDFS_TRY(take_directory(e, name, extra, own)); break;
      case names_batch::kind::root:
      case names_batch::kind::detached: SSDFS_TRY(take_root(e, extra, own)); break;
      case names_batch::kind::end: SSDFS_TRY(end_directory()); break;
    }
  }
  if (batch.malformed) return malformed_entry();
  return {};
}

result<void> image_names_reader::open_next() {
  if (waiting_.empty()) return failure(errc::damaged, "contents of no directory");
  SSDFS_TRY(loader_.open(waiting_.front()));
  waiting_.pop_front();
  open_ = true;
  return {};
}

result<void> image_names_reader::end_directory() {
  // An empty directory is nothing but its end.
  if (!open_) SSDFS_TRY(open_next());
  open_ = false;
  return {};
}

result<void> image_names_reader::take_root(const entry& e, std::string_view extra,
                                           const quota* own) {
  const bool detached = e.what == names_batch::kind::detached;
  if (open_ || detached != root_seen_) return malformed_entry();
  directory_id directory = root_directory;
  if (detached) {
    auto made = loader_.add_detached(attributes_of(e, extra), e.serial);
    if (!made) return made.error();
    directory = *made;
  } else {
    root_seen_ = true;
    if (e.serial != 1) return malformed_entry();
    SSDFS_TRY(loader_.set_root(attributes_of(e, extra)));
  }
  if (own != nullptr) SSDFS_TRY(loader_.set_quota(directory, *own));
  waiting_.push_back(directory);
  return {};
}

result<void> image_names_reader::take_directory(const entry& e, std::string_view name,
                                                std::string_view extra, const quota* own) {
  if (!open_) SSDFS_TRY(open_next());
  auto made = loader_.add_directory(name, attributes_of(e, extra), e.serial);
  if (!made) return made.error();
  if (own != nullptr) SSDFS_TRY(loader_.set_quota(*made, *own));
  waiting_.push_back(*made);
  return {};
}

result<void> image_names_reader::take_file(const entry& e, std::string_view name,
                                           std::string_view extra,
                                           std::span<const chunk_ref> chunks, const limits& known) {
  if (!open_) SSDFS_TRY(open_next());
  if (!is_shared_or_kept(e.content_type, known.types, extra, extra_tag::content_type)) {
    return malformed_entry();
  }
  for (const chunk_ref& chunk : chunks) {
    if (chunk.at.volume.value >= known.volumes) return malformed_entry();
  }
  file_attributes a;
  a.replication = e.replication;
  a.size = e.size;
  a.crc32c = e.crc32c;
  a.mtime_ms = e.mtime_ms;
  a.access = e.access;
  a.content_type = e.content_type;
  a.extra = extra;
  auto made = loader_.add_file(name, a, chunks);
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
