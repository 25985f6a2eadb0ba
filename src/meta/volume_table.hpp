// The durable truth about volumes: their life, their grants, and the chunks that wait for removal.
#pragma once

#include "base/result.hpp"
#include "base/volume_info.hpp"
#include "meta/records.hpp"
#include "meta/tree_types.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

namespace ssdfs::meta {

/// An outstanding grant. Its keys are [first, first + count).
struct grant_info {
  generation_t generation = 0;  ///< of the volume when it was given; valid whatever comes later
  chunk_key first = 0;
  std::uint32_t count = 0;
  std::uint64_t bytes = 0;
  client_id owner;
  std::int64_t granted_ms = 0;  ///< log time
  std::uint32_t committed_keys = 0;
  std::uint64_t committed_bytes = 0;     ///< content bytes
  std::vector<std::uint64_t> committed;  ///< bit per key; empty until the first commit

  [[nodiscard]] bool holds(chunk_key key) const noexcept {
    return key >= first && key - first < count;
  }
  [[nodiscard]] bool is_committed(chunk_key key) const noexcept {
    const std::uint32_t i = key - first;
    return !committed.empty() && (committed[i / 64] >> (i % 64) & 1) != 0;
  }
};

/// A chunk that no file holds any more. It still counts in its volume's digest.
struct freed_chunk {
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
  std::uint32_t freed_s = 0;  ///< log time in seconds
  friend bool operator==(const freed_chunk&, const freed_chunk&) = default;
};

/// The keys of one RECLAIM, kept until all members have applied it.
struct removal_batch {
  std::uint64_t number = 0;
  ssdfs::txid txid;  ///< the record that justifies the removal
  std::vector<chunk_key> keys;
  friend bool operator==(const removal_batch&, const removal_batch&) = default;
};

/// A chunk that files name and no replica has.
struct lost_chunk {
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(const lost_chunk&, const lost_chunk&) = default;
};

/// One volume.
struct volume_entry {
  volume_info info;
  std::vector<grant_info> grants;  ///< by first key
  std::deque<freed_chunk> freed;   ///< about in the order of their freeing
  std::uint64_t freed_bytes = 0;
  std::deque<removal_batch> removals;  ///< by number, ending with info.removal_number
  /// Not in info.digest. When a removed directory's chunks leave this is not logged, see state.
  std::map<chunk_key, lost_chunk> lost;

  /// The outstanding grant that holds `key`; nullptr if there is none.
  [[nodiscard]] const grant_info* grant_of(chunk_key key) const noexcept;
  /// The outstanding grant that begins with `first`; nullptr if there is none.
  [[nodiscard]] const grant_info* grant_at(chunk_key first) const noexcept;
  /// Log time in ms at which all of the oldest freed chunk's grace counts from; freed not empty.
  [[nodiscard]] std::int64_t oldest_freed_ms() const noexcept {
    return (std::int64_t{freed.front().freed_s} + 1) * 1000;
  }
};

/// Volumes by slot, in the order in which they were added; a slot is never given to another one.
///
/// Every change checks that it fits what is there and fails (errc::damaged, in words) without
/// having changed anything otherwise: replay calls it with records from a disk.
///
/// Concurrency: the namespace strand.
class volume_table {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] const volume_entry& operator[](volume_slot slot) const {
    return entries_[slot.value];
  }
  [[nodiscard]] bool contains(volume_id id) const { return slots_.contains(id); }
  /// nullptr if unknown.
  [[nodiscard]] const volume_entry* find(volume_id id) const;
  /// The id must be known.
  [[nodiscard]] volume_slot slot_of(volume_id id) const { return slots_.at(id); }

  /// Sum of what identifies every volume and its state; changes with every change of one of them.
  [[nodiscard]] std::uint64_t digest() const;
  /// Outstanding grants of all volumes.
  [[nodiscard]] std::size_t grant_count() const noexcept { return grant_count_; }
  /// Chunks that wait for a RECLAIM.
  [[nodiscard]] std::uint64_t freed_count() const noexcept { return freed_count_; }

  result<void> apply(const add_volume_record& r);
  result<void> apply(const members_record& r);
  result<void> apply(const grant_record& r, std::int64_t time_ms);
  result<void> apply(const seal_record& r);
  result<void> apply(const close_record& r);
  result<void> apply(const reopen_record& r);
  result<void> apply(const lost_record& r);
  /// `time_ms`: log time.
  result<void> apply(const found_record& r, std::int64_t time_ms);
  /// errc::not_found if a key is not among the freed chunks (the caller may free more and retry).
  result<void> apply(const reclaim_record& r, ssdfs::txid id);

  /// That all chunks can be committed now: their keys lie in outstanding grants, are not committed
  /// and differ. No failure may follow in commit().
  [[nodiscard]] result<void> check_commit(const chunk_record* chunks, std::size_t count) const;
  /// Enters the chunk of a file: its key is committed, the volume's digest holds it.
  void commit(const chunk_record& chunk);
  /// A file's chunk has no owner any more. One that is lost is forgotten.
  void free(const chunk_ref& chunk, std::int64_t time_ms);

  /// Chunks that are lost, of all volumes.
  [[nodiscard]] std::uint64_t lost_count() const noexcept { return lost_count_; }

  [[nodiscard]] bool is_lost(volume_id volume, chunk_key key) const {
    if (lost_count_ == 0) return false;
    const volume_entry* entry = find(volume);
    return entry != nullptr && entry->lost.contains(key);
  }

  /// Volatile: all members have applied the batches up to `number`; they are not needed again.
  void confirm_removals(volume_slot slot, std::uint64_t number);

  /// Appends a volume of an image; false if its id is known or something in it is impossible.
  bool load(volume_entry entry);

 private:
  result<volume_entry*> known(volume_id id);

  std::vector<volume_entry> entries_;
  boost::unordered_flat_map<volume_id, volume_slot> slots_;
  std::size_t grant_count_ = 0;
  std::uint64_t freed_count_ = 0;
  std::uint64_t lost_count_ = 0;
};

}  // namespace ssdfs::meta
