#include "leader/cluster_desk.hpp"

#include <algorithm>

namespace ssdfs::leader {
namespace {

std::vector<meta::stored_chunk> stored_chunks(const std::vector<chunk_content>& chunks) {
  std::vector<meta::stored_chunk> out;
  out.reserve(chunks.size());
  for (const chunk_content& c : chunks) out.push_back({c.key, c.size, meta::crc_value(c.crc32c)});
  return out;
}

}  // namespace

bool cluster_desk::settle(cluster::time_ms now, const observer& seen) {
  bool any = false;
  for (auto requests = nodes_.take_log_requests(); !requests.empty();
       requests = nodes_.take_log_requests()) {
    any = true;
    for (const cluster::log_request& request : requests) log_one(request, now, seen);
  }
  return any;
}

void cluster_desk::log_one(const cluster::log_request& request, cluster::time_ms now,
                           const observer& seen) {
  auto change = record_for(request, now);
  if (change) {
    if (auto logged = log_.log(*change); !logged) change = logged.error();
  }
  seen(request, change);
  if (change) {
    const auto* added = std::get_if<meta::add_volume_record>(&change->body);
    nodes_.volume_changed(added != nullptr ? added->volume : request.volume, change->txid, now);
  }
  nodes_.request_done(request.ticket, change.has_value(), now);
}

result<meta::record> cluster_desk::record_for(const cluster::log_request& q, cluster::time_ms now) {
  using kind = cluster::log_request::kind;
  const meta::context& c = log_.context();
  switch (q.what) {
    case kind::add: return meta::make_add_volume(state_, q.members, q.replication, c);
    case kind::seal: return meta::make_seal(state_, q.volume, q.reason, c);
    case kind::close: return meta::make_close(state_, q.volume, q.length, c);
    case kind::reopen: return meta::make_reopen(state_, q.volume, c);
    case kind::members: return meta::make_members(state_, q.volume, q.members, c);
    case kind::lost: return record_of_lost(q, now);
    case kind::found: {
      const auto chunks = stored_chunks(q.chunks);
      return meta::make_found(state_, q.volume, chunks, c);
    }
  }
  return errc::internal;
}

// That replicas lack them is the controller's word; that files name them still the list's.
result<meta::record> cluster_desk::record_of_lost(const cluster::log_request& q,
                                                  cluster::time_ms now) {
  const auto list = lists_.want(q.volume, now);
  if (!list) return failure(errc::busy, "the list of live chunks is being made");
  std::vector<chunk_content> live;
  for (const chunk_content& c : q.chunks) {
    const auto at =
        std::lower_bound(list->begin(), list->end(), c.key,
                         [](const wire::chunk_entry& e, chunk_key k) { return e.key < k; });
    if (at == list->end() || at->key != c.key || at->size != c.size || at->crc32c != c.crc32c)
      continue;
    live.push_back(c);
  }
  const auto stored = stored_chunks(live);
  return meta::make_lost(state_, q.volume, stored, log_.context());
}

}  // namespace ssdfs::leader
