// Finds directories by their parent and name at once, for lookups on their way down a path.
#pragma once

#include "base/bytes.hpp"
#include "meta/arena.hpp"
#include "meta/directory_entry.hpp"
#include "meta/tree_types.hpp"

#include <nmmintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace ssdfs::meta {

/// Where a directory may be in the cache: a hash of its parent and its name.
class directory_key {
 public:
  directory_key() = default;
  directory_key(directory_id parent, std::string_view name) noexcept
      : parent_(parent.value), mixed_(mix(parent.value, name)) {}

  [[nodiscard]] std::uint32_t parent() const noexcept { return parent_; }
  [[nodiscard]] std::uint32_t tag() const noexcept { return static_cast<std::uint32_t>(mixed_); }
  /// A number below 2^bits.
  [[nodiscard]] std::size_t set(unsigned bits) const noexcept { return mixed_ >> (64 - bits); }

 private:
  static std::uint64_t mix(std::uint32_t parent, std::string_view name) noexcept {
    const auto* at = reinterpret_cast<const std::byte*>(name.data());
    std::uint64_t crc = name.size();
    std::size_t left = name.size();
    for (; left > 8; left -= 8, at += 8) crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(at));
    // What is left in one word, in which bytes may occur twice.
    std::uint64_t word = 0;
    if (name.size() >= 8) {
      word = load_le<std::uint64_t>(at + left - 8);
    } else if (left >= 4) {
      word = load_le<std::uint32_t>(at) | std::uint64_t{load_le<std::uint32_t>(at + left - 4)}
                                              << 32;
    } else if (left > 0) {
      word = std::to_integer<std::uint64_t>(at[0]) |
             std::to_integer<std::uint64_t>(at[left / 2]) << 8 |
             std::to_integer<std::uint64_t>(at[left - 1]) << 16;
    }
    crc = _mm_crc32_u64(crc, word);
    std::uint64_t x = (crc | std::uint64_t{parent} << 32) * 0x9e3779b97f4a7c15ULL;
    x ^= x >> 32;
    return x * 0xbf58476d1ce4e5b9ULL;
  }

  std::uint32_t parent_ = 0;
  std::uint64_t mixed_ = 0;
};

/// Some of the directories of the tree: each is entered when it is made, and may be forced out by
/// others. 4 MiB at most, for about 200,000 directories. What it says is always right: whoever
/// takes a directory out of its parent removes it here, too.
///
/// Beside the record of a directory it keeps the root node of its index, so that both can be loaded
/// at the same time. That is a guess, good for nothing but prefetching.
///
/// Single-threaded; const functions change nothing.
class directory_cache {
 public:
  /// What a key may stand for. Whether it does is told by the name of the record.
  struct candidate {
    std::uint32_t record = 0;  ///< 0: none
    std::uint32_t root = 0;    ///< of its index, probably; 0 if unknown
  };

  directory_cache() : memory_(bytes) {
    memory_.take_huge_pages(true, 0);
    memory_.extend(bytes);
  }

  void prefetch(const directory_key& key) const noexcept { __builtin_prefetch(&at(key)); }

  /// One that is likely to be it; `find` on the record's name decides. Reads no record.
  [[nodiscard]] candidate guess(const directory_key& key) const noexcept {
    const set& s = at(key);
    const unsigned ways = matching(s, key);
    if (ways == 0) return {};
    const auto way = static_cast<std::size_t>(std::countr_zero(ways));
    return {s.records[way], s.roots[way]};
  }
  /// The directory called `name` in the parent, of which `key` was made. Record 0 says nothing.
  [[nodiscard]] candidate find(const arena& memory, const directory_key& key,
                               std::string_view name) const noexcept {
    const set& s = at(key);
    for (unsigned ways = matching(s, key); ways != 0; ways &= ways - 1) {
      const auto way = static_cast<std::size_t>(std::countr_zero(ways));
      if (entry_name(memory, s.records[way]) == name) return {s.records[way], s.roots[way]};
    }
    return {};
  }

  /// Enters a directory that is not there.
  void insert(const directory_key& key, std::uint32_t record, std::uint32_t root) noexcept {
    set& s = at(key);
    std::size_t way = 0;
    while (way < ways_per_set && s.parents[way] != 0) ++way;
    if (way == ways_per_set) way = turn_++ % ways_per_set;
    s.tags[way] = key.tag();
    s.parents[way] = key.parent();
    s.records[way] = record;
    s.roots[way] = root;
    used_ = true;
  }
  /// Harmless if the directory is not there.
  void remove(const directory_key& key, std::uint32_t record) noexcept {
    set& s = at(key);
    for (std::size_t way = 0; way < ways_per_set; ++way) {
      if (s.parents[way] != 0 && s.records[way] == record) s.parents[way] = 0;
    }
  }
  /// The index of the directory has another root node.
  void set_root(const directory_key& key, std::uint32_t record, std::uint32_t root) noexcept {
    set& s = at(key);
    for (std::size_t way = 0; way < ways_per_set; ++way) {
      if (s.records[way] == record) s.roots[way] = root;
    }
  }

  /// Bytes taken from the system.
  [[nodiscard]] std::uint64_t total_bytes() const noexcept { return used_ ? bytes : 0; }
  /// Number of directories in it. Walks everything.
  [[nodiscard]] std::size_t count() const noexcept {
    std::size_t n = 0;
    for (std::size_t i = 0; used_ && i < std::size_t{1} << set_bits; ++i) {
      for (const std::uint32_t parent : sets()[i].parents) n += parent != 0 ? 1 : 0;
    }
    return n;
  }

 private:
  static constexpr unsigned set_bits = 16;
  static constexpr std::size_t ways_per_set = 4;

  struct alignas(64) set {
    std::array<std::uint32_t, ways_per_set> tags;
    std::array<std::uint32_t, ways_per_set> parents;  ///< directory_id; 0: not used
    std::array<std::uint32_t, ways_per_set> records;
    std::array<std::uint32_t, ways_per_set> roots;
  };
  static_assert(sizeof(set) == 64);
  static constexpr std::size_t bytes = sizeof(set) << set_bits;

  [[nodiscard]] set* sets() const noexcept { return reinterpret_cast<set*>(memory_.data()); }
  [[nodiscard]] set& at(const directory_key& key) const noexcept {
    return sets()[key.set(set_bits)];
  }
  // A bit for each way with this parent and tag.
  static unsigned matching(const set& s, const directory_key& key) noexcept {
    const auto equal = [](const std::array<std::uint32_t, ways_per_set>& values, std::uint32_t v) {
      return _mm_cmpeq_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(values.data())),
                             _mm_set1_epi32(static_cast<int>(v)));
    };
    const __m128i both = _mm_and_si128(equal(s.tags, key.tag()), equal(s.parents, key.parent()));
    return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(both)));
  }

  reserved_memory memory_;
  std::size_t turn_ = 0;  ///< which way a full set gives up next
  bool used_ = false;
};

}  // namespace ssdfs::meta
