// Questions about the namespace, with permissions checked where they are on.
#pragma once

#include "base/result.hpp"
#include "meta/commands.hpp"
#include "meta/state.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ssdfs::meta {

/// Attributes of an entry. Views into the state: valid until its next change.
struct entry_view {
  inode entry;
  std::string_view name;  ///< the last component; "" for the root
  bool directory = false;
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  std::int64_t mtime_ms = 0;
  std::string_view owner;
  std::string_view group;
  std::uint16_t mode = 0;
  std::uint8_t replication = 0;
  std::string_view content_type;
};

/// Whether and as whom to check.
struct viewer {
  caller by;
  bool permissions = false;
  std::string_view superuser = "root";
};

/// Attributes of an entry that is known to exist.
[[nodiscard]] entry_view view_of(const state& s, inode entry);

/// invalid_path, name_too_long, not_found, not_directory, permission_denied.
result<entry_view> lookup(const state& s, std::string_view path, const viewer& v);

/// Chunks of a file with the ids of their volumes, appended to `out`.
void chunks_of(const state& s, inode file, std::vector<chunk_record>& out);

/// A part of a file's list of chunks.
struct chunk_list_page {
  std::vector<chunk_record> chunks;
  std::uint32_t count = 0;         ///< chunks of the file
  std::uint32_t first = 0;         ///< number of the page's first chunk, from 0
  std::uint64_t first_offset = 0;  ///< of the page's first byte in the file
  std::uint64_t layout = 0;        ///< sizes and CRCs of all chunks of the file, mixed
};
/// The list is cut into pages of `limit` (not 0); the one with the byte at `offset`. Empty, and
/// behind the last chunk, if the file ends before that.
[[nodiscard]] chunk_list_page chunk_page_of(const state& s, inode file, std::uint64_t offset,
                                            std::uint32_t limit);

/// A page of a directory: up to `limit` names after `after` in byte order, appended to `out`;
/// true if there are more. The root's /.trash is left out. Failures as lookup.
result<bool> list(const state& s, std::string_view path, std::string_view after,
                  std::uint32_t limit, const viewer& v, std::vector<entry_view>& out);

/// Totals at and below a path, the path itself included (a file is one file). The root's leave
/// /.trash out. Failures as lookup.
result<subtree_totals> summarize(const state& s, std::string_view path, const viewer& v);

/// Limits of a directory and what counts against them.
struct quota_use {
  quota limits;
  subtree_totals below;  ///< the directory itself not included; the root's includes the trash
};
/// Failures as lookup; not_directory for a file.
result<quota_use> quota_use_of(const state& s, std::string_view path, const viewer& v);

/// What the trash holds.
[[nodiscard]] subtree_totals trash_totals(const state& s);

/// Whether `v` may do what `bits` (4 read, 2 write, 1 search) say with an entry; always true when
/// permissions are off or for the superuser.
[[nodiscard]] bool allowed(const state& s, inode entry, unsigned bits, const viewer& v);

/// Whether `v` may know of an entry of the trash. What is there has lost the directories that hid
/// it, so it is its owner's alone; the trash's own directories, which belong to the superuser, are
/// passed through by everybody. Always true when permissions are off or for the superuser.
[[nodiscard]] bool may_see_in_trash(const state& s, inode entry, const viewer& v);

}  // namespace ssdfs::meta
