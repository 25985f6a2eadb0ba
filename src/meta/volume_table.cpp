#include "meta/volume_table.hpp"

#include "base/assert.hpp"
#include "base/bytes.hpp"

#include <algorithm>
#include <limits>
#include <string>

namespace ssdfs::meta {
namespace {

failure misfit(volume_id id, const char* what) {
  return {errc::damaged, "volume " + std::to_string(id.value) + ": " + what};
}

// One round of SplitMix64 over an accumulated value.
std::uint64_t mix(std::uint64_t sum, std::uint64_t value) {
  std::uint64_t x = (sum ^ value) + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::uint64_t digest_of(const volume_entry& entry) {
  const volume_info& info = entry.info;
  std::uint64_t sum = info.id.value;
  const std::uint64_t flags = static_cast<std::uint64_t>(info.state) << 16 |
                              static_cast<std::uint64_t>(info.reason) << 8 | info.replication;
  for (const std::uint64_t value :
       {flags, std::uint64_t{info.generation}, std::uint64_t{info.next_key}, info.granted_bytes,
        info.length, info.removal_number, info.digest.count, info.digest.bytes, info.digest.sum}) {
    sum = mix(sum, value);
  }
  for (const node_id& member : info.members) {
    sum = mix(sum, load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(member.value.data)));
    sum =
        mix(sum, load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(member.value.data) + 8));
  }
  for (const grant_info& grant : entry.grants) {
    sum = mix(sum, std::uint64_t{grant.generation} << 32 | grant.first);
    sum = mix(sum, std::uint64_t{grant.count} << 32 | grant.committed_keys);
  }
  return sum;
}

}  // namespace

const grant_info* volume_entry::grant_of(chunk_key key) const noexcept {
  for (const grant_info& grant : grants) {
    if (grant.holds(key)) return &grant;
  }
  return nullptr;
}

const grant_info* volume_entry::grant_at(chunk_key first) const noexcept {
  const grant_info* grant = grant_of(first);
  return grant != nullptr && grant->first == first ? grant : nullptr;
}

const volume_entry* volume_table::find(volume_id id) const {
  const auto at = slots_.find(id);
  return at == slots_.end() ? nullptr : &entries_[at->second.value];
}

result<volume_entry*> volume_table::known(volume_id id) {
  const auto at = slots_.find(id);
  if (at == slots_.end()) return misfit(id, "unknown");
  return &entries_[at->second.value];
}

std::uint64_t volume_table::digest() const {
  std::uint64_t sum = 0;
  for (const volume_entry& entry : entries_) sum += digest_of(entry);
  return sum;
}

result<void> volume_table::apply(const add_volume_record& r) {
  if (slots_.contains(r.volume)) return misfit(r.volume, "added twice");
  if (r.members.empty() || r.members.size() > max_members) {
    return misfit(r.volume, "impossible number of members");
  }
  volume_entry entry;
  entry.info.id = r.volume;
  entry.info.replication = r.replication;
  entry.info.members = r.members;
  slots_.emplace(r.volume, volume_slot(static_cast<std::uint32_t>(entries_.size())));
  entries_.push_back(std::move(entry));
  return {};
}

result<void> volume_table::apply(const members_record& r) {
  auto entry = known(r.volume);
  if (!entry) return entry.error();
  volume_info& info = (*entry)->info;
  if (info.state == volume_state::open) return misfit(r.volume, "members of an open volume");
  if (r.generation != info.generation + 1) return misfit(r.volume, "wrong generation");
  if (r.members.empty() || r.members.size() > max_members) {
    return misfit(r.volume, "impossible number of members");
  }
  info.generation = r.generation;
  info.members = r.members;
  return {};
}

result<void> volume_table::apply(const grant_record& r, std::int64_t time_ms) {
  auto known_entry = known(r.volume);
  if (!known_entry) return known_entry.error();
  volume_entry& entry = **known_entry;
  volume_info& info = entry.info;
  if (r.end) {
    const grant_info* grant = entry.grant_at(r.first);
    if (grant == nullptr || grant->generation != r.generation) {
      return misfit(r.volume, "end of a grant that is not outstanding");
    }
    entry.grants.erase(entry.grants.begin() + (grant - entry.grants.data()));
    --grant_count_;
    return {};
  }
  if (info.state != volume_state::open) return misfit(r.volume, "grant on a volume not open");
  if (r.generation != info.generation) return misfit(r.volume, "wrong generation");
  if (r.first != info.next_key || r.count == 0 || r.count > max_grant_keys ||
      r.count > std::numeric_limits<chunk_key>::max() - r.first) {
    return misfit(r.volume, "grant of impossible keys");
  }
  grant_info grant;
  grant.generation = r.generation;
  grant.first = r.first;
  grant.count = r.count;
  grant.bytes = r.bytes;
  grant.owner = r.owner;
  grant.granted_ms = time_ms;
  entry.grants.push_back(std::move(grant));
  ++grant_count_;
  info.next_key += r.count;
  info.granted_bytes += r.bytes;
  return {};
}

result<void> volume_table::apply(const seal_record& r) {
  auto entry = known(r.volume);
  if (!entry) return entry.error();
  volume_info& info = (*entry)->info;
  if (info.state != volume_state::open) return misfit(r.volume, "seal of a volume not open");
  info.state = volume_state::sealed;
  info.reason = r.reason;
  return {};
}

result<void> volume_table::apply(const close_record& r) {
  auto entry = known(r.volume);
  if (!entry) return entry.error();
  volume_info& info = (*entry)->info;
  if (info.state != volume_state::sealed) return misfit(r.volume, "close of a volume not sealed");
  if (!(*entry)->grants.empty()) return misfit(r.volume, "close with outstanding grants");
  if (r.generation != info.generation) return misfit(r.volume, "wrong generation");
  info.state = volume_state::closed;
  info.length = r.length;
  info.granted_bytes = r.length;
  return {};
}

result<void> volume_table::apply(const reopen_record& r) {
  auto entry = known(r.volume);
  if (!entry) return entry.error();
  volume_info& info = (*entry)->info;
  if (info.state != volume_state::closed)
    return misfit(r.volume, "reopening of a volume not closed");
  if (r.generation != info.generation + 1) return misfit(r.volume, "wrong generation");
  info.state = volume_state::open;
  info.reason = seal_reason::none;
  info.generation = r.generation;
  (*entry)->removals.clear();  // only volumes whose members have applied all of them are reopened
  return {};
}

result<void> volume_table::apply(const lost_record& r) {
  auto known_entry = known(r.volume);
  if (!known_entry) return known_entry.error();
  volume_entry& entry = **known_entry;
  if (entry.info.state != volume_state::closed) return misfit(r.volume, "lost while not closed");
  if (r.chunks.empty() || r.chunks.size() > max_lost_chunks) {
    return misfit(r.volume, "impossible number of lost chunks");
  }
  for (const stored_chunk& c : r.chunks) {
    if (c.size == 0 || c.key >= entry.info.next_key || entry.info.digest.count == 0 ||
        !entry.lost.emplace(c.key, lost_chunk{c.size, c.crc32c.value}).second) {
      return misfit(r.volume, "an impossible chunk is lost");
    }
    entry.info.digest.remove(c.key, c.size, c.crc32c.value);
    ++lost_count_;
    // No file names it any more: nothing waits for it.
    const auto freed = std::find_if(entry.freed.begin(), entry.freed.end(),
                                    [&](const freed_chunk& f) { return f.key == c.key; });
    if (freed == entry.freed.end()) continue;
    entry.freed_bytes -= freed->size;
    entry.freed.erase(freed);
    --freed_count_;
    entry.lost.erase(c.key);
    --lost_count_;
  }
  return {};
}

result<void> volume_table::apply(const found_record& r, std::int64_t time_ms) {
  auto known_entry = known(r.volume);
  if (!known_entry) return known_entry.error();
  volume_entry& entry = **known_entry;
  if (entry.info.state != volume_state::closed) return misfit(r.volume, "found while not closed");
  if (r.chunks.empty() || r.chunks.size() > max_lost_chunks) {
    return misfit(r.volume, "impossible number of found chunks");
  }
  for (const stored_chunk& c : r.chunks) {
    if (c.size == 0 || c.key >= entry.info.next_key) return misfit(r.volume, "found what is none");
    entry.info.digest.add(c.key, c.size, c.crc32c.value);
    const auto at = entry.lost.find(c.key);
    if (at != entry.lost.end()) {
      entry.lost.erase(at);
      --lost_count_;
      continue;
    }
    // Its file is gone by now, and it was still in a removed directory when this was logged.
    entry.freed.push_back(
        {c.key, c.size, c.crc32c.value, static_cast<std::uint32_t>(time_ms / 1000)});
    entry.freed_bytes += c.size;
    ++freed_count_;
  }
  return {};
}

result<void> volume_table::apply(const reclaim_record& r, ssdfs::txid id) {
  auto known_entry = known(r.volume);
  if (!known_entry) return known_entry.error();
  volume_entry& entry = **known_entry;
  if (entry.info.state != volume_state::closed) {
    return misfit(r.volume, "reclaim in a volume not closed");
  }
  if (r.number != entry.info.removal_number + 1) return misfit(r.volume, "wrong removal number");
  if (r.keys.empty() || r.keys.size() > max_reclaim_keys) {
    return misfit(r.volume, "impossible number of keys");
  }
  // Live, the keys are always the oldest freed ones; in replay the order may differ a little.
  boost::unordered_flat_map<chunk_key, bool> wanted;
  for (const chunk_key key : r.keys) {
    if (!wanted.emplace(key, false).second) return misfit(r.volume, "key reclaimed twice");
  }
  std::size_t found = 0;
  std::size_t reach = 0;
  for (; reach < entry.freed.size() && found < r.keys.size(); ++reach) {
    const auto at = wanted.find(entry.freed[reach].key);
    if (at == wanted.end() || at->second) continue;
    at->second = true;
    ++found;
  }
  if (found < r.keys.size()) return failure(errc::not_found, "a reclaimed key is not free");

  const auto reach_end = entry.freed.begin() + static_cast<std::ptrdiff_t>(reach);
  auto kept = reach_end;
  for (auto from = reach_end; from != entry.freed.begin();) {
    --from;
    if (wanted.contains(from->key)) {
      entry.info.digest.remove(from->key, from->size, from->crc32c);
      entry.freed_bytes -= from->size;
    } else {
      *--kept = *from;
    }
  }
  entry.freed.erase(entry.freed.begin(), kept);
  freed_count_ -= r.keys.size();
  entry.info.removal_number = r.number;
  while (!entry.removals.empty() && entry.removals.front().number <= r.confirmed) {
    entry.removals.pop_front();
  }
  entry.removals.push_back({r.number, id, r.keys});
  return {};
}

result<void> volume_table::check_commit(const chunk_record* chunks, std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i) {
    const chunk_record& chunk = chunks[i];
    const volume_entry* entry = find(chunk.volume);
    if (entry == nullptr || chunk.size == 0 || chunk.key >= entry->info.next_key) {
      return failure(errc::invalid_argument, "a chunk that was never granted");
    }
    const grant_info* grant = entry->grant_of(chunk.key);
    if (grant == nullptr) {
      const std::string volume = std::to_string(chunk.volume.value);
      return failure(
          make_error_code(errc::regrant),
          "the grant of key " + std::to_string(chunk.key) + " of volume " + volume + " has ended",
          volume);
    }
    if (grant->is_committed(chunk.key)) {
      return failure(errc::key_conflict, "key " + std::to_string(chunk.key) + " of volume " +
                                             std::to_string(chunk.volume.value) +
                                             " is committed already");
    }
  }
  if (count < 2) return {};
  std::vector<std::pair<volume_id, chunk_key>> seen;
  seen.reserve(count);
  for (std::size_t i = 0; i < count; ++i) seen.emplace_back(chunks[i].volume, chunks[i].key);
  std::sort(seen.begin(), seen.end());
  if (std::adjacent_find(seen.begin(), seen.end()) != seen.end()) {
    return failure(errc::invalid_argument, "a key twice in one file");
  }
  return {};
}

void volume_table::commit(const chunk_record& chunk) {
  volume_entry& entry = entries_[slots_.at(chunk.volume).value];
  auto* grant = const_cast<grant_info*>(entry.grant_of(chunk.key));
  SSDFS_ASSERT(grant != nullptr);
  if (grant->committed.empty()) grant->committed.resize((std::size_t{grant->count} + 63) / 64);
  const std::uint32_t i = chunk.key - grant->first;
  grant->committed[i / 64] |= std::uint64_t{1} << (i % 64);
  ++grant->committed_keys;
  grant->committed_bytes += chunk.size;
  entry.info.digest.add(chunk.key, chunk.size, chunk.crc32c.value);
}

void volume_table::free(const chunk_ref& chunk, std::int64_t time_ms) {
  volume_entry& entry = entries_[chunk.at.volume.value];
  if (entry.lost.erase(chunk.at.key) != 0) {
    --lost_count_;
    return;
  }
  entry.freed.push_back(
      {chunk.at.key, chunk.size, chunk.crc32c, static_cast<std::uint32_t>(time_ms / 1000)});
  entry.freed_bytes += chunk.size;
  ++freed_count_;
}

void volume_table::confirm_removals(volume_slot slot, std::uint64_t number) {
  auto& removals = entries_[slot.value].removals;
  while (!removals.empty() && removals.front().number <= number) removals.pop_front();
}

bool volume_table::load(volume_entry entry) {
  for (std::size_t i = 0; i < entry.grants.size(); ++i) {
    const grant_info& grant = entry.grants[i];
    const std::uint64_t end = std::uint64_t{grant.first} + grant.count;
    const bool sized =
        grant.committed.empty() || grant.committed.size() == (std::size_t{grant.count} + 63) / 64;
    if (grant.count == 0 || grant.count > max_grant_keys || end > entry.info.next_key || !sized) {
      return false;
    }
    if (i > 0 && grant.first < entry.grants[i - 1].first + entry.grants[i - 1].count) return false;
  }
  for (const auto& [key, chunk] : entry.lost) {
    if (chunk.size == 0 || key >= entry.info.next_key) return false;
  }
  const bool numbered =
      entry.removals.empty() || entry.removals.back().number == entry.info.removal_number;
  const volume_slot slot(static_cast<std::uint32_t>(entries_.size()));
  if (!numbered || !slots_.emplace(entry.info.id, slot).second) return false;
  entry.freed_bytes = 0;
  for (const freed_chunk& chunk : entry.freed) entry.freed_bytes += chunk.size;
  freed_count_ += entry.freed.size();
  lost_count_ += entry.lost.size();
  grant_count_ += entry.grants.size();
  entries_.push_back(std::move(entry));
  return true;
}

}  // namespace ssdfs::meta
