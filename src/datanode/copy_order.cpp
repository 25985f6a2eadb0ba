#include "datanode/copy_order.hpp"

#include "base/log.hpp"
#include "datanode/chunk_fetcher.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::datanode {
namespace {

using chunk_page = wire::replica_chunks_reply;
using volume_ref = std::shared_ptr<volume::volume>;

// The volume to fill.
result<volume_ref> target_of(volume::volume_set& set, const order& what) {
  if (volume_ref here = set.find(what.volume)) {
    if (here->report().state == replica_state::recovering) return here;
    SSDFS_TRY(set.drop(what.volume));
  } else if (auto dropped = set.drop(what.volume); !dropped) {  // one in quarantine
    if (!(dropped.error() == errc::not_found)) return dropped.error();
  }
  return set.create({.id = what.volume, .generation = what.generation, .recovering = true});
}

// What of a page is not here yet.
std::vector<wire::chunk_entry> missing_of(const volume::volume& v, const chunk_page& listed) {
  std::vector<wire::chunk_entry> out;
  for (const auto& entry : listed.chunks) {
    const auto here = v.probe(entry.key);
    if (!here || here->size != entry.size || here->crc != entry.crc32c) out.push_back(entry);
  }
  return out;
}

}  // namespace

result<void> copy_volume(volume::volume_set& set, net::channel_pool& peers, order_job& job,
                         const put_in_service& serve) {
  const std::int64_t began = io::steady_ms();
  chunk_fetcher from(peers, job);
  auto listed = from.list(0);
  if (!listed) return std::move(listed).error();
  // The replica is at least as new as its list says at the beginning.
  const std::uint64_t removal_number = listed->removal_number;
  auto target = target_of(set, job.what());
  if (!target) return std::move(target).error();
  volume::volume& v = **target;
  serve(*target);

  volume_digest expected;
  fetch_counts sum;
  for (;;) {
    for (const auto& c : listed->chunks) expected.add(c.key, c.size, c.crc32c);
    const auto missing = missing_of(v, *listed);
    const auto done = from.restore(v, missing);
    if (!done) return done.error();
    sum.stored += done->stored;
    sum.bytes += done->bytes;
    sum.absent += done->absent;
    if (!listed->more || listed->chunks.empty()) break;
    listed = from.list(listed->chunks.back().key + 1);
    if (!listed) return std::move(listed).error();
  }
  if (sum.absent == 0 && v.report().digest != expected) {
    // Left over from an older try, or the source changed: nothing of it is worth keeping.
    SSDFS_TRY(set.drop(v.id()));
    return failure(errc::changed, "the copy differs from what its source listed; it starts anew");
  }
  const auto adopted = v.adopt(job.what().generation, removal_number);
  if (!adopted) return adopted.error();
  SSDFS_LOG(info) << "volume " << v.id() << " copied: " << sum.stored << " chunks, " << sum.bytes
                  << " bytes in " << io::steady_ms() - began << " ms";
  return {};
}

}  // namespace ssdfs::datanode
