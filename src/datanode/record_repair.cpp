#include "datanode/record_repair.hpp"

#include "datanode/chunk_fetcher.hpp"
#include "datanode/order_job.hpp"
#include "net/await.hpp"
#include "wire/namespace_messages.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::datanode {
namespace {

// The replica counts as whole from here on, and others may be dropped because of it: what was
// written for that has to outlive a power cut as they would.
result<repair_counts> made_durable(volume::volume& v, const repair_counts& counts) {
  if (counts.repaired > 0) SSDFS_TRY(v.maintain());
  return counts;
}

result<std::vector<replica_address>> others(volume_id id, const repair_sources& from) {
  const auto master = from.master();
  if (!master) return failure(errc::connection, "no master to ask for other replicas");
  wire::locate_request m;
  m.volumes = {id};
  constexpr std::int64_t timeout_ms = 5000;
  auto answer = net::awaited<wire::locate_request>(*master, m, timeout_ms).wait();
  if (!answer) return std::move(answer).error();
  std::vector<replica_address> out;
  for (auto& where : answer->message.volumes) {
    if (where.volume == id) out = std::move(where.replicas);
  }
  std::erase_if(out, [&](const replica_address& r) { return r.node == from.self; });
  if (out.empty()) return failure(errc::unavailable, "no other replica is known");
  return out;
}

}  // namespace

result<repair_counts> repair_records(volume::volume& v, const repair_sources& from,
                                     std::uint64_t rate_bytes_per_s,
                                     const std::function<bool()>& go_on) {
  repair_counts counts;
  std::vector<wire::chunk_entry> missing;
  for (const chunk_key key : v.bad_keys()) {
    const auto healed = v.heal_here(key);
    if (healed && *healed) {
      ++counts.repaired;
      continue;
    }
    if (const auto at = v.probe(key)) missing.push_back({key, at->size, at->crc});
  }
  if (missing.empty()) return made_durable(v, counts);
  auto sources = others(v.id(), from);
  if (!sources) return std::move(sources).error();
  order what;
  what.kind = order_kind::reconcile;
  what.volume = v.id();
  what.sources = std::move(*sources);
  order_job job(std::move(what), rate_bytes_per_s);
  // One by one: a chunk that nobody has must not keep the others from being healed.
  counts.left = missing.size();
  for (const wire::chunk_entry& one : missing) {
    if (!go_on()) break;
    chunk_fetcher fetcher(from.peers, job);
    const auto fetched = fetcher.restore(v, {&one, 1});
    if (!fetched || fetched->stored != 1) continue;
    ++counts.repaired;
    --counts.left;
  }
  return made_durable(v, counts);
}

}  // namespace ssdfs::datanode
