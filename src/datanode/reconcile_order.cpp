#include "datanode/reconcile_order.hpp"

#include "base/log.hpp"
#include "datanode/chunk_fetcher.hpp"
#include "io/clock.hpp"
#include "net/await.hpp"
#include "volume/records.hpp"
#include "wire/cluster_messages.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace ssdfs::datanode {
namespace {

constexpr std::size_t local_page = 65'536;

struct live_list {
  std::vector<wire::chunk_entry> chunks;  // by key
  std::vector<wire::chunk_entry> lost;    // by key
  generation_t generation = 0;
  std::uint64_t removal_number = 0;
  chunk_key settled_from = 0;
  chunk_key settled_end = 0;
  std::int64_t settled_wait_ms = 0;
};

// A page of the list. The master may need a while to make it, and says that it is busy meanwhile.
result<wire::live_chunks_reply> fetch_page(net::channel& master, order_job& job, chunk_key from) {
  constexpr std::int64_t patience_ms = 10'000;
  constexpr std::int64_t pause_ms = 100;
  wire::live_chunks_request m;
  m.volume = job.what().volume;
  m.from_key = from;
  for (std::int64_t waited_ms = 0;; waited_ms += pause_ms) {
    auto answer =
        net::awaited<wire::live_chunks_request>(master, m, chunk_fetcher::call_timeout_ms).wait();
    if (answer) return std::move(answer->message);
    if (!(answer.error() == errc::busy) || waited_ms >= patience_ms) return answer.error();
    SSDFS_TRY(job.pause(pause_ms));
  }
}

// All pages; they must agree on generation and removal number, or the list is of two moments.
result<live_list> fetch_live(net::channel& master, order_job& job) {
  for (int tries = 0; tries < 3; ++tries) {
    live_list out;
    chunk_key from = 0;
    bool torn = false;
    while (!torn) {
      const auto page = fetch_page(master, job, from);
      if (!page) return page.error();
      if (from == 0) {
        out.generation = page->generation;
        out.removal_number = page->removal_number;
        out.settled_from = page->settled_from;
        out.settled_end = page->settled_end;
        out.settled_wait_ms = page->settled_wait_ms;
      }
      out.settled_end = std::min(out.settled_end, page->settled_end);
      torn = page->generation != out.generation || page->removal_number != out.removal_number;
      out.chunks.insert(out.chunks.end(), page->chunks.begin(), page->chunks.end());
      out.lost.insert(out.lost.end(), page->lost.begin(), page->lost.end());
      if (!page->more || page->chunks.empty()) break;
      from = page->chunks.back().key + 1;
    }
    const auto by_key = [](const auto& a, const auto& b) { return a.key < b.key; };
    if (!torn && std::is_sorted(out.chunks.begin(), out.chunks.end(), by_key) &&
        std::is_sorted(out.lost.begin(), out.lost.end(), by_key)) {
      return out;
    }
  }
  return failure(errc::changed, "the list of live chunks changed while it was read");
}

// The chunk of that key; null if there is none.
const wire::chunk_entry* find_chunk(const std::vector<wire::chunk_entry>& in, chunk_key key) {
  const auto at = std::lower_bound(in.begin(), in.end(), key,
                                   [](const auto& e, chunk_key k) { return e.key < k; });
  return at != in.end() && at->key == key ? &*at : nullptr;
}

// Live chunks that the list does not have, or has with other content.
struct orphan_keys {
  std::vector<chunk_key> settled;  // that can never be live
  std::vector<chunk_key> others;
  [[nodiscard]] std::size_t size() const noexcept { return settled.size() + others.size(); }
};

// Leaves out `found`, which is by key.
result<orphan_keys> orphans_of(const volume::volume& v, const live_list& live,
                               const std::vector<chunk_content>& found) {
  orphan_keys out;
  auto wanted = live.chunks.begin();
  for (chunk_key from = 0;;) {
    auto here = v.list_live(from, local_page);
    if (!here) return std::move(here).error();
    for (const volume::live_chunk& c : *here) {
      while (wanted != live.chunks.end() && wanted->key < c.key) ++wanted;
      const bool listed = wanted != live.chunks.end() && wanted->key == c.key &&
                          wanted->size == c.size && wanted->crc32c == c.crc;
      if (listed ||
          std::binary_search(found.begin(), found.end(), chunk_content{c.key, c.size, c.crc})) {
        continue;
      }
      const bool settled = c.key >= live.settled_from && c.key < live.settled_end &&
                           find_chunk(live.chunks, c.key) == nullptr &&
                           find_chunk(live.lost, c.key) == nullptr;
      (settled ? out.settled : out.others).push_back(c.key);
    }
    if (here->size() < local_page) return out;
    from = here->back().key + 1;
  }
}

bool matches(const wire::chunk_entry& a, const volume::live_chunk& b) {
  return a.key == b.key && a.size == b.size && a.crc32c == b.crc;
}

// A record of the volume holds a bounded number of keys.
template <class Record>
result<void> in_batches(std::span<const chunk_key> keys, Record record) {
  while (!keys.empty()) {
    const std::size_t count = std::min(keys.size(), volume::max_batch_keys);
    SSDFS_TRY(record(keys.first(count)));
    keys = keys.subspan(count);
  }
  return {};
}

// Keys of tombstones that `chunks` name.
std::vector<chunk_key> to_revive(const volume::volume& v,
                                 const std::vector<wire::chunk_entry>& chunks) {
  std::vector<chunk_key> out;
  for (const volume::live_chunk& c : v.tombstoned()) {
    const wire::chunk_entry* listed = find_chunk(chunks, c.key);
    if (listed != nullptr && matches(*listed, c)) out.push_back(c.key);
  }
  return out;
}

// Lost chunks that are here: read and found good.
result<std::vector<chunk_content>> found_of(volume::volume& v, const live_list& live,
                                            order_job& job) {
  std::vector<chunk_content> out;
  const auto revived = to_revive(v, live.lost);
  SSDFS_TRY(in_batches(revived, [&](auto keys) { return v.revive_keys(keys); }));
  for (const auto& c : live.lost) {
    if (out.size() == max_result_chunks) break;
    const auto at = v.probe(c.key);
    if (!at || at->size != c.size || at->crc != c.crc32c) continue;
    if (!v.verify(*at, 0, c.size)) continue;
    out.push_back({c.key, c.size, c.crc32c});
    SSDFS_TRY(job.moved(c.size));
  }
  return out;
}

std::vector<wire::chunk_entry> to_fetch(const volume::volume& v, const live_list& live) {
  const std::vector<chunk_key> bad = v.bad_keys();
  std::vector<wire::chunk_entry> out;
  for (const auto& c : live.chunks) {
    if (!v.probe(c.key) || std::binary_search(bad.begin(), bad.end(), c.key)) out.push_back(c);
  }
  return out;
}

}  // namespace

result<void> reconcile_volume(volume::volume& v, net::channel& master, net::channel_pool& peers,
                              order_job& job, reconcile_totals& totals) {
  if (v.report().state == replica_state::open) {
    return failure(errc::precondition, "the replica is open");
  }
  auto live = fetch_live(master, job);
  if (!live) return std::move(live).error();
  auto found = found_of(v, *live, job);
  if (!found) return found.error();
  const auto orphans = orphans_of(v, *live, *found);
  if (!orphans) return orphans.error();
  const std::int64_t now_ms = io::wall_ms();
  SSDFS_TRY(in_batches(orphans->others, [&](auto keys) { return v.tombstone_keys(now_ms, keys); }));
  SSDFS_TRY(in_batches(orphans->settled, [&](auto keys) {
    return v.discard_keys(now_ms + live->settled_wait_ms, keys);
  }));
  const auto revived = to_revive(v, live->chunks);
  SSDFS_TRY(in_batches(revived, [&](auto keys) { return v.revive_keys(keys); }));
  const auto missing = to_fetch(v, *live);
  chunk_fetcher from(peers, job);
  std::vector<wire::chunk_entry> nowhere;
  const auto fetched = from.restore(v, missing, nowhere);
  ++totals.replicas;
  totals.orphans += orphans->size();
  totals.revived += revived.size();
  totals.fetched += fetched ? fetched->stored : 0;
  if (orphans->size() != 0 || !revived.empty() || !missing.empty()) {
    SSDFS_LOG(info) << "volume " << v.id() << " reconciled: " << orphans->others.size()
                    << " orphans set aside, " << orphans->settled.size() << " discarded, "
                    << revived.size() << " revived, " << missing.size()
                    << " missing or bad, of which " << (fetched ? fetched->stored : 0)
                    << " fetched";
  }
  if (!fetched) return fetched.error();
  if (fetched->absent > 0) {
    std::sort(nowhere.begin(), nowhere.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    if (nowhere.size() > max_result_chunks) nowhere.resize(max_result_chunks);
    if (from.all_answered()) {
      for (const auto& c : nowhere) job.absent.push_back({c.key, c.size, c.crc32c});
    }
    job.found = std::move(*found);
    return failure(errc::unavailable, std::to_string(fetched->absent) + " chunks are at no source");
  }
  if (!found->empty()) {
    const std::size_t count = found->size();
    job.found = std::move(*found);
    return failure(errc::unavailable, std::to_string(count) + " chunks that were lost are here");
  }
  const auto adopted = v.adopt(live->generation, live->removal_number);
  if (!adopted) return adopted.error();
  return {};
}

}  // namespace ssdfs::datanode
