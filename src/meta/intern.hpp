// Values that many entries share, kept once and named by 16-bit ids: who may do what with an entry,
// and content types. Ids are given in order and never taken back, so replay gives the same ones.
#pragma once

#include "base/result.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::meta {

/// Owner, group and permission bits of an entry.
struct access_rights {
  std::string owner;
  std::string group;
  std::uint16_t mode = 0;  ///< 0 to 07777
  friend bool operator==(const access_rights&, const access_rights&) = default;
};

/// At most 65,535 strings of at most 255 bytes, numbered in order of their first appearance; 0 is
/// always "". Not thread-safe.
class string_table {
 public:
  static constexpr std::size_t max_size = 65'535;
  static constexpr std::size_t max_length = 255;

  string_table();
  string_table(const string_table&) = delete;
  string_table& operator=(const string_table&) = delete;

  /// The id of `text`, a new one if it has none. too_large: the table is full or the text too
  /// long; invalid_argument: a control character in it.
  result<std::uint16_t> intern(std::string_view text);
  /// The id of `text` if it has one.
  [[nodiscard]] std::optional<std::uint16_t> find(std::string_view text) const;
  /// `id` must be below size(). Valid as long as the table.
  [[nodiscard]] std::string_view text(std::uint16_t id) const;
  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }

 private:
  std::deque<std::string> texts_;  ///< a deque: its strings never move
  boost::unordered_flat_map<std::string_view, std::uint16_t> ids_;
};

/// Content types by id.
using content_type_table = string_table;

/// At most 65,535 different access_rights; 0 is always {"root", "root", 0755}. Not thread-safe.
class access_table {
 public:
  static constexpr std::size_t max_size = 65'535;

  access_table();

  /// too_large: the table is full or a name over 255 bytes; invalid_argument: an empty name, a
  /// control character in one, or a mode over 07777.
  result<std::uint16_t> intern(std::string_view owner, std::string_view group, std::uint16_t mode);

  /// The id of this combination if it has one.
  [[nodiscard]] std::optional<std::uint16_t> find(std::string_view owner, std::string_view group,
                                                  std::uint16_t mode) const;

  /// `id` must be below size().
  [[nodiscard]] std::string_view owner(std::uint16_t id) const;
  [[nodiscard]] std::string_view group(std::uint16_t id) const;
  [[nodiscard]] std::uint16_t mode(std::uint16_t id) const;
  [[nodiscard]] access_rights rights(std::uint16_t id) const;
  [[nodiscard]] std::size_t size() const noexcept { return triples_.size(); }

 private:
  struct triple {
    std::uint16_t owner;
    std::uint16_t group;
    std::uint16_t mode;
  };
  string_table names_;
  std::deque<triple> triples_;
  boost::unordered_flat_map<std::uint64_t, std::uint16_t> ids_;  ///< by the packed triple
};

}  // namespace ssdfs::meta
