// Memory for the namespace: blocks of 8 to 4,096 bytes that never move and are named by 32 bits.
#pragma once

#include "base/assert.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ssdfs::meta {

/// A range of addresses that becomes memory piece by piece: growing it moves nothing and copies
/// nothing. Not thread-safe.
class reserved_memory {
 public:
  /// Reserves addresses only; throws std::bad_alloc.
  explicit reserved_memory(std::size_t capacity);
  ~reserved_memory();
  reserved_memory(const reserved_memory&) = delete;
  reserved_memory& operator=(const reserved_memory&) = delete;

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  /// Makes the first `bytes` usable (zeros at first). False beyond the capacity; throws
  /// std::bad_alloc when the system has no memory.
  bool extend(std::size_t bytes) { return bytes <= usable_ || grow(bytes); }

  /// Whether memory behind the first `used` bytes is taken in huge pages. They are reached faster,
  /// but whoever touches one first waits until 2 MiB are cleared. Off at first.
  void take_huge_pages(bool on, std::size_t used) noexcept;

 private:
  bool grow(std::size_t bytes);

  std::byte* mapped_ = nullptr;
  std::byte* data_ = nullptr;  ///< where a huge page can begin
  std::size_t capacity_ = 0;
  std::size_t usable_ = 0;
  bool huge_ = false;
};

/// Memory that is going to be used soon. Empty: nothing to do.
struct upcoming_memory {
  std::byte* at = nullptr;
  std::size_t bytes = 0;
  [[nodiscard]] bool empty() const noexcept { return bytes == 0; }
};

/// Has the system provide the memory, in huge pages where it can, which takes about a millisecond
/// for each 2 MiB. Thread-safe, and harmless at any time while the owner of the memory lives.
void prepare(const upcoming_memory& memory) noexcept;

/// What a block holds: the low four bits of its first byte; the other bits are its owner's.
enum class block_kind : std::uint8_t {
  free = 0,
  file = 1,
  directory = 2,
  text = 3,
  chunk_list = 4,
  leaf = 5,
  inner = 6,
  extra = 7,
  reserved = 15,  ///< the 8 bytes at id 0, so that 0 can mean "none"
};

[[nodiscard]] inline block_kind kind_of(const std::byte* block) noexcept {
  return static_cast<block_kind>(std::to_integer<unsigned>(*block) & 15U);
}

/// The arena.
///
/// An id is the offset of a block divided by 8, which reaches 32 GiB. Blocks are taken from lists
/// of freed ones of the same size, else cut from a larger freed one, else from the end. Every block
/// tells its kind and with that its size, so memory can be walked block by block in slices of
/// 64 KiB that no block straddles. When much is free but does not fit, a sweep goes through all
/// slices, a few for each that would be taken from the end, and joins neighbours.
///
/// What a search meets first is kept together: directories and nodes have regions of their own,
/// made of extents of up to a huge page, so that few pages hold them. A block may come from another
/// region, when that one has more to spare than it is worth to keep them apart.
///
/// Single-threaded. Ids and addresses stay valid until release.
class arena {
 public:
  static constexpr std::size_t max_block = 4096;
  static constexpr std::size_t slice_bytes = std::size_t{64} << 10;
  /// Returns the bytes of a used block (a multiple of 8) from its contents.
  using size_function = std::size_t (*)(const std::byte* block);

  /// `size_of` must know every kind that is allocated. Throws std::bad_alloc.
  explicit arena(size_function size_of);

  /// A block of `bytes` (a multiple of 8, 8 to max_block) whose first byte is set to the kind; the
  /// rest is uninitialized. The contents must tell the block's size to `size_of` before the next
  /// call of a non-const function. has_room must have been asked.
  [[nodiscard]] std::uint32_t allocate(block_kind kind, std::size_t bytes);
  /// Frees a block of exactly `bytes`.
  void release(std::uint32_t id, std::size_t bytes);
  /// Gives back the end of a block, which stays where it is.
  void shrink(std::uint32_t id, std::size_t bytes, std::size_t new_bytes);

  /// True if so many more bytes can be allocated, in blocks of any size. Throws std::bad_alloc.
  [[nodiscard]] bool has_room(std::size_t bytes) {
    return memory_.extend(end_ * 8 + bytes + bytes / 8 + regions * extent_bytes + slice_bytes);
  }

  /// While on, allocate may take milliseconds now and then, and what it returns is reached faster:
  /// for filling the arena before anybody waits for it.
  void take_huge_pages(bool on) noexcept { memory_.take_huge_pages(on, end_ * 8); }

  /// What allocate is going to take from the end soon and was not handed out by this function yet:
  /// up to 32 MiB, in proportion to what is used. Throws std::bad_alloc.
  [[nodiscard]] upcoming_memory take_upcoming();

  [[nodiscard]] std::byte* at(std::uint32_t id) const noexcept {
    return base_ + std::size_t{id} * 8;
  }

  [[nodiscard]] std::size_t slices() const noexcept { return end_ / slice_units; }
  /// Calls visitor(id) for every used block of a slice. The visitor may shrink or release that
  /// block and none other.
  template <class Visitor>
  void for_each_block(std::size_t slice, Visitor&& visitor) const {
    std::size_t unit = slice * slice_units;
    const std::size_t limit = limit_of(slice);
    while (unit < limit) {
      const auto id = static_cast<std::uint32_t>(unit);
      const block_kind kind = kind_of(at(id));
      unit += units_at(id);
      if (kind != block_kind::free && kind != block_kind::reserved) visitor(id);
    }
  }

  /// Bytes in blocks of a kind (free: freed and not used again).
  [[nodiscard]] std::uint64_t bytes(block_kind kind) const noexcept {
    return bytes_[static_cast<std::size_t>(kind)];
  }
  /// Bytes taken from the system.
  [[nodiscard]] std::uint64_t total_bytes() const noexcept { return end_ * 8; }
  /// True if all blocks lie end to end and their sizes agree with the accounting. Walks everything.
  [[nodiscard]] bool consistent() const;

 private:
  struct free_block;
  static constexpr std::size_t regions = 3;  ///< nodes and texts, directories, all other
  static constexpr std::size_t extent_bytes = std::size_t{2} << 20;
  static constexpr std::size_t slice_units = slice_bytes / 8;
  static constexpr std::size_t max_units = max_block / 8;
  /// Lists by units; the last one holds all that are larger than max_units.
  static constexpr std::size_t lists = max_units + 2;
  /// Units that are enough for a record; what remains of a block that is cut should be that.
  static constexpr std::size_t useful_rest = 3;

  struct region {
    std::size_t at = 0;   ///< where its next block is taken from
    std::size_t end = 0;  ///< of its last extent
    std::uint64_t free_bytes = 0;
    std::array<std::uint32_t, lists> heads{};
    std::array<std::uint64_t, lists / 64 + 1> filled{};  ///< bit per non-empty list

    [[nodiscard]] std::size_t find_list(std::size_t from) const noexcept;
  };

  [[nodiscard]] static std::size_t region_for(block_kind kind) noexcept;
  [[nodiscard]] region& region_of(std::uint32_t id) noexcept {
    return regions_[slice_regions_[id / slice_units]];
  }
  [[nodiscard]] std::size_t limit_of(std::size_t slice) const noexcept;
  [[nodiscard]] std::size_t units_at(std::uint32_t id) const;
  [[nodiscard]] std::uint32_t take(region& home, std::size_t units);
  [[nodiscard]] std::uint32_t take_listed(region& from, std::size_t units);
  [[nodiscard]] std::uint32_t take_from_end(region& to, std::size_t units);
  void take_extent(region& to);
  void make_free(std::uint32_t id, std::size_t units);
  void push(std::uint32_t id, std::size_t units);
  void start_sweep_if_worthwhile();
  void sweep_slice();

  size_function size_of_;
  reserved_memory memory_;
  std::byte* base_;
  std::size_t end_ = 0;  ///< units in extents, counted from the start
  std::array<region, regions> regions_{};
  std::vector<std::uint8_t> slice_regions_;  ///< index of the region of each slice
  std::array<std::uint64_t, 16> bytes_{};    ///< by block_kind
  std::size_t sweep_at_ = 0;                 ///< next slice to sweep
  std::size_t sweep_end_ = 0;  ///< slices [sweep_at_, sweep_end_) are not listed at the moment
  std::uint64_t freed_since_sweep_ = 0;
  std::size_t prepared_ = 0;  ///< bytes from the start that take_upcoming has handed out
};

}  // namespace ssdfs::meta
