#include "meta/path.hpp"
#include "meta/tree.hpp"
#include "meta/tree_internal.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

failure damaged(const char* what) { return {errc::damaged, what}; }

}  // namespace

tree_loader::tree_loader(tree& target) : tree_(target) {
  SSDFS_ASSERT(tree_.directories_.end() == root_directory.value + 1 &&
               tree_.record_of(root_directory).index == 0);
  tree_.arena_.take_huge_pages(true);
}

result<void> tree_loader::set_root(const directory_attributes& attributes) {
  if (attributes.mtime_ms < min_mtime_ms || attributes.mtime_ms > max_mtime_ms) {
    return damaged("time of the root out of range");
  }
  if (!tree_.has_room(0)) return errc::too_large;
  directory_record& root = tree_.record_of(root_directory);
  tree_.access_uses_.remove(root.access);
  tree_.access_uses_.add(attributes.access);
  root.access = attributes.access;
  tree_.set_extra(tree_.inode_of(root_directory), attributes.extra);
  root.mtime.store(static_cast<std::uint64_t>(attributes.mtime_ms));
  return {};
}

void tree_loader::set_next_serial(std::uint32_t serial) { tree_.next_serial_ = serial; }

result<directory_id> tree_loader::make_directory(directory_id parent, std::string_view name,
                                                 const directory_attributes& attributes,
                                                 std::uint32_t serial) {
  if (attributes.mtime_ms < min_mtime_ms || attributes.mtime_ms > max_mtime_ms) {
    return damaged("time of a directory out of range");
  }
  if (!tree_.has_room(0)) return errc::too_large;
  return tree_.directory_of(tree_.make_directory(parent, name, attributes, serial));
}

result<directory_id> tree_loader::add_detached(const directory_attributes& attributes,
                                               std::uint32_t serial) {
  auto made = make_directory(no_directory, {}, attributes, serial);
  if (made) tree_.detached_.push_back(*made);
  return made;
}

result<void> tree_loader::open(directory_id directory) {
  flush_leaf();
  if (!tree_.directories_.used(directory)) return damaged("entries of an unknown directory");
  const directory_record& record = tree_.record_of(directory);
  if (record.index != 0) return damaged("entries of a directory in two places");
  current_ = directory;
  current_serial_ = record.serial;
  last_ = 0;
  return {};
}

result<void> tree_loader::check_entry(std::string_view name) const {
  if (current_ == no_directory) return damaged("an entry outside of any directory");
  if (auto valid = check_name(name); !valid) return damaged("a name that is not valid");
  if (last_ != 0 && name <= entry_name(tree_.arena_, last_)) {
    return damaged("entries of a directory out of order");
  }
  return {};
}

void tree_loader::append(std::uint32_t id) {
  pending_[pending_count_++] = id;
  last_ = id;
  if (pending_count_ == directory_index::leaf_capacity) flush_leaf();
}

void tree_loader::flush_leaf() {
  if (pending_count_ == 0) return;
  directory_record& record = tree_.record_of(current_);
  const std::uint32_t root = record.index;
  tree_.index().append_leaf(record.index, {pending_, pending_count_}, before_pending_);
  if (record.index != root) tree_.note_root(current_, record);
  before_pending_ = pending_[pending_count_ - 1];
  pending_count_ = 0;
}

result<inode> tree_loader::add_file(std::string_view name, const file_attributes& attributes,
                                    std::span<const chunk_ref> chunks) {
  SSDFS_TRY(check_entry(name));
  if (auto valid = tree::check(attributes, chunks); !valid) {
    return failure(errc::damaged, valid.error().message());
  }
  if (!tree_.has_room(chunks.size())) return errc::too_large;
  const inode entry = tree_.make_file(current_, name, attributes, chunks);
  append(entry.value);
  directory_slot& slot = tree_.directories_[current_];
  ++slot.files;
  slot.bytes += attributes.size;
  slot.digest += tree_.digest_of(entry, current_serial_);
  directory_record& record = tree_.record_of(current_);
  record.longest = std::max(record.longest, static_cast<std::uint16_t>(1 + name.size()));
  return entry;
}

result<directory_id> tree_loader::add_directory(std::string_view name,
                                                const directory_attributes& attributes,
                                                std::uint32_t serial) {
  SSDFS_TRY(check_entry(name));
  auto made = make_directory(current_, name, attributes, serial);
  if (made) append(tree_.directories_[*made].record);
  return made;
}

result<void> tree_loader::set_quota(directory_id directory, const quota& limits) {
  if (!tree_.directories_.used(directory)) return damaged("quota of an unknown directory");
  if (limits == quota{}) return damaged("a quota without limits");
  tree_.directories_[directory].has_quota = 1;
  tree_.quotas_.insert_or_assign(directory.value, limits);
  return {};
}

result<void> tree_loader::finish() {
  flush_leaf();
  current_ = no_directory;
  tree_.arena_.take_huge_pages(false);
  // Parents were made before their children, so going backwards meets each directory complete.
  auto& directories = tree_.directories_;
  for (std::uint32_t i = directories.end() - 1; i > root_directory.value; --i) {
    const directory_slot& slot = directories[directory_id(i)];
    if (slot.parent == no_directory.value) {
      tree_.detached_totals_.files += slot.files;
      tree_.detached_totals_.directories += slot.directories + 1U;
      tree_.detached_totals_.bytes += slot.bytes;
      continue;
    }
    directory_slot& parent = directories[directory_id(slot.parent)];
    const auto own =
        tree_.weight_of(inode(slot.record), tree_.record_of(directory_id(slot.parent)).serial);
    parent.files += own.files;
    parent.directories = (parent.directories + own.directories) & 0x7fffffffU;
    parent.bytes += own.bytes;
    parent.digest += own.digest;
    tree_.note_length(directory_id(slot.parent), tree_.length_with(inode(slot.record)));
  }
  return {};
}

}  // namespace ssdfs::meta
