#include "volume/chunk_index.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace ssdfs::volume {

void chunk_index::set_base(std::shared_ptr<const index_file> base) {
  pages_.clear();
  overrides_.clear();
  tombstones_.clear();
  const index_summary& s = base->summary();
  for (const tombstone_entry& t : s.tombstones) tombstones_[t.chunk.key] = t;
  digest_ = s.status.digest;
  extent_bytes_ = s.extent_bytes;
  highest_key_ = s.status.highest_key;
  burnt_floor_ = 0;
  page_floor_ = highest_key_ == ~chunk_key{0} ? highest_key_ : highest_key_ + 1;
  base_ = std::move(base);
}

const chunk_index::slot* chunk_index::find_slot(chunk_key key) const noexcept {
  if (key >= page_floor_) {
    if (const auto at = pages_.find(key / page_keys); at != pages_.end()) {
      const slot& s = (*at->second)[key % page_keys];
      if (s.unit != unit_unknown) return &s;
    }
  }
  if (overrides_.empty()) return nullptr;
  const auto at = overrides_.find(key);
  return at == overrides_.end() ? nullptr : &at->second;
}

void chunk_index::put(chunk_key key, const slot& s) {
  raise_highest(key);
  const bool mapped = !overrides_.empty() && overrides_.contains(key);
  const auto at = pages_.find(key / page_keys);
  // Keys are granted in ranges, so pages fill up. A writer that strews its keys must not take a
  // page for each.
  const bool paged = key >= page_floor_ && !mapped &&
                     (at != pages_.end() || pages_.size() < 256 + digest_.count / 16);
  if (!paged) {
    overrides_[key] = s;
    return;
  }
  auto& p = at != pages_.end() ? at->second : pages_[key / page_keys];
  if (!p) p = std::make_unique<page>();
  (*p)[key % page_keys] = s;
}

find_result chunk_index::find(chunk_key key) const {
  find_result out;
  if (const slot* s = find_slot(key)) {
    out.state = s->unit == unit_pending ? key_state::pending
                : s->unit == unit_burnt ? key_state::burnt
                                        : key_state::live;
    if (out.state == key_state::live) out.entry = entry_of(key, *s);
    if (out.state == key_state::burnt && tombstones_.contains(key)) {
      out.state = key_state::tombstoned;
    }
    return out;
  }
  if (base_ && key < page_floor_) {
    switch (base_->find(key, out.entry)) {
      case index_answer::found: out.state = key_state::live; return out;
      case index_answer::damaged: out.state = key_state::damaged; return out;
      case index_answer::absent: break;
    }
  }
  if (tombstones_.contains(key)) {
    out.state = key_state::tombstoned;
  } else if (key < burnt_floor_) {
    out.state = key_state::burnt;
  }
  return out;
}

void chunk_index::begin(chunk_key key) { put(key, {unit_pending, 0, 0}); }
void chunk_index::burn(chunk_key key) { put(key, {unit_burnt, 0, 0}); }

void chunk_index::add(const chunk_entry& entry) {
  if (const auto t = tombstones_.find(entry.key); t != tombstones_.end()) {
    extent_bytes_ -= extent_of(t->second.chunk.size);
    tombstones_.erase(t);
  } else if (const find_result old = find(entry.key); old.state == key_state::live) {
    discount(old.entry);
  }
  put(entry.key,
      {static_cast<std::uint32_t>(entry.offset / record_alignment), entry.size, entry.crc});
  count(entry);
}

bool chunk_index::remove(chunk_key key) {
  bool was_live = false;
  if (const auto t = tombstones_.find(key); t != tombstones_.end()) {
    extent_bytes_ -= extent_of(t->second.chunk.size);
    tombstones_.erase(t);
  } else if (const find_result old = find(key); old.state == key_state::live) {
    discount(old.entry);
    was_live = true;
  }
  burn(key);
  return was_live;
}

bool chunk_index::set_aside(chunk_key key, const aside_time& at) {
  if (const auto t = tombstones_.find(key); t != tombstones_.end()) {
    t->second.at = at;
    return false;
  }
  const find_result old = find(key);
  if (old.state != key_state::live) return false;
  digest_.remove(key, old.entry.size, old.entry.crc);  // its extent is kept
  burn(key);
  tombstones_[key] = {old.entry, at};
  return true;
}

bool chunk_index::revive(chunk_key key) {
  const auto at = tombstones_.find(key);
  if (at == tombstones_.end()) return false;
  const chunk_entry entry = at->second.chunk;
  add(entry);  // ends the tombstone
  return true;
}

std::vector<chunk_key> chunk_index::changed_keys(chunk_key from) const {
  std::vector<chunk_key> keys;
  std::vector<chunk_key> numbers;
  for (const auto& [number, p] : pages_) {
    if (number >= from / page_keys) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (const chunk_key number : numbers) {
    const page& p = *pages_.at(number);
    for (chunk_key i = 0; i < page_keys; ++i) {
      const chunk_key key = number * page_keys + i;
      // Pages start at page_floor_; slots of the page below it are never used.
      if (key >= from && p[i].unit != unit_unknown) keys.push_back(key);
    }
  }
  const auto paged = static_cast<std::ptrdiff_t>(keys.size());
  for (const auto& [key, s] : overrides_) {
    if (key >= from) keys.push_back(key);
  }
  std::sort(keys.begin() + paged, keys.end());
  std::inplace_merge(keys.begin(), keys.begin() + paged, keys.end());
  return keys;
}

std::uint64_t chunk_index::memory() const noexcept {
  return pages_.size() * (sizeof(page) + 16) + overrides_.size() * (sizeof(slot) + 8) +
         tombstones_.size() * (sizeof(tombstone_entry) + 8);
}

}  // namespace ssdfs::volume
