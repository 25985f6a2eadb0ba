#include "leader/grant_desk.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace ssdfs::leader {

grant_desk::grant_desk(const meta::state& state, cluster::controller& nodes, edits& log,
                       const grant_settings& settings, cluster::time_ms now)
    : state_(state),
      nodes_(nodes),
      log_(log),
      settings_(settings),
      sessions_(settings.session_ms),
      tickets_(state.cluster(), state.epoch(), settings.root) {
  const auto& volumes = state.volumes();
  for (std::size_t slot = 0; slot < volumes.size(); ++slot) {
    const auto& volume = volumes[meta::volume_slot(static_cast<std::uint32_t>(slot))];
    for (const meta::grant_info& grant : volume.grants) {
      index_.add(grant.owner, {volume.info.id, grant.first});
      sessions_.expect(grant.owner, now);
    }
  }
}

std::vector<client_id> grant_desk::expire(cluster::time_ms now) {
  std::vector<client_id> over = sessions_.expire(now);
  for (const client_id client : over) {
    for (const grant_index::entry& g : index_.of(client)) {
      if (end(client, g.volume, g.first, now)) continue;
      sessions_.expect(client, now);
      break;
    }
  }
  return over;
}

std::optional<result<granted>> grant_desk::ask(token request, grant_wish wish,
                                               cluster::time_ms now) {
  if (auto tried = try_one(wish, now)) return tried;
  if (waiting_.size() >= settings_.most_waiting) {
    return result<granted>(failure(errc::busy, "no volume is ready for writing yet"));
  }
  waiting_.push_back({request, now + settings_.wait_ms, std::move(wish)});
  return std::nullopt;
}

void grant_desk::serve_waiting(cluster::time_ms now, const answer& to) {
  // Those that still have to wait queue up again behind.
  for (std::size_t left = waiting_.size(); left > 0; --left) {
    waiting_grant next = std::move(waiting_.front());
    waiting_.pop_front();
    if (auto tried = try_one(next.wish, now)) {
      to(next.request, std::move(*tried));
    } else if (now >= next.deadline) {
      to(next.request, failure(errc::busy, "no volume is ready for writing yet"));
    } else {
      waiting_.push_back(std::move(next));
    }
  }
}

std::optional<result<granted>> grant_desk::try_one(const grant_wish& wish, cluster::time_ms now) {
  if (auto allowed = log_.may_change(); !allowed) return result<granted>(allowed.error());
  const auto choice = nodes_.choose_volume(
      {wish.replication, wish.bytes, wish.exclude_volumes, wish.exclude_nodes}, now);
  using outcome = cluster::volume_choice::outcome;
  switch (choice.what) {
    case outcome::ready: {
      const std::uint64_t grown =
          sessions_.next_grant_bytes(wish.client, settings_.least_bytes, settings_.most_bytes,
                                     choice.room < settings_.most_bytes);
      return give(wish, choice, std::max(grown, wish.bytes), settings_.keys, now);
    }
    case outcome::no_datanodes: return result<granted>(failure(errc::no_datanodes, choice.why));
    case outcome::no_space: return result<granted>(failure(errc::no_space, choice.why));
    case outcome::wait: break;
  }
  return std::nullopt;
}

result<granted> grant_desk::give(const grant_wish& wish, const cluster::volume_choice& from,
                                 std::uint64_t bytes, const key_share& keys, cluster::time_ms now) {
  bytes = std::min(from.room, bytes);
  const auto count = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      std::max<std::uint64_t>(bytes / keys.bytes_per_key, wish.key_count), keys.least, keys.most));
  auto change = meta::make_grant(state_, {from.volume, count, bytes, wish.client}, log_.context());
  if (!change) return change.error();
  SSDFS_TRY(log_.log(*change));
  nodes_.grants_changed(from.volume, now);
  // A client whose session ended while it waited would keep the grant, and the volume, for ever.
  sessions_.expect(wish.client, now);
  const auto& body = std::get<meta::grant_record>(change->body);
  granted out{body.volume, body.generation, body.first, body.count, body.bytes, from.replicas, {}};
  out.ticket = tickets_.for_grant(body, out.replicas, log_.context().now_ms);
  return out;
}

std::optional<granted> grant_desk::ask_for_own(const grant_wish& wish, const key_share& keys,
                                               cluster::time_ms now) {
  if (!log_.may_change()) return std::nullopt;
  const auto choice = nodes_.choose_volume(
      {wish.replication, wish.bytes, wish.exclude_volumes, wish.exclude_nodes}, now);
  if (choice.what != cluster::volume_choice::outcome::ready) return std::nullopt;
  auto given = give(wish, choice, wish.bytes, keys, now);
  if (!given) return std::nullopt;
  return std::move(*given);
}

bool grant_desk::end(client_id client, volume_id volume, chunk_key first, cluster::time_ms now) {
  const auto* entry = state_.volumes().find(volume);
  const auto* held = entry == nullptr ? nullptr : entry->grant_at(first);
  if (held == nullptr || held->owner != client) return true;
  // A leader that may only read must not add to a log that lacks what others have seen.
  if (nodes_.read_only_reason()) return false;
  auto change = meta::make_end_grant(state_, volume, first, log_.context());
  if (!change) return true;
  if (!log_.log(*change)) return false;
  nodes_.grants_changed(volume, now);
  return true;
}

void grant_desk::about_to_apply(const meta::record& change) {
  const auto* grant = std::get_if<meta::grant_record>(&change.body);
  if (grant == nullptr) return;
  if (!grant->end) return index_.add(grant->owner, {grant->volume, grant->first});
  // The end of a grant does not name its owner.
  const auto* volume = state_.volumes().find(grant->volume);
  const auto* held = volume == nullptr ? nullptr : volume->grant_at(grant->first);
  index_.remove(held != nullptr ? held->owner : grant->owner, {grant->volume, grant->first});
}

}  // namespace ssdfs::leader
