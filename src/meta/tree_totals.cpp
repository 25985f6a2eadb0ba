// Totals of subtrees, quotas and the digest of the namespace.
#include "meta/tree.hpp"
#include "meta/tree_internal.hpp"

#include <algorithm>
#include <cstring>

namespace ssdfs::meta {
namespace {

/// Mixes pairs of words into 64 bits by folded 128-bit products; the end is SplitMix64's finalizer.
/// The values get into edit records, so this never changes (docs/namespace.md).
class mixer {
 public:
  void add(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using wide = unsigned __int128;
    const wide product =
        static_cast<wide>(a ^ 0x9e3779b97f4a7c15ULL) * (b ^ state_ ^ 0xd1b54a32d192ed03ULL);
    state_ = (state_ << 23 | state_ >> 41) ^ static_cast<std::uint64_t>(product) ^
             static_cast<std::uint64_t>(product >> 64);
  }

  void add(std::string_view text) noexcept {
    while (!text.empty()) {
      std::uint64_t words[2] = {0, 0};
      const std::size_t n = std::min(text.size(), sizeof words);
      std::memcpy(words, text.data(), n);
      add(words[0], words[1]);
      text.remove_prefix(n);
    }
  }

  [[nodiscard]] std::uint64_t value() const noexcept {
    std::uint64_t x = state_;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
  }

 private:
  std::uint64_t state_ = 0;
};

}  // namespace

std::uint64_t tree::digest_of(inode entry, std::uint32_t parent_serial) const {
  mixer mix;
  const std::string_view name = entry_name(arena_, entry.value);
  const std::uint64_t place = parent_serial | std::uint64_t{name.size()} << 40;
  if (is_directory(entry)) {
    const auto& record = block_as<directory_record>(arena_, entry.value);
    mix.add(place | std::uint64_t{1} << 32, record.serial | std::uint64_t{record.access} << 32);
    const quota limits = quota_of(directory_id(record.id));
    mix.add(record.mtime.load(), 0);
    mix.add(limits.names, limits.bytes);
  } else {
    const file_record& record = file(entry);
    mix.add(place, record.crc32c | std::uint64_t{record.content_type} << 32 |
                       std::uint64_t{record.access} << 48);
    mix.add(record.size.load() | std::uint64_t{replication_of(record)} << 56, record.mtime.load());
    for_each_chunk(arena_, record, [&](const chunk_ref& chunk) {
      mix.add(chunk.at.volume.value | std::uint64_t{chunk.at.key} << 32,
              chunk.size | std::uint64_t{chunk.crc32c} << 32);
    });
  }
  mix.add(name);
  if (const std::string_view extra = entry_extra(arena_, entry.value); !extra.empty()) {
    mix.add(extra);
  }
  return mix.value();
}

tree::weight tree::weight_of(inode entry, std::uint32_t parent_serial) const {
  const std::uint64_t own = digest_of(entry, parent_serial);
  if (!is_directory(entry)) {
    return {.files = 1, .bytes = file(entry).size.load(), .digest = own};
  }
  const directory_slot& slot = directories_[directory_of(entry)];
  return {.files = slot.files,
          .directories = slot.directories + 1U,
          .bytes = slot.bytes,
          .digest = slot.digest + own};
}

// To the totals of a directory and of all above.
void tree::add(directory_id directory, const weight& change) {
  while (directory != no_directory) {
    directory_slot& slot = directories_[directory];
    slot.files += change.files;
    slot.directories = (slot.directories + change.directories) & 0x7fffffffU;
    slot.bytes += change.bytes;
    slot.digest += change.digest;
    directory = directory_id(slot.parent);
  }
}

void tree::subtract(directory_id directory, const weight& change) {
  add(directory, {.files = 0U - change.files,
                  .directories = 0U - change.directories,
                  .bytes = 0U - change.bytes,
                  .digest = 0U - change.digest});
}

subtree_totals tree::totals(directory_id directory) const {
  const directory_slot& slot = directories_[directory];
  return {.files = slot.files, .directories = slot.directories, .bytes = slot.bytes};
}

void tree::set_quota(directory_id directory, const quota& limits) {
  change_entry(inode_of(directory), [&] {
    const bool limited = limits != quota{};
    directories_[directory].has_quota = limited ? 1 : 0;
    if (limited) {
      quotas_.insert_or_assign(directory.value, limits);
    } else {
      quotas_.erase(directory.value);
    }
  });
}

quota tree::quota_of(directory_id directory) const {
  if (directories_[directory].has_quota == 0) return {};
  return quotas_.at(directory.value);
}

// Whether one directory has room for more.
result<void> tree::check_limits(directory_id directory, std::uint64_t names,
                                std::uint64_t bytes) const {
  const directory_slot& slot = directories_[directory];
  if (slot.has_quota == 0) return {};
  const quota limits = quota_of(directory);
  const auto exceeded = [](std::uint64_t limit, std::uint64_t used, std::uint64_t more) {
    return limit != 0 && more != 0 && (used >= limit || more > limit - used);
  };
  if (exceeded(limits.names, std::uint64_t{slot.files} + slot.directories, names)) {
    return failure(errc::quota_exceeded, "quota of " + std::to_string(limits.names) +
                                             " names exceeded in " + path_of(inode_of(directory)));
  }
  if (exceeded(limits.bytes, slot.bytes, bytes)) {
    return failure(errc::quota_exceeded, "quota of " + std::to_string(limits.bytes) +
                                             " bytes exceeded in " + path_of(inode_of(directory)));
  }
  return {};
}

result<void> tree::check_quota(directory_id directory, std::uint64_t names,
                               std::uint64_t bytes) const {
  if (quotas_.empty()) return {};
  for (; directory != no_directory; directory = parent_of(inode_of(directory))) {
    SSDFS_TRY(check_limits(directory, names, bytes));
  }
  return {};
}

result<void> tree::check_quota_move(inode entry, directory_id parent, std::uint64_t made,
                                    inode replaced) const {
  if (quotas_.empty()) return {};
  std::vector<directory_id> holders;  // directories that hold the entry already
  for (directory_id at = parent_of(entry); at != no_directory; at = parent_of(inode_of(at))) {
    holders.push_back(at);
  }
  const bool replaces = replaced != no_inode;
  const std::uint64_t names_gone = replaces ? 1 : 0;
  const std::uint64_t bytes_gone = replaces ? file(replaced).size.load() : 0;
  const weight moved = weight_of(entry, 0);
  std::uint64_t names = made + moved.files + moved.directories;
  std::uint64_t bytes = moved.bytes;
  for (; parent != no_directory; parent = parent_of(inode_of(parent))) {
    if (std::find(holders.begin(), holders.end(), parent) != holders.end()) {
      names = made;
      bytes = 0;
    }
    SSDFS_TRY(check_limits(parent, names - std::min(names, names_gone),
                           bytes - std::min(bytes, bytes_gone)));
  }
  return {};
}

std::uint64_t tree::digest() const {
  return directories_[root_directory].digest + digest_of(inode_of(root_directory), 0);
}

std::uint32_t tree::serial(directory_id directory) const { return record_of(directory).serial; }

tree_memory tree::memory() const {
  tree_memory usage;
  usage.records = arena_.bytes(block_kind::file) + arena_.bytes(block_kind::directory);
  usage.nodes = arena_.bytes(block_kind::leaf) + arena_.bytes(block_kind::inner);
  usage.texts = arena_.bytes(block_kind::text);
  usage.extras = arena_.bytes(block_kind::extra);
  usage.chunk_lists = arena_.bytes(block_kind::chunk_list);
  usage.free = arena_.bytes(block_kind::free);
  usage.directories = directories_.total_bytes() + cache_.total_bytes();
  usage.total = arena_.total_bytes() + usage.directories;
  return usage;
}

}  // namespace ssdfs::meta
