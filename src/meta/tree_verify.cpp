// The check of everything, for tests and offline tools.
#include "meta/tree.hpp"
#include "meta/tree_internal.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace ssdfs::meta {

/// One run of verify: what was found so far.
struct tree::verification {
  const tree& subject;
  std::vector<weight> below;         ///< by directory_id: what the entries of it add up to
  std::vector<std::uint32_t> order;  ///< directories, each behind its parent
  std::uint64_t nodes = 0;
  std::uint64_t texts = 0;
  std::uint64_t chunk_lists = 0;
  std::uint64_t extras = 0;
  std::uint64_t files = 0;
  use_counts access;
  use_counts types;

  [[nodiscard]] failure wrong(directory_id directory, const std::string& what) const {
    return {errc::damaged, subject.path_of(subject.inode_of(directory)) + ": " + what};
  }

  void add_name_text(inode entry) {
    const auto& record = block_as<entry_record>(subject.arena_, entry.value);
    access.add(record.access);
    const std::string_view extra = subject.extra(entry);
    if (!extra.empty()) {
      extras += extra_block::bytes(record.name_length, extra.size());
    } else if ((record.head & entry_record::external_name) != 0) {
      texts += text_block::bytes(record.name_length);
    }
  }

  // What is not in a table is in the extra, and nowhere twice.
  [[nodiscard]] bool is_kept_right(inode entry) const {
    const auto& record = block_as<entry_record>(subject.arena_, entry.value);
    const std::string_view extra = subject.extra(entry);
    const bool type_is_kept =
        !subject.is_directory(entry) && subject.file(entry).content_type == kept_id;
    return is_extra(extra) &&
           (record.access == kept_id) == !extra_field(extra, extra_tag::access).empty() &&
           type_is_kept == !extra_field(extra, extra_tag::content_type).empty();
  }

  result<void> visit_file(directory_id parent, inode entry) {
    ++files;
    const file_record& record = subject.file(entry);
    types.add(record.content_type);
    if (record.parent != parent.value) return wrong(parent, "a file knows another parent");
    std::vector<chunk_ref> chunks;
    subject.chunks(entry, chunks);
    if (chunks.size() != subject.chunk_count(entry) ||
        !tree::check(subject.attributes(entry), chunks)) {
      return wrong(parent, "attributes and chunks of a file do not agree");
    }
    if ((record.head & file_record::listed_chunks) != 0) {
      for (std::uint32_t id = record.volume; id != 0;) {
        const auto& list = block_as<chunk_list>(subject.arena_, id);
        chunk_lists += chunk_list::bytes(list.count);
        id = list.next;
      }
    }
    return {};
  }

  result<void> visit_directory(directory_id directory) {
    const directory_slot& slot = subject.directories_[directory];
    const directory_record& record = subject.record_of(directory);
    if (const auto text = subject.index().check(record.index, nodes, texts); !text.empty()) {
      return wrong(directory, text);
    }
    if ((slot.has_quota != 0) != subject.quotas_.contains(directory.value)) {
      return wrong(directory, "quota and its mark do not agree");
    }
    weight& sum = below[directory.value];
    std::array<inode, 256> page;
    std::string after;
    while (const std::size_t n = subject.list(directory, after, page)) {
      for (std::size_t i = 0; i < n; ++i) {
        const inode entry = page[i];
        add_name_text(entry);
        if (!is_kept_right(entry)) return wrong(directory, "wrong optional attributes");
        sum.digest += subject.digest_of(entry, record.serial);
        if (std::min<std::size_t>(subject.length_with(entry), 65535) > record.longest) {
          return wrong(directory, "a path below is longer than its bound");
        }
        if (subject.is_directory(entry)) {
          const directory_id child = subject.directory_of(entry);
          const directory_slot& child_slot = subject.directories_[child];
          if (child_slot.record != entry.value || child_slot.parent != directory.value) {
            return wrong(directory, "a directory knows another parent");
          }
          order.push_back(child.value);
        } else {
          SSDFS_TRY(visit_file(directory, entry));
          ++sum.files;
          sum.bytes += subject.file(entry).size.load();
        }
      }
      after = subject.name(page[n - 1]);
    }
    return {};
  }

  result<void> compare(directory_id directory) const {
    const directory_slot& slot = subject.directories_[directory];
    const weight& sum = below[directory.value];
    if (slot.files != sum.files || slot.directories != sum.directories || slot.bytes != sum.bytes) {
      return wrong(directory, "wrong totals");
    }
    if (slot.digest != sum.digest) return wrong(directory, "wrong digest");
    return {};
  }
};

// True if everything in the cache of directories is one of these.
bool tree::cache_is_right(const std::vector<std::uint32_t>& order) const {
  std::size_t cached = 0;
  for (const std::uint32_t id : order) {
    const directory_slot& slot = directories_[directory_id(id)];
    if (slot.parent == no_directory.value) continue;
    const std::string_view name = entry_name(arena_, slot.record);
    const directory_key key(directory_id(slot.parent), name);
    const auto found = cache_.find(arena_, key, name).record;
    if (found != 0 && found != slot.record) return false;
    cached += found != 0 ? 1 : 0;
  }
  return cached == cache_.count();
}

result<void> tree::verify() const {
  verification run{*this, std::vector<weight>(directories_.end()), {}};
  run.order.push_back(root_directory.value);
  run.add_name_text(inode_of(root_directory));
  for (const directory_id id : detached_) {
    if (!directories_.used(id) || directories_[id].parent != no_directory.value) {
      return failure(errc::damaged, "a detached directory has a parent");
    }
    run.add_name_text(inode_of(id));
    run.order.push_back(id.value);
  }
  const std::size_t roots = run.order.size();
  for (std::size_t i = 0; i < run.order.size(); ++i) {
    SSDFS_TRY(run.visit_directory(directory_id(run.order[i])));
  }
  for (std::size_t i = run.order.size(); i-- > roots;) {
    const directory_id id(run.order[i]);
    const weight& own = run.below[id.value];
    weight& parent = run.below[directories_[id].parent];
    parent.files += own.files;
    parent.directories += own.directories + 1;
    parent.bytes += own.bytes;
    parent.digest += own.digest;
  }
  // Totals of detached directories are not kept up; only their sum is.
  subtree_totals detached;
  std::vector<bool> is_detached(directories_.end());
  for (std::size_t i = 1; i < roots; ++i) {
    const weight& own = run.below[run.order[i]];
    detached.files += own.files;
    detached.directories += own.directories + std::uint64_t{1};
    detached.bytes += own.bytes;
    is_detached[run.order[i]] = true;
  }
  if (detached != detached_totals_)
    return failure(errc::damaged, "wrong totals of what is detached");
  for (std::size_t i = 0; i < run.order.size(); ++i) {
    const directory_id id(run.order[i]);
    const std::uint32_t parent = directories_[id].parent;
    is_detached[id.value] = is_detached[id.value] || is_detached[parent];
    if (!is_detached[id.value]) SSDFS_TRY(run.compare(id));
  }
  if (!cache_is_right(run.order)) return failure(errc::damaged, "wrong cache of directories");
  const tree_memory usage = memory();
  if (run.nodes != usage.nodes || run.texts != usage.texts || run.extras != usage.extras ||
      run.chunk_lists != usage.chunk_lists || !arena_.consistent()) {
    return failure(errc::damaged, "blocks that nothing refers to, or wrong accounting");
  }
  if (!(run.access == access_uses_) || !(run.types == type_uses_)) {
    return failure(errc::damaged, "wrong counts of who shares what");
  }
  std::uint64_t stored = 0;
  for (std::size_t i = 0; i < slices(); ++i) {
    visit_slice(i, [&](inode) { ++stored; });
  }
  if (stored != run.files) return failure(errc::damaged, "a file that is in no directory");
  return {};
}

}  // namespace ssdfs::meta
