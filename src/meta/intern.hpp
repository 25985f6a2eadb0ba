// Values that many entries share, kept once and named by 16-bit ids: who may do what with an entry,
// and content types. A new value gets the lowest id that is free, so replay gives the same ones;
// which values are taken back is logged (FORGET).
#pragma once

#include "base/result.hpp"
#include "ssdfs/limits.hpp"

#include <boost/container_hash/hash.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
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

/// Ids that are taken, from 0 on. Not thread-safe.
class id_set {
 public:
  /// The lowest free one.
  [[nodiscard]] std::uint16_t next() const noexcept {
    return free_.empty() ? static_cast<std::uint16_t>(end_) : *free_.begin();
  }
  /// Takes next(), or the first behind all.
  void take(std::uint16_t id) {
    if (id == end_) {
      ++end_;
    } else {
      free_.erase(id);
    }
  }
  void release(std::uint16_t id) { free_.insert(id); }
  /// The first behind all stays free.
  void skip() { free_.insert(static_cast<std::uint16_t>(end_++)); }
  /// All ids that were ever taken are below.
  [[nodiscard]] std::size_t end() const noexcept { return end_; }
  [[nodiscard]] std::size_t count() const noexcept { return end_ - free_.size(); }

 private:
  std::size_t end_ = 0;
  std::set<std::uint16_t> free_;
};

/// At most 65,535 strings of at most 255 bytes by id; 0 is always "". Not thread-safe.
class string_table {
 public:
  static constexpr std::size_t max_size = 65'535;
  static constexpr std::size_t max_length = max_text_length;

  string_table();
  string_table(const string_table&) = delete;
  string_table& operator=(const string_table&) = delete;

  /// The id of `text`, a new one if it has none. too_large: the table is full or the text too
  /// long; invalid_argument: a control character in it.
  result<std::uint16_t> intern(std::string_view text);
  /// The id of `text` if it has one.
  [[nodiscard]] std::optional<std::uint16_t> find(std::string_view text) const;
  /// `id` must be taken. Valid until it is released.
  [[nodiscard]] std::string_view text(std::uint16_t id) const;
  /// Takes a value back, other than "".
  void release(std::uint16_t id);
  /// For a table that is read back: the first id behind all is the value's, which is new
  /// (invalid_argument), or stays free.
  result<void> append(std::string_view text);
  void skip();
  [[nodiscard]] bool taken(std::uint16_t id) const {
    return id == 0 || (id < texts_.size() && !texts_[id].empty());
  }
  /// Ids are below this.
  [[nodiscard]] std::size_t size() const noexcept { return set_.end(); }
  [[nodiscard]] std::size_t used() const noexcept { return set_.count(); }

 private:
  result<std::uint16_t> add(std::string_view text, std::size_t id);

  id_set set_;
  std::deque<std::string> texts_;  ///< by id; a deque: its strings never move
  boost::unordered_flat_map<std::string_view, std::uint16_t> ids_;
};

/// Content types by id.
using content_type_table = string_table;

/// At most 65,535 different access_rights; 0 is always {"root", "root", 0755}. Not thread-safe.
class access_table {
 public:
  static constexpr std::size_t max_size = 65'535;

  access_table();
  access_table(const access_table&) = delete;
  access_table& operator=(const access_table&) = delete;

  /// too_large: the table is full or a name over 255 bytes; invalid_argument: an empty name, a
  /// control character in one, or a mode over 07777.
  result<std::uint16_t> intern(std::string_view owner, std::string_view group, std::uint16_t mode);

  /// The id of this combination if it has one.
  [[nodiscard]] std::optional<std::uint16_t> find(std::string_view owner, std::string_view group,
                                                  std::uint16_t mode) const;

  /// `id` must be taken; views are valid until it is released.
  [[nodiscard]] std::string_view owner(std::uint16_t id) const { return at(id).owner; }
  [[nodiscard]] std::string_view group(std::uint16_t id) const { return at(id).group; }
  [[nodiscard]] std::uint16_t mode(std::uint16_t id) const { return at(id).mode; }
  [[nodiscard]] const access_rights& rights(std::uint16_t id) const { return at(id); }
  /// Takes a combination back, other than the first.
  void release(std::uint16_t id);
  /// For a table that is read back: the first id behind all is the combination's, which is new
  /// (invalid_argument), or stays free.
  result<void> append(std::string_view owner, std::string_view group, std::uint16_t mode);
  void skip();
  [[nodiscard]] bool taken(std::uint16_t id) const {
    return id < rights_.size() && !rights_[id].owner.empty();
  }
  /// Ids are below this.
  [[nodiscard]] std::size_t size() const noexcept { return set_.end(); }
  [[nodiscard]] std::size_t used() const noexcept { return set_.count(); }

 private:
  struct key {  // views of rights_, or of what is looked for
    std::string_view owner;
    std::string_view group;
    std::uint16_t mode = 0;
    friend bool operator==(const key&, const key&) = default;
    friend std::size_t hash_value(const key& k) noexcept {
      std::size_t seed = k.mode;
      boost::hash_combine(seed, k.owner);
      boost::hash_combine(seed, k.group);
      return seed;
    }
  };
  [[nodiscard]] const access_rights& at(std::uint16_t id) const;
  result<std::uint16_t> add(const key& value, std::size_t id);

  id_set set_;
  std::deque<access_rights> rights_;  ///< by id
  boost::unordered_flat_map<key, std::uint16_t> ids_;
};

}  // namespace ssdfs::meta
