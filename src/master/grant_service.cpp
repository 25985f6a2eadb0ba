// Grants: rights to write, given out of volumes that the cluster's side keeps ready.
#include "base/log.hpp"
#include "base/units.hpp"
#include "master/mutate.hpp"

namespace ssdfs::master {
namespace {

constexpr std::uint64_t grant_minimum = 1 * MiB;
constexpr std::uint64_t grant_maximum = 64 * MiB;
constexpr std::int64_t grant_wait_ms = 8000;  // for a volume to become ready
constexpr std::size_t waiting_limit = 4096;
// Keys of a grant: enough for files of a kibibyte; unused ones are burnt with the grant.
constexpr std::uint64_t granted_bytes_per_key = 1 * KiB;
constexpr std::uint32_t grant_keys_minimum = 64;
constexpr std::uint32_t grant_keys_maximum = 65536;

}  // namespace

void service::grant(net::request r) {
  try_grant(std::move(r), core::steady_now_ms() + grant_wait_ms);
}

void service::try_grant(net::request r, std::int64_t deadline_ms) {
  wire::grant_request q;
  if (!r.decode(q) || q.exclude_volumes.size() > wire::most_avoided ||
      q.exclude_nodes.size() > wire::most_avoided || q.replication > 3) {
    return r.fail(errc::protocol);
  }
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  const client_id client = r.from().peer().client;
  if (client == client_id()) {
    return r.fail(failure(errc::protocol, "grants need a client id in the hello"));
  }
  const auto now = core::steady_now_ms();
  const auto choice = core_.nodes().choose_volume(
      {q.replication, q.bytes, q.exclude_volumes, q.exclude_nodes}, now);
  using outcome = cluster::volume_choice::outcome;
  switch (choice.what) {
    case outcome::ready: break;
    case outcome::no_datanodes: return r.fail(failure(errc::no_datanodes, choice.why));
    case outcome::no_space: return r.fail(failure(errc::no_space, choice.why));
    case outcome::wait:
      if (now >= deadline_ms || waiting_grants_.size() >= waiting_limit) {
        return r.fail(failure(errc::busy, "no volume is ready for writing yet"));
      }
      waiting_grants_.push_back({std::move(r), deadline_ms});
      return;
  }
  const std::uint64_t wanted = core_.clients().next_grant_bytes(
      client, grant_minimum, grant_maximum, choice.room < grant_maximum);
  const std::uint64_t bytes = std::min(choice.room, std::max(wanted, q.bytes));
  const auto keys = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(std::max<std::uint64_t>(bytes / granted_bytes_per_key, q.key_count),
                                grant_keys_minimum, grant_keys_maximum));
  auto change =
      meta::make_grant(core_.state(), {choice.volume, keys, bytes, client}, core_.context());
  if (!change) return r.fail(change.error());
  if (auto logged = core_.log(*change); !logged) return r.fail(logged.error());
  core_.nodes().grants_changed(choice.volume, now);
  // A client whose session ended while it waited would keep the grant, and the volume, for ever.
  core_.clients().expect(client, now);
  const auto& given = std::get<meta::grant_record>(change->body);
  wire::grant_reply reply;
  reply.volume = given.volume;
  reply.generation = given.generation;
  reply.first_key = given.first;
  reply.key_count = given.count;
  reply.bytes = given.bytes;
  reply.replicas = choice.replicas;
  reply.idle_ms = core_.options().session_ms;
  reply.chunk_size = static_cast<std::uint32_t>(core_.options().chunk_size);
  reply.ticket = core_.tickets().for_grant(given, choice.replicas, core_.context().now_ms);
  answer_read(std::move(r), std::move(reply));
}

void service::serve_waiting_grants() {
  // Those that still have to wait queue up again behind; each is tried once.
  std::deque<waiting_grant> waiting;
  waiting.swap(waiting_grants_);
  for (auto& w : waiting) try_grant(std::move(w.request), w.deadline_ms);
}

bool service::end_one_grant(const grant_index::entry& which, client_id owner) {
  const auto* volume = core_.state().volumes().find(which.volume);
  const auto* held = volume == nullptr ? nullptr : volume->grant_at(which.first);
  if (held == nullptr || held->owner != owner) return true;  // ended already
  // A master that may only read must not add to a log that lacks what others have seen.
  if (core_.nodes().read_only_reason()) return false;
  auto change = meta::make_end_grant(core_.state(), which.volume, which.first, core_.context());
  if (!change) return true;
  if (!core_.log(*change)) return false;  // the log is busy or fenced: tried again by the tick
  core_.nodes().grants_changed(which.volume, core::steady_now_ms());
  return true;
}

void service::end_grant(net::request r) {
  wire::end_grant_request q;
  if (!r.decode(q)) return r.fail(errc::protocol);
  if (!end_one_grant({q.volume, q.first_key}, r.from().peer().client)) return r.fail(errc::busy);
  answer_read(std::move(r), wire::end_grant_reply{});
}

void service::end_grants_of(client_id client) {
  for (const auto& g : core_.grants().of(client)) {
    if (!end_one_grant(g, client)) {
      // Its session starts over, so that the next tick comes back to it.
      core_.clients().expect(client, core::steady_now_ms());
      return;
    }
  }
}

}  // namespace ssdfs::master
