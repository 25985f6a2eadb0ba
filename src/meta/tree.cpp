// Reading and changing entries. The other functions of the tree: tree_lookup.cpp (finding),
// tree_totals.cpp (totals, quotas, digest), tree_reclaim.cpp, tree_loader.cpp, tree_verify.cpp.
#include "meta/tree.hpp"

#include "meta/tree_internal.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace ssdfs::meta {
namespace {

std::byte* name_place(std::byte* record) { return record + name_offset_of(record); }

packed48& mtime_of(std::byte* record) {
  return is_file_record(record) ? reinterpret_cast<file_record*>(record)->mtime
                                : reinterpret_cast<directory_record*>(record)->mtime;
}

bool is_storable(std::int64_t mtime_ms) {
  return mtime_ms >= min_mtime_ms && mtime_ms <= max_mtime_ms;
}

}  // namespace

tree::tree() : arena_(&block_bytes) {
  const bool usable = has_room(0);
  SSDFS_ASSERT(usable);
  const inode root = make_directory(no_directory, {}, {}, next_serial_++);
  SSDFS_ASSERT(directory_of(root) == root_directory);
}

bool tree::has_room(std::size_t chunks) {
  const std::size_t lists = chunks / chunk_list::capacity + 1;
  return arena_.has_room(directory_index::max_growth + lists * arena::max_block) &&
         directories_.has_room();
}

// --- Reading ---

bool tree::is_directory(inode entry) const {
  return kind_of(arena_.at(entry.value)) == block_kind::directory;
}

directory_id tree::directory_of(inode entry) const {
  if (!is_directory(entry)) return no_directory;
  return directory_id(block_as<directory_record>(arena_, entry.value).id);
}

inode tree::inode_of(directory_id directory) const { return inode(directories_[directory].record); }

directory_id tree::parent_of(inode entry) const {
  if (is_directory(entry)) return directory_id(directories_[directory_of(entry)].parent);
  return directory_id(file(entry).parent);
}

std::string_view tree::name(inode entry) const { return entry_name(arena_, entry.value); }

std::string tree::path_of(inode entry) const {
  std::vector<inode> way;
  std::size_t length = 0;
  for (directory_id parent = parent_of(entry); parent != no_directory; parent = parent_of(entry)) {
    way.push_back(entry);
    length += 1 + name(entry).size();
    entry = inode_of(parent);
  }
  if (way.empty()) return "/";
  std::string path;
  path.reserve(length);
  for (auto at = way.rbegin(); at != way.rend(); ++at) path.append("/").append(name(*at));
  return path;
}

file_attributes tree::attributes(inode entry) const {
  const file_record& record = file(entry);
  return {.size = record.size.load(),
          .crc32c = record.crc32c,
          .mtime_ms = record.mtime.load_signed(),
          .access = record.access,
          .content_type = record.content_type,
          .replication = replication_of(record),
          .extra = entry_extra(arena_, entry.value)};
}

directory_attributes tree::attributes(directory_id directory) const {
  const directory_record& record = record_of(directory);
  return {.mtime_ms = record.mtime.load_signed(),
          .access = record.access,
          .extra = entry_extra(arena_, directories_[directory].record)};
}

std::string_view tree::extra(inode entry) const { return entry_extra(arena_, entry.value); }

std::size_t tree::chunk_count(inode entry) const {
  const file_record& record = file(entry);
  if ((record.head & file_record::listed_chunks) != 0) return record.key;
  return record.key == 0 ? 0 : 1;
}

void tree::chunks(inode entry, std::vector<chunk_ref>& out) const {
  for_each_chunk(arena_, file(entry), [&](const chunk_ref& chunk) { out.push_back(chunk); });
}

// --- Making and releasing records ---

result<void> tree::check(const file_attributes& attributes, std::span<const chunk_ref> chunks) {
  if (attributes.extra.size() > max_extra_bytes) {
    return failure(errc::too_large, "the optional attributes of a file are too long");
  }
  if (attributes.size > max_file_size || !is_storable(attributes.mtime_ms) ||
      attributes.replication > max_replication) {
    return failure(errc::invalid_argument, "size, time or replication of a file out of range");
  }
  std::uint64_t size = 0;
  for (const chunk_ref& chunk : chunks) {
    if (chunk.size == 0 || chunk.at.key == 0) {
      return failure(errc::invalid_argument, "a chunk without a key or without bytes");
    }
    size += chunk.size;
  }
  if (size != attributes.size || (chunks.size() == 1 && chunks[0].crc32c != attributes.crc32c)) {
    return failure(errc::invalid_argument, "the chunks of a file do not agree with the file");
  }
  return {};
}

inode tree::make_file(directory_id parent, std::string_view name, const file_attributes& attributes,
                      std::span<const chunk_ref> chunks) {
  const std::uint32_t id =
      arena_.allocate(block_kind::file, record_bytes(block_kind::file, name.size()));
  auto& record = block_as<file_record>(arena_, id);
  record.name_length = static_cast<std::uint8_t>(name.size());
  record.parent = parent.value;
  std::memcpy(arena_.at(id) + file_record::name_offset, name.data(), name.size());
  access_uses_.add(attributes.access);
  type_uses_.add(attributes.content_type);
  store_content(inode(id), attributes, chunks);
  if (!attributes.extra.empty()) [[unlikely]]
    place_name(inode(id), name, attributes.extra);
  return inode(id);
}

inode tree::make_directory(directory_id parent, std::string_view name,
                           const directory_attributes& attributes, std::uint32_t serial) {
  const std::uint32_t id =
      arena_.allocate(block_kind::directory, record_bytes(block_kind::directory, name.size()));
  const directory_id directory = directories_.allocate();
  auto& record = block_as<directory_record>(arena_, id);
  record.name_length = static_cast<std::uint8_t>(name.size());
  record.access = attributes.access;
  record.id = directory.value;
  record.index = 0;
  record.serial = serial;
  record.longest = 0;
  record.mtime.store(static_cast<std::uint64_t>(attributes.mtime_ms));
  if (!name.empty()) {
    std::memcpy(arena_.at(id) + directory_record::name_offset, name.data(), name.size());
  }
  directory_slot& slot = directories_[directory];
  slot.record = id;
  slot.parent = parent.value;
  access_uses_.add(attributes.access);
  if (!attributes.extra.empty()) [[unlikely]]
    place_name(inode(id), name, attributes.extra);
  if (parent != no_directory) cache_.insert(directory_key(parent, name), id, 0);
  return inode(id);
}

// Writes all attributes; the record owns no chunk list yet.
void tree::store_content(inode entry, const file_attributes& attributes,
                         std::span<const chunk_ref> chunks) {
  file_record& record = file(entry);
  const bool listed = chunks.size() > 1;
  record.head = static_cast<std::uint8_t>(
      (record.head & entry_record::external_name) | static_cast<unsigned>(block_kind::file) |
      static_cast<unsigned>(attributes.replication) << file_record::replication_shift |
      (listed ? file_record::listed_chunks : 0U));
  record.access = attributes.access;
  record.mtime.store(static_cast<std::uint64_t>(attributes.mtime_ms));
  record.content_type = attributes.content_type;
  record.crc32c = attributes.crc32c;
  record.size.store(attributes.size);
  record.volume = chunks.size() == 1 ? chunks[0].at.volume.value : 0;
  record.key = chunks.size() == 1 ? chunks[0].at.key : 0;
  if (!listed) return;
  record.key = static_cast<std::uint32_t>(chunks.size());
  std::uint32_t* link = &record.volume;
  while (!chunks.empty()) {
    const auto part = chunks.first(std::min(chunks.size(), chunk_list::capacity));
    const std::uint32_t id =
        arena_.allocate(block_kind::chunk_list, chunk_list::bytes(part.size()));
    auto& list = block_as<chunk_list>(arena_, id);
    list.count = static_cast<std::uint8_t>(part.size());
    list.next = 0;
    std::copy(part.begin(), part.end(), list.chunks());
    *link = id;
    link = &list.next;
    chunks = chunks.subspan(part.size());
  }
}

void tree::release_chunk_list(inode entry) {
  file_record& record = file(entry);
  if ((record.head & file_record::listed_chunks) == 0) return;
  for (std::uint32_t id = record.volume; id != 0;) {
    const auto& list = block_as<chunk_list>(arena_, id);
    const std::uint32_t next = list.next;
    arena_.release(id, chunk_list::bytes(list.count));
    id = next;
  }
  record.head &= static_cast<std::uint8_t>(~file_record::listed_chunks);
}

// Frees the record of an entry that is in no index any more, and all that belongs to it.
void tree::release_entry(inode entry) {
  std::byte* block = arena_.at(entry.value);
  const auto& record = *reinterpret_cast<const entry_record*>(block);
  access_uses_.remove(record.access);
  if ((record.head & entry_record::external_name) != 0) {
    release_text(arena_, load_le<std::uint32_t>(name_place(block)));
  }
  if (is_directory(entry)) {
    const directory_id directory = directory_of(entry);
    if (directories_[directory].has_quota != 0) quotas_.erase(directory.value);
    directories_.release(directory);
  } else {
    type_uses_.remove(file(entry).content_type);
    release_chunk_list(entry);
  }
  arena_.release(entry.value, block_bytes(block));
}

// Gives a record another name or extra without moving the record: a longer name, and one with an
// extra, goes to a block of its own. Both must not be in the block that the record has now.
void tree::place_name(inode entry, std::string_view name, std::string_view extra) {
  std::byte* block = arena_.at(entry.value);
  auto& record = *reinterpret_cast<entry_record*>(block);
  const block_kind kind = kind_of(block);
  const std::size_t before = block_bytes(block);
  if ((record.head & entry_record::external_name) != 0) {
    release_text(arena_, load_le<std::uint32_t>(name_place(block)));
  }
  const bool inside = extra.empty() && record_bytes(kind, name.size()) <= before;
  // The size of the block must be told by its contents whenever the arena is called.
  const std::size_t after = record_bytes(kind, inside ? name.size() : 0);
  record.name_length = static_cast<std::uint8_t>(name.size());
  if (inside) {
    record.head &= static_cast<std::uint8_t>(~entry_record::external_name);
    std::memcpy(name_place(block), name.data(), name.size());
    arena_.shrink(entry.value, before, after);
  } else {
    record.head |= entry_record::external_name;
    arena_.shrink(entry.value, before, after);
    store_le<std::uint32_t>(name_place(block), extra.empty() ? make_text(arena_, name)
                                                             : make_extra(arena_, name, extra));
  }
}

void tree::set_extra(inode entry, std::string_view extra) {
  if (this->extra(entry) == extra) return;
  place_name(entry, std::string(name(entry)), std::string(extra));
}

// --- Changing ---

directory_index::place tree::place_of(const directory_record& parent, std::string_view name,
                                      const insert_point* missing) const {
  if (missing != nullptr && missing->changes == changes_ && missing->parent.value == parent.id) {
    return missing->where;
  }
  return index().locate(parent.index, name);
}

// Puts an entry into a directory and adds it to the totals of all above.
void tree::link(directory_id parent, directory_record& into, const directory_index::place& where,
                inode entry, std::string_view name) {
  const std::uint32_t root = into.index;
  index().insert(into.index, where, entry.value, name);
  if (into.index != root) note_root(parent, into);
  ++changes_;
  add(parent, weight_of(entry, into.serial));
  note_length(parent, length_with(entry));
}

void tree::note_root(directory_id directory, const directory_record& record) {
  const directory_slot& slot = directories_[directory];
  const directory_id parent(slot.parent);
  if (parent == no_directory) return;
  cache_.set_root(directory_key(parent, entry_name(arena_, slot.record)), slot.record,
                  record.index);
}

result<inode> tree::insert_file(directory_id parent, std::string_view name,
                                const file_attributes& attributes,
                                std::span<const chunk_ref> chunks, const insert_point* missing) {
  SSDFS_TRY(check(attributes, chunks));
  if (!has_room(chunks.size())) return errc::too_large;
  directory_record& into = record_of(parent);
  const auto where = place_of(into, name, missing);
  if (where.found) return errc::exists;
  const inode entry = make_file(parent, name, attributes, chunks);
  link(parent, into, where, entry, name);
  return entry;
}

result<inode> tree::insert_directory(directory_id parent, std::string_view name,
                                     const directory_attributes& attributes,
                                     const insert_point* missing) {
  if (!is_storable(attributes.mtime_ms)) return errc::invalid_argument;
  if (attributes.extra.size() > max_extra_bytes || !has_room(0)) return errc::too_large;
  directory_record& into = record_of(parent);
  const auto where = place_of(into, name, missing);
  if (where.found) return errc::exists;
  const inode entry = make_directory(parent, name, attributes, next_serial_++);
  link(parent, into, where, entry, name);
  return entry;
}

result<void> tree::replace_file(inode entry, const file_attributes& attributes,
                                std::span<const chunk_ref> chunks) {
  SSDFS_TRY(check(attributes, chunks));
  if (!has_room(chunks.size())) return errc::too_large;
  change_entry(entry, [&] {
    release_chunk_list(entry);
    access_uses_.remove(file(entry).access);
    type_uses_.remove(file(entry).content_type);
    access_uses_.add(attributes.access);
    type_uses_.add(attributes.content_type);
    store_content(entry, attributes, chunks);
    set_extra(entry, attributes.extra);
  });
  return {};
}

// Takes an entry out of its directory and off the totals of all above.
void tree::unlink(inode entry) {
  const directory_id parent = parent_of(entry);
  SSDFS_ASSERT(parent != no_directory);
  directory_record& from = record_of(parent);
  subtract(parent, weight_of(entry, from.serial));
  if (is_directory(entry)) cache_.remove(directory_key(parent, name(entry)), entry.value);
  const std::uint32_t root = from.index;
  index().erase(from.index, index().locate(root, name(entry)));
  if (from.index != root) note_root(parent, from);
  if (from.index == 0) from.longest = 0;
  ++changes_;
}

result<void> tree::erase(inode entry) {
  if (is_directory(entry) && record_of(directory_of(entry)).index != 0) return errc::not_empty;
  unlink(entry);
  release_entry(entry);
  return {};
}

result<void> tree::rename(inode entry, directory_id parent, std::string_view name) {
  const inode there = find(parent, name);
  if (there == entry) return {};
  if (there != no_inode) return errc::exists;
  if (is_directory(entry)) {
    const directory_id moved = directory_of(entry);
    for (directory_id at = parent; at != no_directory; at = parent_of(inode_of(at))) {
      if (at == moved) return errc::into_itself;
    }
  }
  if (!has_room(0)) return errc::too_large;
  // The name given may be that of the entry itself, which is about to be overwritten.
  std::array<char, 255> copy;
  SSDFS_ASSERT(name.size() <= copy.size());
  std::memcpy(copy.data(), name.data(), name.size());
  name = {copy.data(), name.size()};
  const std::string extra(this->extra(entry));
  unlink(entry);
  place_name(entry, name, extra);
  if (is_directory(entry)) {
    directories_[directory_of(entry)].parent = parent.value;
    cache_.insert(directory_key(parent, name), entry.value,
                  block_as<directory_record>(arena_, entry.value).index);
  } else {
    file(entry).parent = parent.value;
  }
  directory_record& into = record_of(parent);
  link(parent, into, index().locate(into.index, name), entry, name);
  return {};
}

void tree::set_mtime(inode entry, std::int64_t mtime_ms) {
  SSDFS_ASSERT(is_storable(mtime_ms));
  change_entry(
      entry, [&] { mtime_of(arena_.at(entry.value)).store(static_cast<std::uint64_t>(mtime_ms)); });
}

result<void> tree::set_access(inode entry, std::uint16_t access, std::string_view extra) {
  if (extra.size() > max_extra_bytes || !has_room(0)) return errc::too_large;
  change_entry(entry, [&] {
    std::uint16_t& id = block_as<entry_record>(arena_, entry.value).access;
    access_uses_.remove(id);
    access_uses_.add(access);
    id = access;
    set_extra(entry, extra);
  });
  return {};
}

result<void> tree::set_content_type(inode entry, std::uint16_t content_type,
                                    std::string_view extra) {
  SSDFS_ASSERT(!is_directory(entry));
  if (extra.size() > max_extra_bytes || !has_room(0)) return errc::too_large;
  change_entry(entry, [&] {
    type_uses_.remove(file(entry).content_type);
    type_uses_.add(content_type);
    file(entry).content_type = content_type;
    set_extra(entry, extra);
  });
  return {};
}

void tree::set_replication(inode entry, std::uint8_t replication) {
  SSDFS_ASSERT(!is_directory(entry) && replication <= max_replication);
  change_entry(entry, [&] {
    constexpr unsigned mask = 3U << file_record::replication_shift;
    std::uint8_t& head = file(entry).head;
    head = static_cast<std::uint8_t>((head & ~mask) | static_cast<unsigned>(replication)
                                                          << file_record::replication_shift);
  });
}

bool tree::relocate_chunk(inode entry, std::size_t index, const chunk_address& from,
                          const chunk_address& to) {
  if (index >= chunk_count(entry) || to.key == 0) return false;
  file_record& record = file(entry);
  if ((record.head & file_record::listed_chunks) == 0) {
    if (record.volume != from.volume.value || record.key != from.key) return false;
    change_entry(entry, [&] {
      record.volume = to.volume.value;
      record.key = to.key;
    });
    return true;
  }
  auto* list = &block_as<chunk_list>(arena_, record.volume);
  for (; index >= list->count; list = &block_as<chunk_list>(arena_, list->next)) {
    index -= list->count;
  }
  if (list->chunks()[index].at != from) return false;
  change_entry(entry, [&] { list->chunks()[index].at = to; });
  return true;
}

}  // namespace ssdfs::meta
