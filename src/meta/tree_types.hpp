// The values that the namespace tree speaks: handles, attributes, chunks, totals.
#pragma once

#include "base/ids.hpp"
#include "meta/directory_index.hpp"
#include "meta/entry_extra.hpp"
#include "ssdfs/error.hpp"
#include "ssdfs/limits.hpp"

#include <cstdint>
#include <string_view>

namespace ssdfs::meta {

/// Handle of a file or directory: the place of its record in the tree's arena. A rename or a
/// replacement never changes it; after the entry is gone it may be given to another one. It has no
/// meaning outside of the process (an image carries none). 0 is "none".
using inode = strong<struct inode_tag, std::uint32_t>;
inline constexpr inode no_inode{0};

/// Handle of a directory's contents, with the same rules as `inode`. 0 is "none".
using directory_id = strong<struct directory_id_tag, std::uint32_t>;
inline constexpr directory_id no_directory{0};
inline constexpr directory_id root_directory{1};  ///< always there

/// Index of a volume in the table of volumes that the owner of the tree keeps. It is part of the
/// digest, so it has to be assigned deterministically and kept by an image.
using volume_slot = strong<struct volume_slot_tag, std::uint32_t>;

/// Where a chunk is.
struct chunk_address {
  volume_slot volume;
  chunk_key key = 0;
  friend bool operator==(const chunk_address&, const chunk_address&) = default;
};

/// One chunk of a file.
struct chunk_ref {
  chunk_address at;
  std::uint32_t size = 0;    ///< bytes, at least 1
  std::uint32_t crc32c = 0;  ///< of the chunk's bytes
  friend bool operator==(const chunk_ref&, const chunk_ref&) = default;
};

inline constexpr std::uint64_t max_file_size = (std::uint64_t{1} << 48) - 1;
/// Times are kept in 48 bits: about 4,400 years before and after 1970.
inline constexpr std::int64_t max_mtime_ms = (std::int64_t{1} << 47) - 1;
inline constexpr std::int64_t min_mtime_ms = -max_mtime_ms - 1;

/// What is stored of a file besides its name and its chunks.
struct file_attributes {
  std::uint64_t size = 0;          ///< bytes; at most max_file_size
  std::uint32_t crc32c = 0;        ///< of the whole content
  std::int64_t mtime_ms = 0;       ///< min_mtime_ms to max_mtime_ms
  std::uint16_t access = 0;        ///< owner, group and mode: an id of access_table, or kept_id
  std::uint16_t content_type = 0;  ///< an id of content_type_table, or kept_id; 0 is none
  std::uint8_t replication = 2;    ///< copies wanted, 0 (undecided) to 3
  std::string_view extra;          ///< optional attributes (entry_extra.hpp), of a tree's entry a
                                   ///< view that its next change ends
  friend bool operator==(const file_attributes&, const file_attributes&) = default;
};

/// What is stored of a directory besides its name and its totals.
struct directory_attributes {
  std::int64_t mtime_ms = 0;
  std::uint16_t access = 0;
  std::string_view extra;  ///< as that of a file
  friend bool operator==(const directory_attributes&, const directory_attributes&) = default;
};

/// What lies below a directory, the directory itself not included.
struct subtree_totals {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;  ///< content, one copy
  friend bool operator==(const subtree_totals&, const subtree_totals&) = default;
};

/// Limits of a directory: names (files and directories below it, itself not included) and content
/// bytes (one copy). 0 is "no limit".
struct quota {
  std::uint64_t names = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const quota&, const quota&) = default;
};

/// Outcome of one lookup of a batch.
struct lookup_outcome {
  inode entry;                   ///< no_inode if the lookup failed
  errc error = errc::not_found;  ///< why; not_found or not_directory; meaningless on success
};

/// Where a name belongs that a directory does not have: found by one search, good for an insertion
/// that follows. After any change of the tree it is void, which the tree notices.
struct insert_point {
  directory_id parent;  ///< no_directory: nothing was searched
  std::uint64_t changes = 0;
  directory_index::place where;
};

/// How far a path leads into the tree.
struct path_walk {
  inode last;             ///< the deepest entry on the path that exists (at least the root)
  std::string_view rest;  ///< "" if `last` is what the path names, else "/missing/components"
  insert_point missing;   ///< of the first component of `rest`, if that is the only one
};

/// Bytes of memory by what they are used for. `total` is what the process pays for the tree:
/// every page that the tree has touched.
struct tree_memory {
  std::uint64_t records = 0;      ///< records of files and directories with their names
  std::uint64_t nodes = 0;        ///< nodes of the directories' B+trees
  std::uint64_t texts = 0;        ///< names that outgrew their record, long separators
  std::uint64_t chunk_lists = 0;  ///< chunks of files that have several
  std::uint64_t extras = 0;       ///< optional attributes, with the names of their entries
  std::uint64_t free = 0;         ///< freed and not yet used again
  std::uint64_t directories = 0;  ///< table and cache of directories
  std::uint64_t total = 0;
};

}  // namespace ssdfs::meta
