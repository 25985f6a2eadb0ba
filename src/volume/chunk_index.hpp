// Where every chunk of a volume is: memory over a mapped checkpoint.
#pragma once

#include "base/digest.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "volume/index_file.hpp"
#include "volume/needle.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace ssdfs::volume {

/// What the index says of a key.
enum class key_state : std::uint8_t {
  unknown,     ///< never seen
  live,        ///< readable
  burnt,       ///< tried, removed or given up: never to be live by an append
  pending,     ///< being written
  tombstoned,  ///< set aside as an orphan
  damaged,     ///< the page of the checkpoint that would tell does not match its CRC
};

struct find_result {
  key_state state = key_state::unknown;
  chunk_entry entry;  ///< if live
};

/// The chunks of one volume. Not thread-safe.
///
/// Keys of the current opening are in pages of 12-byte slots; a checkpoint written at the seal
/// replaces them by a sorted, mapped file (the base) that costs next to no memory; what changes
/// afterwards lies in a small map over it. Keys below the burnt floor that are nowhere are burnt.
class chunk_index {
 public:
  chunk_index() = default;

  /// Starts from a checkpoint; forgets everything else.
  void set_base(std::shared_ptr<const index_file> base);

  [[nodiscard]] find_result find(chunk_key key) const;

  /// The key is tried: burnt for everybody else until add() or for good.
  void begin(chunk_key key);
  /// A pending key will never be finished.
  void burn(chunk_key key);
  /// The key becomes live at this place, from any state; a live one with the same content moves.
  void add(const chunk_entry& entry);
  /// The key, live or tombstoned, is gone for good; an unknown one is burnt. True if it was live.
  bool remove(chunk_key key);
  /// A live key is set aside; for one that is already only the time changes. False if it is not
  /// live.
  bool set_aside(chunk_key key, const aside_time& at);
  /// The reverse. False if the key is not tombstoned.
  bool revive(chunk_key key);

  /// Burns all keys up to the highest that are nowhere: they belong to grants that have ended.
  void burn_gaps() { burnt_floor_ = highest_key_ + 1; }
  /// The same for those below `key`, and for no others.
  void burn_below(chunk_key key) { burnt_floor_ = key; }
  void raise_highest(chunk_key key) { highest_key_ = std::max(highest_key_, key); }

  /// Calls visit(const chunk_entry&) for live chunks with key >= from in order of key until it
  /// returns false. errc::damaged if a page of the checkpoint is.
  template <class Visit>
  result<void> for_each(chunk_key from, Visit&& visit) const;

  [[nodiscard]] const volume_digest& digest() const noexcept { return digest_; }
  /// Bytes of the records of live and tombstoned chunks.
  [[nodiscard]] std::uint64_t extent_bytes() const noexcept { return extent_bytes_; }
  [[nodiscard]] chunk_key highest_key() const noexcept { return highest_key_; }
  [[nodiscard]] const boost::unordered_flat_map<chunk_key, tombstone_entry>& tombstones()
      const noexcept {
    return tombstones_;
  }
  /// Keys outside the pages that are kept in memory, which a checkpoint folds in.
  [[nodiscard]] std::size_t overrides() const noexcept { return overrides_.size(); }
  /// Bytes of memory taken, approximately.
  [[nodiscard]] std::uint64_t memory() const noexcept;

 private:
  static constexpr chunk_key page_keys = 256;
  // unit: offset / 8 of the record, or one of these, which no record can have.
  static constexpr std::uint32_t unit_unknown = 0;
  static constexpr std::uint32_t unit_burnt = 1;
  static constexpr std::uint32_t unit_pending = 2;
  struct slot {
    std::uint32_t unit = unit_unknown;
    std::uint32_t size = 0;
    std::uint32_t crc = 0;
  };
  using page = std::array<slot, page_keys>;

  [[nodiscard]] const slot* find_slot(chunk_key key) const noexcept;
  void put(chunk_key key, const slot& s);
  [[nodiscard]] std::vector<chunk_key> changed_keys(chunk_key from) const;
  static chunk_entry entry_of(chunk_key key, const slot& s) noexcept {
    return {key, s.size, s.crc, std::uint64_t{s.unit} * record_alignment};
  }
  void count(const chunk_entry& e) noexcept {
    digest_.add(e.key, e.size, e.crc);
    extent_bytes_ += extent_of(e.size);
  }
  void discount(const chunk_entry& e) noexcept {
    digest_.remove(e.key, e.size, e.crc);
    extent_bytes_ -= extent_of(e.size);
  }

  std::shared_ptr<const index_file> base_;
  chunk_key page_floor_ = 0;  // keys from here on may be in pages; all others are in overrides_
  boost::unordered_flat_map<chunk_key, std::unique_ptr<page>> pages_;  // by key / page_keys
  boost::unordered_flat_map<chunk_key, slot> overrides_;
  boost::unordered_flat_map<chunk_key, tombstone_entry> tombstones_;
  volume_digest digest_;
  std::uint64_t extent_bytes_ = 0;
  chunk_key highest_key_ = 0;
  chunk_key burnt_floor_ = 0;
};

template <class Visit>
result<void> chunk_index::for_each(chunk_key from, Visit&& visit) const {
  // Two sorted streams: what changed in memory, which wins, and the checkpoint.
  const std::vector<chunk_key> changed = changed_keys(from);
  auto next_changed = changed.begin();
  bool going = true;
  const auto visit_changed = [&] {
    const chunk_key key = *next_changed++;
    const slot* s = find_slot(key);
    if (s->unit > unit_pending) going = visit(entry_of(key, *s));
  };
  if (base_) {
    SSDFS_TRY(base_->for_each(from, [&](const chunk_entry& e) {
      while (going && next_changed != changed.end() && *next_changed < e.key) visit_changed();
      if (!going) return false;
      if (next_changed != changed.end() && *next_changed == e.key) {
        visit_changed();
      } else {
        going = visit(e);
      }
      return going;
    }));
  }
  while (going && next_changed != changed.end()) visit_changed();
  return {};
}

}  // namespace ssdfs::volume
