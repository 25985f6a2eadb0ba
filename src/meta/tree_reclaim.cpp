// Removing whole subtrees: at once for the callers, entry by entry for the memory.
#include "meta/tree.hpp"
#include "meta/tree_internal.hpp"

#include <algorithm>
#include <array>

namespace ssdfs::meta {

void tree::detach_subtree(inode directory) {
  SSDFS_ASSERT(is_directory(directory));
  const weight gone = weight_of(directory, 0);
  unlink(directory);
  detached_totals_.files += gone.files;
  detached_totals_.directories += gone.directories;
  detached_totals_.bytes += gone.bytes;
  const directory_id id = directory_of(directory);
  directories_[id].parent = no_directory.value;
  detached_.push_back(id);
}

std::size_t tree::reclaim_step(std::size_t budget, std::vector<chunk_ref>& freed) {
  std::size_t done = 0;
  std::size_t spent = 0;
  while (spent < budget && !detached_.empty()) {
    const directory_id current = detached_.back();
    directory_record& record = record_of(current);
    std::array<std::uint32_t, directory_index::leaf_capacity> ids;
    const std::size_t wanted = std::min(ids.size(), budget - spent);
    const std::size_t shown = index().peek_last(record.index, {ids.data(), wanted});
    if (shown == 0) {
      detached_.pop_back();
      --detached_totals_.directories;
      release_entry(inode_of(current));
      ++done;
      ++spent;
      continue;
    }
    for (std::size_t i = 0; i < shown; ++i) prefetch(inode(ids[i]));
    std::size_t taken = 0;
    while (taken < shown && spent < budget) {
      const inode entry(ids[taken++]);
      if (is_directory(entry)) {
        // It becomes the next to be worked on; its own record goes when it is empty.
        const directory_id below = directory_of(entry);
        cache_.remove(directory_key(current, name(entry)), entry.value);
        directories_[below].parent = no_directory.value;
        detached_.push_back(below);
        break;
      }
      spent += 1 + chunk_count(entry);
      ++done;
      chunks(entry, freed);
      --detached_totals_.files;
      detached_totals_.bytes -= file(entry).size.load();
      release_entry(entry);
    }
    index().drop_last(record.index, taken);
    ++changes_;
  }
  return done;
}

}  // namespace ssdfs::meta
