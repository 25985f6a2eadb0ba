#include "leader/live_lists.hpp"

#include <algorithm>

namespace ssdfs::leader {
namespace {

// What one step may do; each about a millisecond.
constexpr std::size_t listed_slices_per_step = 16;  // of 64 KiB: about 16,000 files
constexpr std::size_t freed_per_step = chunk_sorter::run_length;
constexpr std::size_t merged_per_step = 32'768;

constexpr std::int64_t keep_ms = 60'000;
constexpr std::size_t volumes_per_walk = 16;

}  // namespace

std::shared_ptr<const live_lists::list> live_lists::want(volume_id volume, std::int64_t now_ms) {
  const auto* known = state_.volumes().find(volume);
  if (const auto at = ready_.find(volume); at != ready_.end()) {
    if (known != nullptr && at->second.digest == known->info.digest) {
      at->second.used_ms = now_ms;
      return at->second.chunks;
    }
    ready_.erase(at);
  }
  if (known != nullptr) wanted_.insert(volume);
  return nullptr;
}

result<wire::live_chunks_reply> live_lists::page(const wire::live_chunks_request& asked,
                                                 bool knows_all, std::int64_t now_ms) {
  if (asked.limit == 0 || asked.limit > most_in_page) return errc::protocol;
  const auto* volume = state_.volumes().find(asked.volume);
  if (volume == nullptr) return errc::not_found;
  if (volume->info.state != volume_state::closed) {
    return failure(errc::busy, "the volume is not closed");
  }
  const auto chunks = want(asked.volume, now_ms);
  if (!chunks) return failure(errc::busy, "the list is being made");
  wire::live_chunks_reply reply;
  reply.removal_number = volume->info.removal_number;
  reply.generation = volume->info.generation;
  auto at = std::lower_bound(chunks->begin(), chunks->end(), asked.from_key,
                             [](const wire::chunk_entry& e, chunk_key k) { return e.key < k; });
  for (; at != chunks->end() && reply.chunks.size() < asked.limit; ++at) {
    reply.chunks.push_back(*at);
  }
  reply.more = at != chunks->end();
  // Of the page's keys.
  auto lost = volume->lost.lower_bound(asked.from_key);
  const auto lost_end =
      reply.more ? volume->lost.lower_bound(reply.chunks.back().key) : volume->lost.end();
  for (; lost != lost_end && reply.lost.size() < most_in_page; ++lost) {
    reply.lost.push_back({lost->first, lost->second.size, lost->second.crc32c});
  }
  // Of these keys the log has the grant and its end, and every commit that there was. What is not
  // told must not be taken for something that can never be.
  if (knows_all) reply.settled_end = lost != lost_end ? lost->first : volume->info.next_key;
  return reply;
}

void live_lists::begin_walk() {
  while (!wanted_.empty() && walking_.size() < volumes_per_walk) {
    const volume_id id = *wanted_.begin();
    wanted_.erase(wanted_.begin());
    walking_.try_emplace(state_.volumes().slot_of(id).value);
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
  if (next_slice_ < state_.names().slices()) {
    visit_files();
  } else {
    finish_one(now_ms);
  }
  return unfinished();
}

void live_lists::visit_files() {
  std::vector<meta::chunk_ref> chunks;
  const auto& names = state_.names();
  for (std::size_t i = 0; i < listed_slices_per_step && next_slice_ < names.slices(); ++i) {
    names.visit_slice(next_slice_++, [&](meta::inode file) {
      chunks.clear();
      names.chunks(file, chunks);
      for (const auto& c : chunks) {
        const auto at = walking_.find(c.at.volume.value);
        if (at == walking_.end() || state_.volumes()[c.at.volume].lost.contains(c.at.key)) continue;
        at->second.chunks.add({c.at.key, c.size, c.crc32c});
      }
    });
  }
}

// All files have been visited: works on the first of the lists.
void live_lists::finish_one(std::int64_t now_ms) {
  const auto at = walking_.begin();
  draft& made = at->second;
  const auto& volume = state_.volumes()[meta::volume_slot(at->first)];
  if (made.freed_seen < volume.freed.size()) {
    const std::size_t end = std::min(volume.freed.size(), made.freed_seen + freed_per_step);
    for (; made.freed_seen < end; ++made.freed_seen) {
      const auto& f = volume.freed[made.freed_seen];
      made.chunks.add({f.key, f.size, f.crc32c});
    }
    return;
  }
  if (!made.chunks.merge(merged_per_step)) return;
  // A change during the walk may have been missed or counted twice: then it is not right, and
  // whoever wants it asks again.
  if (made.chunks.digest() == volume.info.digest) {
    ready_[volume.info.id] = {made.chunks.list(), made.chunks.digest(), now_ms};
  }
  walking_.erase(at);
}

}  // namespace ssdfs::leader
