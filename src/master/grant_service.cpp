// Grants: what writers ask the grant desk for.
#include "master/mutate.hpp"

namespace ssdfs::master {

void service::grant(net::request r, const wire::grant_request& q) {
  if (q.exclude_volumes.size() > wire::most_avoided ||
      q.exclude_nodes.size() > wire::most_avoided || q.replication > 3) {
    return r.fail(errc::protocol);
  }
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  leader::grant_wish wish;
  wish.client = r.from().peer().client;
  if (wish.client == client_id()) {
    return r.fail(failure(errc::protocol, "grants need a client id in the hello"));
  }
  wish.replication = q.replication;
  wish.bytes = q.bytes;
  wish.key_count = q.key_count;
  wish.exclude_volumes = q.exclude_volumes;
  wish.exclude_nodes = q.exclude_nodes;
  const leader::token asked = requests_.add(std::move(r));
  auto given = core_.grants().ask(asked, std::move(wish), core::steady_now_ms());
  if (given) answer_grant(asked, std::move(*given));
}

void service::answer_grant(leader::token asked, result<leader::granted> given) {
  net::request r = requests_.take(asked);
  if (!given) return r.fail(given.error());
  wire::grant_reply reply;
  reply.volume = given->volume;
  reply.generation = given->generation;
  reply.first_key = given->first;
  reply.key_count = given->count;
  reply.bytes = given->bytes;
  reply.replicas = std::move(given->replicas);
  reply.idle_ms = core_.options().session_ms;
  reply.chunk_size = static_cast<std::uint32_t>(core_.options().chunk_size);
  reply.ticket = std::move(given->ticket);
  answer_read(std::move(r), std::move(reply));
}

void service::serve_waiting_grants() {
  core_.grants().serve_waiting(core::steady_now_ms(),
                               [this](leader::token asked, result<leader::granted> given) {
                                 answer_grant(asked, std::move(given));
                               });
}

void service::end_grant(net::request r, const wire::end_grant_request& q) {
  if (!core_.grants().end(r.from().peer().client, q.volume, q.first_key, core::steady_now_ms())) {
    return r.fail(errc::busy);
  }
  answer_read(std::move(r), wire::end_grant_reply{});
}

}  // namespace ssdfs::master
