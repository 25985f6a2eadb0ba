// What the tree keeps of a directory besides its record: its place in the tree and its totals.
#pragma once

#include "base/assert.hpp"
#include "meta/arena.hpp"
#include "meta/tree_types.hpp"

#include <cstdint>

namespace ssdfs::meta {

/// One directory. Totals are of everything below it, itself not included.
struct directory_slot {
  std::uint32_t record;  ///< inode; 0 if the slot is free
  std::uint32_t parent;  ///< directory_id; 0 for the root and for detached ones; the next free slot
  std::uint32_t files;
  std::uint32_t directories : 31;
  std::uint32_t has_quota : 1;
  std::uint64_t bytes;
  std::uint64_t digest;  ///< sum of the digests of all entries below
};
static_assert(sizeof(directory_slot) == 32);

/// Slots by directory_id, 1 the first. Never moves; freed slots are reused, the last freed first.
/// Single-threaded.
class directory_table {
 public:
  static constexpr std::size_t max_directories = std::size_t{1} << 27;

  directory_table() : memory_((max_directories + 1) * sizeof(directory_slot)) {}

  [[nodiscard]] directory_slot& operator[](directory_id id) noexcept { return slots()[id.value]; }
  [[nodiscard]] const directory_slot& operator[](directory_id id) const noexcept {
    return slots()[id.value];
  }

  /// True if one more can be allocated. Throws std::bad_alloc.
  [[nodiscard]] bool has_room() {
    return free_ != 0 || memory_.extend((std::size_t{end_} + 1) * sizeof(directory_slot));
  }
  /// A slot of zeros. has_room must have been asked.
  [[nodiscard]] directory_id allocate() {
    const std::uint32_t id = free_ != 0 ? free_ : end_;
    if (free_ != 0) {
      free_ = slots()[id].parent;
    } else {
      ++end_;
    }
    slots()[id] = directory_slot{};
    return directory_id(id);
  }
  void release(directory_id id) noexcept {
    slots()[id.value] = directory_slot{};
    slots()[id.value].parent = free_;
    free_ = id.value;
  }

  /// One more than the highest id ever given.
  [[nodiscard]] std::uint32_t end() const noexcept { return end_; }
  [[nodiscard]] bool used(directory_id id) const noexcept {
    return id.value != 0 && id.value < end_ && slots()[id.value].record != 0;
  }
  [[nodiscard]] std::uint64_t total_bytes() const noexcept {
    return std::uint64_t{end_} * sizeof(directory_slot);
  }

 private:
  [[nodiscard]] directory_slot* slots() const noexcept {
    return reinterpret_cast<directory_slot*>(memory_.data());
  }

  reserved_memory memory_;
  std::uint32_t end_ = 1;
  std::uint32_t free_ = 0;
};

}  // namespace ssdfs::meta
