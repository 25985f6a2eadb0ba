// The namespace: a tree of directories and files, held whole in memory at about 70 bytes a file.
// How it works and what it costs is told in docs/namespace.md.
#pragma once

#include "base/result.hpp"
#include "meta/arena.hpp"
#include "meta/directory_cache.hpp"
#include "meta/directory_entry.hpp"
#include "meta/directory_index.hpp"
#include "meta/directory_table.hpp"
#include "meta/tree_types.hpp"
#include "meta/use_counts.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::meta {

/// The namespace tree.
///
/// Operation: a pure data structure, without clock and I/O. Every change is a function of the
/// contents and the arguments alone, and every answer but the handles is a function of the
/// contents, so replaying the same changes gives the same tree, whether it grew or was loaded.
///
/// Concurrency: single-threaded, on the namespace strand. Const functions change nothing and may
/// run in a forked child.
///
/// Arguments: names and paths must have passed meta/path.hpp, handles must be alive, a name of an
/// entry must be checked by the caller where "." or ".." could come from outside. No function
/// checks permissions. Quotas are checked only by the functions that say so, so that replay never
/// fails on one.
///
/// Failure: a function that fails has changed nothing. Running out of memory is fatal (bad_alloc),
/// running out of the 32 GiB that a 32-bit handle can address is errc::too_large.
class tree {
 public:
  /// An empty root directory: access id 0, mtime 0.
  tree();
  tree(const tree&) = delete;
  tree& operator=(const tree&) = delete;

  // --- Finding ---

  /// The entry that an absolute path names ("/" is the root). not_found, or not_directory if a
  /// component before the last is a file.
  [[nodiscard]] result<inode> lookup(std::string_view path) const;

  /// Many lookups at once: they are advanced in turns, 16 at a time, so that the cache misses of
  /// one hide those of the others. outcomes.size() must equal paths.size().
  void lookup_many(std::span<const std::string_view> paths,
                   std::span<lookup_outcome> outcomes) const;

  /// Follows a path as far as it exists. `rest` is a part of `path`.
  [[nodiscard]] path_walk walk(std::string_view path) const;

  /// The entry called `name` in a directory; no_inode if there is none.
  [[nodiscard]] inode find(directory_id parent, std::string_view name) const;

  /// Up to out.size() entries of a directory whose names are greater than `after` ("" for the
  /// first page), in byte order of their names. Returns how many; fewer than out.size() only at
  /// the end. Costs one descent a page. A listing in pages shows every entry that exists from its
  /// begin to its end, whatever else changes between the pages.
  [[nodiscard]] std::size_t list(directory_id parent, std::string_view after,
                                 std::span<inode> out) const;

  // --- Reading entries ---

  [[nodiscard]] bool is_directory(inode entry) const;
  /// The contents of a directory; no_directory for a file.
  [[nodiscard]] directory_id directory_of(inode entry) const;
  [[nodiscard]] inode inode_of(directory_id directory) const;
  /// The directory that holds the entry; no_directory for the root and for detached directories.
  [[nodiscard]] directory_id parent_of(inode entry) const;
  /// Valid until the entry is renamed or removed. Empty for the root.
  [[nodiscard]] std::string_view name(inode entry) const;
  /// The absolute path; for what lies in a detached directory the path below that.
  [[nodiscard]] std::string path_of(inode entry) const;
  /// `file` must be a file.
  [[nodiscard]] file_attributes attributes(inode file) const;
  [[nodiscard]] directory_attributes attributes(directory_id directory) const;
  /// Owner, group and mode of an entry: an id of access_table, or kept_id.
  [[nodiscard]] std::uint16_t access(inode entry) const {
    return block_as<const entry_record>(arena_, entry.value).access;
  }
  /// The optional attributes (entry_extra.hpp), empty for nearly every entry. Valid until the next
  /// change.
  [[nodiscard]] std::string_view extra(inode entry) const;
  [[nodiscard]] std::size_t chunk_count(inode file) const;
  /// Appends the chunks of a file, in order.
  void chunks(inode file, std::vector<chunk_ref>& out) const;
  /// Starts to load the entry into the cache, for callers that are about to read many.
  void prefetch(inode entry) const { __builtin_prefetch(arena_.at(entry.value)); }

  /// What find_longer has found.
  struct longer_entry {
    inode entry = no_inode;  ///< one whose path is too long
    bool certain = true;     ///< false: the budget was used up, there may be one
  };
  /// An entry below a directory whose path, counted from the directory ("/a/b" has 4 bytes), is
  /// longer than `room`; no_inode if there is none. O(1) unless there is, or recently was, such an
  /// entry: each directory knows a bound of what is below it, which only grows until the directory
  /// is empty or the tree is loaded anew. Else goes through the directories whose bound is too
  /// large, `budget` entries at most; what that leaves uncertain depends on the tree's history.
  [[nodiscard]] longer_entry find_longer(directory_id directory, std::size_t room,
                                         std::size_t budget) const;

  // --- Changing entries ---

  /// exists: the name is taken (by a file or a directory). invalid_argument: an attribute is out
  /// of range, or the chunks do not add up to the size (a single chunk has the file's CRC, too).
  /// `missing` may tell what walk() has found about the same name: that saves a search.
  result<inode> insert_file(directory_id parent, std::string_view name,
                            const file_attributes& attributes, std::span<const chunk_ref> chunks,
                            const insert_point* missing = nullptr);
  /// exists, invalid_argument.
  result<inode> insert_directory(directory_id parent, std::string_view name,
                                 const directory_attributes& attributes,
                                 const insert_point* missing = nullptr);
  /// Replaces content and attributes of a file in place. invalid_argument.
  result<void> replace_file(inode file, const file_attributes& attributes,
                            std::span<const chunk_ref> chunks);
  /// Removes a file or an empty directory that is not the root. not_empty.
  result<void> erase(inode entry);
  /// Moves an entry other than the root to `name` in `parent`. exists: another entry is there
  /// (the caller decides what becomes of it first); into_itself. Moving to where it is succeeds.
  result<void> rename(inode entry, directory_id parent, std::string_view name);

  /// The new value must be in range.
  void set_mtime(inode entry, std::int64_t mtime_ms);
  /// Together with all optional attributes of the entry, which hold the value if the id is kept_id.
  /// too_large.
  result<void> set_access(inode entry, std::uint16_t access, std::string_view extra);
  result<void> set_content_type(inode file, std::uint16_t content_type, std::string_view extra);
  void set_replication(inode file, std::uint8_t replication);
  /// Compare-and-set of the address of chunk `index`: false, and nothing changed, if there is no
  /// such chunk or it is not at `from`.
  [[nodiscard]] bool relocate_chunk(inode file, std::size_t index, const chunk_address& from,
                                    const chunk_address& to);

  // --- Removing subtrees ---

  /// Unlinks a directory (not the root) with all that is below, in the time of one erase. Its
  /// totals and digest leave those of its ancestors at once; its entries wait for reclaim_step and
  /// are no longer reachable by any path. The last detached is the first reclaimed.
  void detach_subtree(inode directory);

  /// Frees detached entries: depth first, in every directory the last in byte order first, which
  /// depends on nothing but the contents. `budget` is spent by 1 an entry and 1 a chunk; the entry
  /// that exhausts it is still done. Appends the chunks of the freed files to `freed`. Returns the
  /// number of freed entries (0: nothing was waiting).
  std::size_t reclaim_step(std::size_t budget, std::vector<chunk_ref>& freed);

  /// The detached directories that reclaim_step works through, last one first. What is below them
  /// can be listed as ever; it is part of the durable state.
  [[nodiscard]] const std::deque<directory_id>& detached() const noexcept { return detached_; }
  /// What waits for reclaim_step, the detached directories themselves included.
  [[nodiscard]] const subtree_totals& detached_totals() const noexcept { return detached_totals_; }

  // --- Totals, quotas, digest ---

  /// What is below a directory that is not detached. Kept up to date by every change.
  [[nodiscard]] subtree_totals totals(directory_id directory) const;
  /// Sets the limits of a directory; quota{} removes them.
  void set_quota(directory_id directory, const quota& limits);
  [[nodiscard]] quota quota_of(directory_id directory) const;
  /// quota_exceeded (the detail names the directory) if `directory` or one above it has no room
  /// for so many more names and bytes. A limit that is not added to may be exceeded already.
  [[nodiscard]] result<void> check_quota(directory_id directory, std::uint64_t names,
                                         std::uint64_t bytes) const;
  /// The same for moving `entry` to `parent`, below `made` new directories, or in the place of the
  /// file `replaced` (no_inode: nothing is there). Directories that hold the entry already are
  /// charged for the new directories only, and what is replaced makes room.
  [[nodiscard]] result<void> check_quota_move(inode entry, directory_id parent,
                                              std::uint64_t made = 0,
                                              inode replaced = no_inode) const;

  /// Digest of everything reachable from the root: names, attributes, chunks and quotas. Equal
  /// for equal contents, whatever the order of the changes that led there among the files; it
  /// depends on the order in which directories were created (their serials). O(1).
  [[nodiscard]] std::uint64_t digest() const;
  /// The number that a directory got when it was created, 1 for the root. Never used twice (but
  /// wraps around at 2^32); what the digest knows directories by.
  [[nodiscard]] std::uint32_t serial(directory_id directory) const;
  /// The serial of the next directory.
  [[nodiscard]] std::uint32_t next_serial() const noexcept { return next_serial_; }

  // --- All files, in no useful order ---

  /// Number of slices that visit_slice can visit now; grows with the tree.
  [[nodiscard]] std::size_t slices() const noexcept { return arena_.slices(); }
  /// Calls visitor(inode) for every file, reachable or detached, whose record lies in one slice of
  /// the memory (about a thousand). Going through all slices in order, with changes between the
  /// slices, visits every file that existed all the time exactly once: a rename does not move it.
  template <class Visitor>
  void visit_slice(std::size_t slice, Visitor&& visitor) const {
    arena_.for_each_block(slice, [&](std::uint32_t id) {
      if (is_file_record(arena_.at(id))) visitor(inode(id));
    });
  }

  /// Entries, reachable or detached, that have an id of owner, group and mode, or a content type.
  [[nodiscard]] const use_counts& access_uses() const noexcept { return access_uses_; }
  [[nodiscard]] const use_counts& type_uses() const noexcept { return type_uses_; }

  [[nodiscard]] tree_memory memory() const;
  /// Memory that the next insertions are going to need. To be asked now and then while the tree
  /// grows, and handed to prepare() on any other thread: insertions then meet no page faults, and
  /// huge pages make lookups in a large tree faster. Works as well without, a little slower.
  [[nodiscard]] upcoming_memory take_upcoming() { return arena_.take_upcoming(); }
  /// Checks every invariant by walking everything (seconds for millions of files): order and shape
  /// of the directories, parents, totals, digests, accounting. errc::damaged with what is wrong.
  [[nodiscard]] result<void> verify() const;

 private:
  friend class tree_loader;
  struct weight;
  struct verification;

  [[nodiscard]] directory_index index() const noexcept { return directory_index(arena_); }
  [[nodiscard]] bool has_room(std::size_t chunks);
  [[nodiscard]] file_record& file(inode entry) const noexcept {
    return block_as<file_record>(arena_, entry.value);
  }
  [[nodiscard]] directory_record& record_of(directory_id directory) const noexcept {
    return block_as<directory_record>(arena_, directories_[directory].record);
  }
  [[nodiscard]] std::uint64_t digest_of(inode entry, std::uint32_t parent_serial) const;
  [[nodiscard]] weight weight_of(inode entry, std::uint32_t parent_serial) const;
  void add(directory_id directory, const weight& change);
  void subtract(directory_id directory, const weight& change);
  template <class Change>
  void change_entry(inode entry, Change&& change);

  [[nodiscard]] result<void> check_limits(directory_id directory, std::uint64_t names,
                                          std::uint64_t bytes) const;
  [[nodiscard]] static result<void> check(const file_attributes& attributes,
                                          std::span<const chunk_ref> chunks);
  [[nodiscard]] inode make_file(directory_id parent, std::string_view name,
                                const file_attributes& attributes,
                                std::span<const chunk_ref> chunks);
  [[nodiscard]] inode make_directory(directory_id parent, std::string_view name,
                                     const directory_attributes& attributes, std::uint32_t serial);
  void store_content(inode file, const file_attributes& attributes,
                     std::span<const chunk_ref> chunks);
  void place_name(inode entry, std::string_view name, std::string_view extra);
  void set_extra(inode entry, std::string_view extra);
  void release_chunk_list(inode file);
  void release_entry(inode entry);
  [[nodiscard]] inode find_cached(directory_id parent, std::string_view name) const;
  [[nodiscard]] directory_index::place place_of(const directory_record& parent,
                                                std::string_view name,
                                                const insert_point* missing) const;
  void link(directory_id parent, directory_record& into, const directory_index::place& where,
            inode entry, std::string_view name);
  void unlink(inode entry);
  void note_root(directory_id directory, const directory_record& record);
  void note_length(directory_id directory, std::size_t length);
  [[nodiscard]] std::size_t length_with(inode entry) const;
  [[nodiscard]] bool cache_is_right(const std::vector<std::uint32_t>& order) const;

  mutable arena arena_;  ///< mutable for index() only; const functions only search with that
  directory_table directories_;
  directory_cache cache_;
  std::uint64_t changes_ = 1;  ///< of indexes: tells whether an insert_point is still good
  boost::unordered_flat_map<std::uint32_t, quota> quotas_;  ///< by directory_id
  use_counts access_uses_;
  use_counts type_uses_;
  std::deque<directory_id> detached_;
  subtree_totals detached_totals_;
  std::uint32_t next_serial_ = 1;
};

/// Fills an empty tree from sorted data, several times faster than inserting, with full leaves.
///
/// Directories are filled one at a time, a parent before its children: open(root_directory), then
/// its entries in byte order, then open() of any directory made so far, and so on; last finish().
/// Until then nothing but the functions of this class may be used on the tree, and after a failure
/// it is good for destruction only. The input is not trusted: every violation is errc::damaged.
class tree_loader {
 public:
  /// `target` must be empty and outlive the loader.
  explicit tree_loader(tree& target);

  /// Attributes of the root; its serial is 1.
  result<void> set_root(const directory_attributes& attributes);
  /// The serial of the next directory to be created after the load.
  void set_next_serial(std::uint32_t serial);
  /// Another root that is waiting to be reclaimed, in the order of tree::detached().
  result<directory_id> add_detached(const directory_attributes& attributes, std::uint32_t serial);

  /// The following entries belong into `directory`, which must be empty.
  result<void> open(directory_id directory);
  /// `name` must be valid and greater than the one before in byte order.
  result<inode> add_file(std::string_view name, const file_attributes& attributes,
                         std::span<const chunk_ref> chunks);
  result<directory_id> add_directory(std::string_view name, const directory_attributes& attributes,
                                     std::uint32_t serial);
  result<void> set_quota(directory_id directory, const quota& limits);

  /// Adds up the totals and digests. The tree is usable from here.
  result<void> finish();

 private:
  result<void> check_entry(std::string_view name) const;
  result<directory_id> make_directory(directory_id parent, std::string_view name,
                                      const directory_attributes& attributes, std::uint32_t serial);
  void append(std::uint32_t id);
  void flush_leaf();

  tree& tree_;
  directory_id current_;
  std::uint32_t current_serial_ = 0;
  std::uint32_t pending_[directory_index::leaf_capacity];  ///< entries of the leaf being filled
  std::size_t pending_count_ = 0;
  std::uint32_t before_pending_ = 0;  ///< the last entry of the leaf before that
  std::uint32_t last_ = 0;            ///< the entry before the next one in `current_`; 0 if none
};

}  // namespace ssdfs::meta
