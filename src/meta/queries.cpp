#include "meta/queries.hpp"

#include "base/digest.hpp"
#include "meta/command_support.hpp"
#include "meta/path.hpp"
#include "meta/trash.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

result<inode> find(const state& s, std::string_view path, const viewer& v) {
  SSDFS_TRY(check_path(path));
  SSDFS_TRY(check_search(s, path, v));
  auto entry = s.names().lookup(path);
  if (entry && in_trash(path) && !may_see_in_trash(s, *entry, v)) {
    return failure(errc::permission_denied, s.names().path_of(*entry) + ": permission denied");
  }
  return entry;
}

}  // namespace

entry_view view_of(const state& s, inode entry) {
  const tree& names = s.names();
  entry_view out;
  out.entry = entry;
  out.name = names.name(entry);
  if (const directory_id directory = names.directory_of(entry); directory != no_directory) {
    const directory_attributes attributes = names.attributes(directory);
    out.directory = true;
    out.mtime_ms = attributes.mtime_ms;
  } else {
    const file_attributes attributes = names.attributes(entry);
    out.size = attributes.size;
    out.crc32c = attributes.crc32c;
    out.mtime_ms = attributes.mtime_ms;
    out.replication = attributes.replication;
    out.content_type = s.content_type_of(entry);
  }
  const access_view access = s.access_of(entry);
  out.owner = access.owner;
  out.group = access.group;
  out.mode = access.mode;
  return out;
}

bool allowed(const state& s, inode entry, unsigned bits, const viewer& v) {
  if (!v.permissions || owner_of(v.by) == v.superuser) return true;
  const entry_view e = view_of(s, entry);
  unsigned mode = e.mode;
  if (e.owner == owner_of(v.by)) {
    mode >>= 6;
  } else if (e.group == group_of(v.by)) {
    mode >>= 3;
  }
  return (mode & bits) == bits;
}

bool may_see_in_trash(const state& s, inode entry, const viewer& v) {
  if (!v.permissions || owner_of(v.by) == v.superuser) return true;
  const entry_view e = view_of(s, entry);
  return e.owner == owner_of(v.by) || (e.directory && e.owner == v.superuser);
}

result<entry_view> lookup(const state& s, std::string_view path, const viewer& v) {
  auto entry = find(s, path, v);
  if (!entry) return entry.error();
  return view_of(s, *entry);
}

void chunks_of(const state& s, inode file, std::vector<chunk_record>& out) {
  std::vector<chunk_ref> chunks;
  s.names().chunks(file, chunks);
  for (const chunk_ref& chunk : chunks) {
    out.push_back(
        {s.volumes()[chunk.at.volume].info.id, chunk.at.key, chunk.size, crc_value(chunk.crc32c)});
  }
}

chunk_list_page chunk_page_of(const state& s, inode file, std::uint64_t offset,
                              std::uint32_t limit) {
  std::vector<chunk_ref> all;
  all.reserve(s.names().chunk_count(file));
  s.names().chunks(file, all);
  chunk_list_page out;
  out.count = static_cast<std::uint32_t>(all.size());
  out.first = out.count;
  std::uint64_t begin = 0;       // of a chunk
  std::uint64_t page_begin = 0;  // of the page that the chunk is in
  for (std::uint32_t i = 0; i < out.count; ++i) {
    if (i % limit == 0) page_begin = begin;
    begin += all[i].size;
    out.layout += chunk_mix(i, all[i].size, all[i].crc32c);
    if (out.first != out.count || offset >= begin) continue;
    out.first = i / limit * limit;
    out.first_offset = page_begin;
  }
  if (out.first == out.count) out.first_offset = begin;
  const std::uint32_t end = std::min(out.count, out.first + limit);
  out.chunks.reserve(end - out.first);
  for (std::uint32_t i = out.first; i < end; ++i) {
    const chunk_ref& c = all[i];
    out.chunks.push_back({s.volumes()[c.at.volume].info.id, c.at.key, c.size, crc_value(c.crc32c)});
  }
  return out;
}

result<bool> list(const state& s, std::string_view path, std::string_view after,
                  std::uint32_t limit, const viewer& v, std::vector<entry_view>& out) {
  auto entry = find(s, path, v);
  if (!entry) return entry.error();
  const directory_id directory = s.names().directory_of(*entry);
  if (directory == no_directory) return errc::not_directory;
  SSDFS_TRY(require(s, *entry, 4, v));
  // One more than asked for tells whether there are more; another one may be the trash.
  const std::uint32_t most = std::clamp(limit, 1U, max_list_entries);
  std::vector<inode> page(std::size_t{most} + 2);
  page.resize(s.names().list(directory, after, page));
  if (directory == root_directory) {
    std::erase_if(page, [&](inode i) { return s.names().name(i) == trash_path.substr(1); });
  }
  const bool thrown_away = in_trash(path);
  const std::size_t n = std::min<std::size_t>(page.size(), most);
  const std::size_t before = out.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (i + 4 < n) s.names().prefetch(page[i + 4]);
    if (thrown_away && !may_see_in_trash(s, page[i], v)) continue;
    out.push_back(view_of(s, page[i]));
  }
  // Who asks goes on behind the last name of a page, so it has one if there are more.
  if (page.size() > n && out.size() == before) {
    return list(s, path, s.names().name(page[n - 1]), limit, v, out);
  }
  return page.size() > n;
}

result<quota_use> quota_use_of(const state& s, std::string_view path, const viewer& v) {
  auto entry = find(s, path, v);
  if (!entry) return entry.error();
  const directory_id directory = s.names().directory_of(*entry);
  if (directory == no_directory) return errc::not_directory;
  SSDFS_TRY(require(s, *entry, 4, v));
  return quota_use{s.names().quota_of(directory), s.names().totals(directory)};
}

subtree_totals trash_totals(const state& s) {
  const inode trash = s.names().find(root_directory, trash_path.substr(1));
  if (trash == no_inode) return {};
  const directory_id directory = s.names().directory_of(trash);
  if (directory == no_directory) return {};
  subtree_totals out = s.names().totals(directory);
  ++out.directories;
  return out;
}

result<subtree_totals> summarize(const state& s, std::string_view path, const viewer& v) {
  auto entry = find(s, path, v);
  if (!entry) return entry.error();
  const directory_id directory = s.names().directory_of(*entry);
  if (directory == no_directory) {
    return subtree_totals{1, 0, s.names().attributes(*entry).size};
  }
  SSDFS_TRY(require(s, *entry, 4, v));
  subtree_totals out = s.names().totals(directory);
  ++out.directories;
  if (directory == root_directory) {
    const subtree_totals trash = trash_totals(s);
    out.files -= trash.files;
    out.directories -= trash.directories;
    out.bytes -= trash.bytes;
  }
  return out;
}

}  // namespace ssdfs::meta
