// The entries of one directory in byte order of their names: a B+tree of 32-bit ids.
#pragma once

#include "meta/arena.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ssdfs::meta {

/// Operations on the index of a directory, which is named by the id of its root node (0: empty).
/// Keys are not stored: leaves hold ids, names are read from the records (directory_entry.hpp).
/// Beside each id stands a hint, the four bytes of the name behind the prefix that is common to the
/// leaf, so that a search usually touches one record. Layout: directory_node.hpp.
///
/// Stateless but for the arena; single-threaded. Callers have asked the arena for `max_growth`
/// bytes of room before a change.
class directory_index {
 public:
  static constexpr std::size_t leaf_capacity = 64;
  static constexpr std::size_t max_separators = 255;  ///< of an inner node; one child more
  static constexpr std::size_t max_depth = 8;         ///< levels of inner nodes: never reached
  /// Upper bound of what one insert can allocate.
  static constexpr std::size_t max_growth = std::size_t{512} << 10;

  /// Where a name is or belongs: the way from the root to a place in a leaf. Valid until the next
  /// change of this index.
  struct place {
    struct step {
      std::uint32_t node;
      std::uint32_t child;
    };
    std::array<step, max_depth> way;
    std::size_t depth = 0;       ///< used steps
    std::uint32_t leaf = 0;      ///< 0 if the index is empty
    std::uint32_t position = 0;  ///< first entry that is not less than the name
    bool found = false;          ///< that entry has the name
    bool rightmost = true;       ///< no leaf is right of this one
  };

  explicit directory_index(arena& memory) noexcept : memory_(memory) {}

  /// The entry with this name; 0 if there is none.
  [[nodiscard]] std::uint32_t find(std::uint32_t root, std::string_view name) const;
  [[nodiscard]] place locate(std::uint32_t root, std::string_view name) const;
  [[nodiscard]] std::uint32_t entry_at(const place& where) const;

  /// Inserts `id`, whose record bears `name`, where locate did not find the name.
  void insert(std::uint32_t& root, const place& where, std::uint32_t id, std::string_view name);
  /// Removes what locate found. The record must still bear the name.
  void erase(std::uint32_t& root, const place& where);

  /// Up to out.size() entries with names greater than `after`, in order; returns how many.
  [[nodiscard]] std::size_t list(std::uint32_t root, std::string_view after,
                                 std::span<std::uint32_t> out) const;
  /// Some of the last entries, at least one if there is any, the last one first.
  [[nodiscard]] std::size_t peek_last(std::uint32_t root, std::span<std::uint32_t> out) const;
  /// Removes the last `count` entries, no more than peek_last has shown.
  void drop_last(std::uint32_t& root, std::size_t count);

  /// Appends 1 to leaf_capacity entries behind all others as one leaf. `previous` is the last
  /// entry so far, 0 if there is none.
  void append_leaf(std::uint32_t& root, std::span<const std::uint32_t> ids, std::uint32_t previous);

  /// Checks order, shape, hints and separators; returns "" or what is wrong. Adds the bytes of its
  /// nodes and of their texts to the counters.
  [[nodiscard]] std::string check(std::uint32_t root, std::uint64_t& node_bytes,
                                  std::uint64_t& text_bytes) const;

 private:
  struct unpacked_inner;

  [[nodiscard]] place locate_last(std::uint32_t root) const;
  [[nodiscard]] bool advance_leaf(place& where) const;

  // Leaves.
  void insert_into_leaf(std::uint32_t& root, const place& where, std::uint32_t id,
                        std::string_view name);
  void split_leaf(std::uint32_t& root, const place& where);
  void merge_leaf(std::uint32_t& root, const place& where);
  [[nodiscard]] std::uint32_t make_leaf(std::span<const std::uint32_t> ids, std::size_t capacity);
  void refresh_leaf(std::uint32_t leaf);
  void set_leaf_capacity(std::uint32_t leaf, std::size_t capacity);

  // Inner nodes. `level` counts from the root, 0, to the leaves, where.depth.
  void replace_node(std::uint32_t& root, const place& where, std::size_t level, std::uint32_t node);
  void link_right(std::uint32_t& root, const place& where, std::size_t level,
                  std::string_view separator, std::uint32_t node);
  void split_inner(std::uint32_t& root, const place& where, std::size_t level,
                   std::string_view separator, std::uint32_t child);
  void unlink(std::uint32_t& root, const place& where, std::size_t level);
  void merge_inner(std::uint32_t& root, const place& where, std::size_t level);
  [[nodiscard]] unpacked_inner unpack(std::uint32_t node) const;
  [[nodiscard]] std::uint32_t pack(const unpacked_inner& inner);
  void release_inner(std::uint32_t node);
  [[nodiscard]] std::uint32_t resize_inner(std::uint32_t node, std::size_t capacity);

  arena& memory_;
};

}  // namespace ssdfs::meta
