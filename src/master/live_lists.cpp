#include "master/live_lists.hpp"

#include <algorithm>

namespace ssdfs::master {
namespace {

constexpr std::size_t slices_per_step = 64;  // about 65,000 files
constexpr std::int64_t keep_ms = 60'000;
constexpr std::size_t volumes_per_walk = 16;

}  // namespace

bool live_lists::is_right(volume_id volume, const list& chunks) const {
  const auto* known = state_.volumes().find(volume);
  if (known == nullptr) return false;
  volume_digest digest;
  for (const auto& c : chunks) digest.add(c.key, c.size, c.crc32c);
  return digest == known->info.digest;
}

std::shared_ptr<const live_lists::list> live_lists::want(volume_id volume, std::int64_t now_ms) {
  const auto at = ready_.find(volume);
  if (at != ready_.end()) {
    // The digest is what makes it right; a page costs one pass over a list in memory.
    if (is_right(volume, *at->second.chunks)) {
      at->second.used_ms = now_ms;
      return at->second.chunks;
    }
    ready_.erase(at);
  }
  if (state_.volumes().contains(volume)) wanted_.insert(volume);
  return nullptr;
}

void live_lists::begin_walk() {
  while (!wanted_.empty() && walking_.size() < volumes_per_walk) {
    const volume_id id = *wanted_.begin();
    wanted_.erase(wanted_.begin());
    walking_[state_.volumes().slot_of(id).value] = std::make_shared<list>();
  }
  next_slice_ = 0;
}

void live_lists::forget_unused(std::int64_t now_ms) {
  std::erase_if(ready_, [&](const auto& item) { return item.second.used_ms + keep_ms < now_ms; });
}

bool live_lists::step(std::int64_t now_ms) {
  if (walking_.empty()) {
    if (wanted_.empty()) return false;
    begin_walk();
  }
  std::vector<meta::chunk_ref> chunks;
  const auto& names = state_.names();
  for (std::size_t i = 0; i < slices_per_step && next_slice_ < names.slices(); ++i) {
    names.visit_slice(next_slice_++, [&](meta::inode file) {
      chunks.clear();
      names.chunks(file, chunks);
      for (const auto& c : chunks) {
        const auto at = walking_.find(c.at.volume.value);
        if (at != walking_.end()) at->second->push_back({c.at.key, c.size, c.crc32c});
      }
    });
  }
  if (next_slice_ >= names.slices()) finish_walk(now_ms);
  return !walking_.empty() || !wanted_.empty();
}

void live_lists::finish_walk(std::int64_t now_ms) {
  for (auto& [slot, chunks] : walking_) {
    const auto& volume = state_.volumes()[meta::volume_slot(slot)];
    // Freed chunks count until they are reclaimed, as the digest does.
    for (const auto& f : volume.freed) chunks->push_back({f.key, f.size, f.crc32c});
    std::sort(chunks->begin(), chunks->end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    // A change during the walk may have been missed or counted twice: then it is not right, and
    // whoever wants it asks again.
    if (is_right(volume.info.id, *chunks)) ready_[volume.info.id] = {chunks, now_ms};
  }
  walking_.clear();
}

}  // namespace ssdfs::master
