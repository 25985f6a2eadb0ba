#include "datanode/health_service.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::size_t most_replicas = 4096;
constexpr std::size_t most_keys = 16'384;

failure not_here() { return {errc::not_found, "the volume is not here"}; }

}  // namespace

void health_service::scrub(net::request r, const wire::scrub_request& m) {
  wire::scrub_reply reply;
  std::uint64_t begun = 0;
  if (m.begin) begun = scrubs_.begin_pass();
  const scrub_state now = scrubs_.state();
  reply.pass = m.begin ? begun : now.pass;
  reply.running = m.begin || now.running;
  reply.bytes_done = now.bytes_done;
  reply.bytes_total = now.bytes_total;
  reply.last_full_ms = now.last_full_ms;
  reply.bad = now.bad;
  reply.repaired = now.repaired;
  reply.unrepaired = now.unrepaired;
  r.reply(reply);
}

void health_service::replica_health(net::request r, const wire::replica_health_request& m) {
  wire::replica_health_reply reply;
  for (const auto& v : volumes_.all()) {
    if (v->store().id() < m.from) continue;
    const auto orphans = v->store().orphans();
    const auto bad = v->store().report().bad_records;
    if (bad == 0 && orphans.chunks == 0) continue;
    reply.replicas.push_back({v->store().id(), bad, orphans.chunks, orphans.bytes,
                              orphans.waiting != 0, orphans.waiting});
  }
  std::sort(reply.replicas.begin(), reply.replicas.end(),
            [](const auto& a, const auto& b) { return a.volume < b.volume; });
  reply.more = reply.replicas.size() > most_replicas;
  if (reply.more) reply.replicas.resize(most_replicas);
  r.reply(reply);
}

void health_service::bad_chunks(net::request r, const wire::bad_chunks_request& m) {
  const auto v = volumes_.find(m.volume);
  if (!v) return r.fail(not_here());
  wire::bad_chunks_reply reply;
  const std::vector<chunk_key> keys = v->store().bad_keys();
  auto at = std::lower_bound(keys.begin(), keys.end(), m.from_key);
  for (; at != keys.end() && reply.keys.size() < most_keys; ++at) reply.keys.push_back(*at);
  reply.more = at != keys.end();
  r.reply(reply);
}

void health_service::repair_replica(net::request r, const wire::repair_replica_request& m) {
  const auto v = volumes_.find(m.volume);
  if (!v) return r.fail(not_here());
  scrubs_.repair_soon(m.volume);
  if (!m.release_orphans) return r.reply(wire::repair_replica_reply{});
  auto waiting = std::make_shared<net::request>(std::move(r));
  const auto queued = disk_.submit([v, waiting] {
    const auto released = v->store().release_orphans();
    if (!released) return waiting->fail(released.error());
    waiting->reply(wire::repair_replica_reply{});
  });
  if (!queued) waiting->fail(queued.error());
}

}  // namespace ssdfs::datanode
