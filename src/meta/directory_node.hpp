// The nodes of a directory's B+tree in the arena, and searching in one.
//
//   leaf   header | samples[] | hints[capacity] | ids[capacity]
//   inner  header | prefix padded to 4 | hints[capacity] | texts[capacity] | children[capacity+1]
//
// A leaf's `prefix` is a length: that many bytes are common to all its names. The hint of a name is
// the four bytes behind the prefix as a big-endian number, padded with zeros, which no name
// contains, so hints sort as names do as far as they reach. The samples are copies of every 16th
// hint: they stand beside the header, so that a search loads only the 16 hints and ids that it
// needs. An inner node has `count` separators:
// child i holds names below separator i, child i + 1 names that are not. Its prefix is common to
// all separators and stands in the node. A separator that ends within prefix and hint needs no
// more (its text is 0); a longer one stands in a text block.
#pragma once

#include "base/bytes.hpp"
#include "meta/arena.hpp"
#include "meta/directory_entry.hpp"

#include <nmmintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ssdfs::meta {

struct node_header {
  std::uint8_t head;      ///< block_kind leaf or inner
  std::uint8_t count;     ///< entries of a leaf, separators of an inner node
  std::uint8_t capacity;  ///< what count may grow to without a new block
  std::uint8_t prefix;    ///< bytes common to all names or separators

  [[nodiscard]] bool is_leaf() const noexcept {
    return (head & 15U) == static_cast<unsigned>(block_kind::leaf);
  }
};
static_assert(sizeof(node_header) == 4);

struct leaf_node : node_header {
  static constexpr std::uint32_t stride = 16;

  [[nodiscard]] static constexpr std::size_t samples_for(std::size_t capacity) noexcept {
    return (capacity - 1) / stride;
  }
  /// samples()[i] is hint stride * (i + 1) - 1, or the highest number if there is none.
  [[nodiscard]] std::uint32_t* samples() noexcept {
    return reinterpret_cast<std::uint32_t*>(this + 1);
  }
  [[nodiscard]] const std::uint32_t* samples() const noexcept {
    return reinterpret_cast<const std::uint32_t*>(this + 1);
  }
  [[nodiscard]] std::uint32_t* hints() noexcept { return samples() + samples_for(capacity); }
  [[nodiscard]] const std::uint32_t* hints() const noexcept {
    return samples() + samples_for(capacity);
  }
  [[nodiscard]] std::uint32_t* ids() noexcept { return hints() + capacity; }
  [[nodiscard]] const std::uint32_t* ids() const noexcept { return hints() + capacity; }

  /// After every change of hints or count.
  void take_samples() noexcept {
    for (std::size_t i = 0; i < samples_for(capacity); ++i) {
      const std::size_t at = stride * (i + 1) - 1;
      samples()[i] = at < count ? hints()[at] : UINT32_MAX;
    }
  }
  /// How many hints need not be looked at, because they are below one that is below `wanted`.
  [[nodiscard]] std::uint32_t skip(std::uint32_t wanted) const noexcept {
    std::uint32_t skipped = 0;
    for (std::size_t i = 0; i < samples_for(capacity); ++i) {
      skipped += samples()[i] < wanted ? stride : 0;
    }
    return skipped;
  }
  /// Starts to load what a search behind the skipped hints reads.
  void prefetch(std::uint32_t skipped) const noexcept {
    __builtin_prefetch(hints() + skipped);
    __builtin_prefetch(hints() + skipped + stride - 1);
    __builtin_prefetch(ids() + skipped);
    __builtin_prefetch(ids() + skipped + stride - 1);
  }

  [[nodiscard]] static constexpr std::size_t bytes(std::size_t capacity) noexcept {
    const std::size_t exact = sizeof(node_header) + 4 * samples_for(capacity) + 8 * capacity;
    return (exact + 7) & ~std::size_t{7};
  }
};

struct inner_node : node_header {
  [[nodiscard]] char* prefix_bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] const char* prefix_bytes() const noexcept {
    return reinterpret_cast<const char*>(this + 1);
  }
  [[nodiscard]] std::string_view prefix_view() const noexcept { return {prefix_bytes(), prefix}; }
  [[nodiscard]] std::uint32_t* hints() noexcept {
    return reinterpret_cast<std::uint32_t*>(prefix_bytes() + ((prefix + 3U) & ~3U));
  }
  [[nodiscard]] const std::uint32_t* hints() const noexcept {
    return reinterpret_cast<const std::uint32_t*>(prefix_bytes() + ((prefix + 3U) & ~3U));
  }
  [[nodiscard]] std::uint32_t* texts() noexcept { return hints() + capacity; }
  [[nodiscard]] const std::uint32_t* texts() const noexcept { return hints() + capacity; }
  [[nodiscard]] std::uint32_t* children() noexcept { return texts() + capacity; }
  [[nodiscard]] const std::uint32_t* children() const noexcept { return texts() + capacity; }

  [[nodiscard]] static constexpr std::size_t bytes(std::size_t capacity,
                                                   std::size_t prefix) noexcept {
    const std::size_t exact =
        sizeof(node_header) + ((prefix + 3) & ~std::size_t{3}) + 4 * (3 * capacity + 1);
    return (exact + 7) & ~std::size_t{7};
  }
};

[[nodiscard]] inline std::size_t node_bytes(const inner_node& inner) noexcept {
  return inner_node::bytes(inner.capacity, inner.prefix);
}

/// The hint of a name behind a prefix of a length; 0 if the name is not longer than that.
[[nodiscard]] inline std::uint32_t hint_of(std::string_view name, std::size_t prefix) noexcept {
  std::uint32_t raw = 0;
  if (name.size() >= prefix + 4) {
    std::memcpy(&raw, name.data() + prefix, 4);
  } else if (name.size() > prefix) {
    std::memcpy(&raw, name.data() + prefix, name.size() - prefix);
  }
  return __builtin_bswap32(raw);
}

/// The hint behind a shorter prefix, from the old hint and the bytes that left the prefix.
[[nodiscard]] inline std::uint32_t widen_hint(std::uint32_t hint, std::string_view lost) noexcept {
  const std::uint32_t front = hint_of(lost, 0);
  return lost.size() >= 4 ? front : front | hint >> (8 * lost.size());
}

[[nodiscard]] inline std::size_t common_prefix(std::string_view a, std::string_view b) noexcept {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const auto at = [i](std::string_view s) {
      return load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(s.data() + i));
    };
    if (const std::uint64_t differs = at(a) ^ at(b); differs != 0) {
      return i + static_cast<std::size_t>(std::countr_zero(differs)) / 8;
    }
  }
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

/// Entries [first, first + equal) have the hint searched for, those before are below it.
struct hint_range {
  std::uint32_t first;
  std::uint32_t equal;
};

/// How the hints of a group of 16 compare with one: a bit for each hint.
struct hint_masks {
  std::uint32_t below;
  std::uint32_t same;
};
/// Reads 64 bytes.
[[nodiscard]] inline hint_masks compare_hints(const std::uint32_t* hints,
                                              std::uint32_t wanted) noexcept {
  const __m128i flip = _mm_set1_epi32(static_cast<int>(0x80000000U));
  const __m128i key = _mm_xor_si128(_mm_set1_epi32(static_cast<int>(wanted)), flip);
  __m128i below[4];
  __m128i same[4];
  for (int i = 0; i < 4; ++i) {
    const __m128i v =
        _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(hints) + i), flip);
    below[i] = _mm_cmplt_epi32(v, key);
    same[i] = _mm_cmpeq_epi32(v, key);
  }
  // Packing saturates, which leaves all ones and all zeros what they are.
  const auto bits = [](const __m128i(&m)[4]) {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(
        _mm_packs_epi16(_mm_packs_epi32(m[0], m[1]), _mm_packs_epi32(m[2], m[3]))));
  };
  return {bits(below), bits(same)};
}

/// The first `skipped` hints are known to be below; those from the 16th behind them on are known to
/// be above, or are looked at only where the 16 end with equal ones. May read up to 64 bytes behind
/// the hints: that is inside of the arena, which ends with more than that.
[[nodiscard]] inline hint_range search_hints(const std::uint32_t* hints, std::uint32_t count,
                                             std::uint32_t skipped, std::uint32_t wanted) noexcept {
  hint_range range{skipped, 0};
  for (std::uint32_t i = skipped; i < count; i += 16) {
    const hint_masks masks = compare_hints(hints + i, wanted);
    const std::uint32_t valid = count - i >= 16 ? 0xffffU : (1U << (count - i)) - 1;
    const std::uint32_t below = masks.below & valid;
    const std::uint32_t same = masks.same & valid;
    range.first += static_cast<std::uint32_t>(std::popcount(below));
    range.equal += static_cast<std::uint32_t>(std::popcount(same));
    if ((below | same) != 0xffffU) break;
  }
  return range;
}

[[nodiscard]] inline hint_range search_leaf(const leaf_node& leaf, std::uint32_t wanted) noexcept {
  const std::uint32_t skipped = leaf.skip(wanted);
  leaf.prefetch(skipped);
  return search_hints(leaf.hints(), leaf.count, skipped, wanted);
}

[[nodiscard]] inline hint_range search_inner(const inner_node& inner,
                                             std::uint32_t wanted) noexcept {
  // Every 16th hint first: these loads are independent of each other.
  std::uint32_t skipped = 0;
  for (std::uint32_t last = 15; last < inner.count; last += 16) {
    skipped += inner.hints()[last] < wanted ? 16 : 0;
  }
  return search_hints(inner.hints(), inner.count, skipped, wanted);
}

/// Starts to load `bytes` of a node, which need not be its size.
inline void prefetch_bytes(const node_header& node, std::size_t begin, std::size_t bytes) noexcept {
  const auto* at = reinterpret_cast<const char*>(&node);
  for (std::size_t line = begin; line < bytes; line += 64) __builtin_prefetch(at + line);
}
/// What is worth loading of a node that is not known yet: of the root of an index, which is an
/// inner node in directories that cost more than a leaf, and of what is below it, which is a leaf.
inline constexpr std::size_t root_bytes = 448;
inline constexpr std::size_t begin_bytes = 192;
inline constexpr std::size_t leaf_bytes = 576;  ///< of a full leaf, in whole cache lines
inline void prefetch_root(const node_header& node) noexcept { prefetch_bytes(node, 0, root_bytes); }
inline void prefetch_begin(const node_header& node) noexcept {
  prefetch_bytes(node, 0, begin_bytes);
}
/// All of a full leaf: for a single search, which would have to wait for the header first, and then
/// for hints and ids. What is loaded too much of an inner node costs less than to tell them apart.
inline void prefetch_node(const node_header& node) noexcept { prefetch_bytes(node, 0, leaf_bytes); }

/// The rest of an inner node whose header is there, behind what was asked for.
inline void prefetch_rest(const inner_node& inner, std::size_t asked) noexcept {
  prefetch_bytes(inner, asked, node_bytes(inner));
}

/// A place among the entries of a leaf: the first whose name is not less than the one searched for,
/// and whether it has that name.
struct leaf_position {
  std::uint32_t at;
  bool found;
};

/// Searches among entries with equal hints.
[[nodiscard]] inline leaf_position search_names(const arena& memory, const leaf_node& leaf,
                                                hint_range range, std::string_view name) noexcept {
  std::uint32_t low = range.first;
  std::uint32_t high = range.first + range.equal;
  while (low < high) {
    const std::uint32_t middle = (low + high) / 2;
    const int order = entry_name(memory, leaf.ids()[middle]).compare(name);
    if (order == 0) return {middle, true};
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {low, false};
}

/// The separator `i` of an inner node, put together in `space` if it has no text.
[[nodiscard]] inline std::string_view separator_of(const arena& memory, const inner_node& inner,
                                                   std::uint32_t i, char (&space)[260]) noexcept {
  if (const std::uint32_t text = inner.texts()[i]; text != 0) {
    return block_as<text_block>(memory, text).view();
  }
  std::memcpy(space, inner.prefix_bytes(), inner.prefix);
  std::size_t length = inner.prefix;
  for (std::uint32_t rest = inner.hints()[i]; rest != 0; rest <<= 8) {
    space[length++] = static_cast<char>(rest >> 24);
  }
  return {space, length};
}

/// Which child holds `name`: the number of separators that are not greater.
[[nodiscard]] inline std::uint32_t child_for(const arena& memory, const inner_node& inner,
                                             std::string_view name) noexcept {
  if (inner.prefix > 0) {
    const int order = name.substr(0, inner.prefix).compare(inner.prefix_view());
    if (order < 0) return 0;
    if (order > 0) return inner.count;
  }
  const hint_range range = search_inner(inner, hint_of(name, inner.prefix));
  std::uint32_t low = range.first;
  std::uint32_t high = range.first + range.equal;
  while (low < high) {
    const std::uint32_t middle = (low + high) / 2;
    const std::uint32_t text = inner.texts()[middle];
    // A separator without text is at an end where its hint is, so it is a prefix of the name.
    if (text == 0 || block_as<text_block>(memory, text).view() <= name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace ssdfs::meta
