// Helpers of the tree tests: short forms, copying a tree through the loader, kinds of names.
#pragma once

#include "meta/tree.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::test {

using namespace ssdfs::meta;

/// A chunk whose fields follow from one number.
inline chunk_ref chunk_of(std::uint32_t n, std::uint32_t size) {
  return {{volume_slot(n % 13), n + 1}, size, n * 2654435761U};
}

/// A file with `n` chunks that agree with its attributes.
struct sample_file {
  file_attributes attributes;
  std::vector<chunk_ref> chunks;

  explicit sample_file(std::uint32_t seed = 0, std::size_t n = 1) {
    for (std::size_t i = 0; i < n; ++i) {
      chunks.push_back(chunk_of(seed + static_cast<std::uint32_t>(i), 1 + (seed + 7) % 70'000));
      attributes.size += chunks.back().size;
    }
    attributes.crc32c = n == 1 ? chunks[0].crc32c : seed;
    attributes.mtime_ms = 1'700'000'000'000 + seed;
    attributes.access = static_cast<std::uint16_t>(seed % 5);
    attributes.content_type = static_cast<std::uint16_t>(seed % 3);
    attributes.replication = static_cast<std::uint8_t>(seed % 4);
  }
};

inline std::vector<chunk_ref> chunks_of(const tree& t, inode file) {
  std::vector<chunk_ref> out;
  t.chunks(file, out);
  return out;
}

/// All names of a directory, read in pages of `page`.
inline std::vector<std::string> names_of(const tree& t, directory_id directory,
                                         std::size_t page = 100) {
  std::vector<std::string> out;
  std::vector<inode> ids(page);
  while (const std::size_t n = t.list(directory, out.empty() ? "" : out.back(), ids)) {
    for (std::size_t i = 0; i < n; ++i) out.emplace_back(t.name(ids[i]));
    if (n < page) break;
  }
  return out;
}

inline void require_sound(const tree& t) {
  const auto outcome = t.verify();
  BOOST_REQUIRE_MESSAGE(outcome.has_value(),
                        (outcome.has_value() ? std::string() : outcome.error().message()));
}

/// Fills an empty tree with what `from` holds, through the loader, as an image would.
inline void copy_tree(const tree& from, tree& to) {
  tree_loader loader(to);
  std::deque<std::pair<directory_id, directory_id>> todo{{root_directory, root_directory}};
  BOOST_REQUIRE(loader.set_root(from.attributes(root_directory)).has_value());
  loader.set_next_serial(from.next_serial());
  for (const directory_id id : from.detached()) {
    const auto made = loader.add_detached(from.attributes(id), from.serial(id));
    BOOST_REQUIRE(made.has_value());
    todo.emplace_back(id, *made);
  }
  for (; !todo.empty(); todo.pop_front()) {
    const auto [source, target] = todo.front();
    BOOST_REQUIRE(loader.open(target).has_value());
    if (from.quota_of(source) != quota{}) {
      BOOST_REQUIRE(loader.set_quota(target, from.quota_of(source)).has_value());
    }
    std::vector<inode> page(1000);
    std::string after;
    while (const std::size_t n = from.list(source, after, page)) {
      for (std::size_t i = 0; i < n; ++i) {
        const inode entry = page[i];
        if (from.is_directory(entry)) {
          const directory_id below = from.directory_of(entry);
          const auto made =
              loader.add_directory(from.name(entry), from.attributes(below), from.serial(below));
          BOOST_REQUIRE(made.has_value());
          todo.emplace_back(below, *made);
        } else {
          BOOST_REQUIRE(
              loader.add_file(from.name(entry), from.attributes(entry), chunks_of(from, entry))
                  .has_value());
        }
      }
      after = from.name(page[n - 1]);
    }
  }
  BOOST_REQUIRE(loader.finish().has_value());
}

/// Kinds of names that are hard for prefixes and hints.
enum class name_kind {
  plain,
  long_common_prefix,
  equal_hints,
  full_length,
  any_byte,
  nested_prefix
};
inline constexpr name_kind all_name_kinds[] = {
    name_kind::plain,       name_kind::long_common_prefix, name_kind::equal_hints,
    name_kind::full_length, name_kind::any_byte,           name_kind::nested_prefix};

/// A valid name of a kind; equal numbers give equal names, most others different ones.
inline std::string make_name(name_kind kind, std::uint64_t n) {
  const std::string digits = std::to_string(n);
  switch (kind) {
    case name_kind::plain: return digits;
    case name_kind::long_common_prefix: return std::string(200, 'p') + digits;
    case name_kind::equal_hints:
      // An outlier keeps the common prefix empty, so that all others have one hint.
      return n == 0 ? "A" : "image-" + digits;
    case name_kind::full_length: return digits + std::string(255 - digits.size(), 'x');
    case name_kind::nested_prefix: return std::string(1 + n % 255, 'a');
    case name_kind::any_byte: {
      std::mt19937_64 random(n);
      std::string out;
      while (out.size() < 3 + n % 20) {
        const std::uint32_t c = static_cast<std::uint32_t>(random() % 3 == 0   ? random() % 0x80
                                                           : random() % 2 == 0 ? random() % 0x800
                                                                               : random() % 0xd800);
        if (c == 0 || c == '/') continue;
        if (c < 0x80) {
          out += static_cast<char>(c);
        } else if (c < 0x800) {
          out += static_cast<char>(0xc0 | c >> 6);
          out += static_cast<char>(0x80 | (c & 0x3f));
        } else {
          out += static_cast<char>(0xe0 | c >> 12);
          out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
          out += static_cast<char>(0x80 | (c & 0x3f));
        }
      }
      return out;
    }
  }
  return digits;
}

}  // namespace ssdfs::test
