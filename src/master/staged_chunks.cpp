#include "master/staged_chunks.hpp"

#include <algorithm>

namespace ssdfs::master {

result<void> staged_chunks::add(client_id client, std::uint64_t sequence, std::size_t first,
                                std::span<const meta::chunk_claim> page, std::int64_t now_ms) {
  lists& own = clients_[client];
  auto at =
      std::find_if(own.begin(), own.end(), [&](const list& l) { return l.sequence == sequence; });
  std::size_t held = 0;
  for (const list& l : own) held += l.chunks.size();
  const std::size_t there = at == own.end() ? 0 : at->chunks.size();
  failure why;
  if (first > there) {
    why = failure(errc::busy, "the chunks before these are not kept any more");
  } else if (first + page.size() > max_file_chunks) {
    why = failure(errc::too_large,
                  "a file has at most " + std::to_string(max_file_chunks) + " chunks");
  } else if (held - there + first + page.size() > most_of_client ||
             size_ - there + first + page.size() > most_of_all) {
    why = failure(errc::busy, "too many long lists of chunks wait for their commit");
  }
  if (why.code) {
    if (at != own.end()) drop(own, at);
    if (own.empty()) clients_.erase(client);
    return why;
  }
  if (at == own.end()) at = own.insert(own.end(), list{sequence, 0, {}});
  at->until_ms = now_ms + idle_ms;
  at->chunks.resize(first);
  at->chunks.insert(at->chunks.end(), page.begin(), page.end());
  size_ += at->chunks.size() - there;
  return {};
}

std::vector<meta::chunk_claim> staged_chunks::take(client_id client, std::uint64_t sequence) {
  std::vector<meta::chunk_claim> out;
  const auto own = clients_.find(client);
  if (own == clients_.end()) return out;
  for (auto at = own->second.begin(); at != own->second.end(); ++at) {
    if (at->sequence != sequence) continue;
    size_ -= at->chunks.size();
    out = std::move(at->chunks);
    own->second.erase(at);
    break;
  }
  if (own->second.empty()) clients_.erase(own);
  return out;
}

void staged_chunks::forget(client_id client) {
  const auto own = clients_.find(client);
  if (own == clients_.end()) return;
  for (const list& l : own->second) size_ -= l.chunks.size();
  clients_.erase(own);
}

void staged_chunks::expire(std::int64_t now_ms) {
  for (auto own = clients_.begin(); own != clients_.end();) {
    for (auto at = own->second.begin(); at != own->second.end();) {
      if (at->until_ms > now_ms) {
        ++at;
      } else {
        size_ -= at->chunks.size();
        at = own->second.erase(at);
      }
    }
    const auto here = own++;
    if (here->second.empty()) clients_.erase(here);
  }
}

void staged_chunks::drop(lists& of, lists::iterator which) {
  size_ -= which->chunks.size();
  of.erase(which);
}

}  // namespace ssdfs::master
