// How a datanode of the simulation does what its master orders.
#include "sim/sim_node.hpp"

namespace ssdfs::sim {

// ---- orders -------------------------------------------------------------------------------------

void datanode::perform(cluster::action::execute& a) {
  const order what = a.what;
  if (what.kind == order_kind::reconcile) return reconcile_later(what);
  const bool takes_long = what.kind == order_kind::copy || what.kind == order_kind::compact;
  if (what.kind == order_kind::copy) {
    ++copies_running;
    world_.copying(*this, what.volume);
  }
  after(takes_long ? world_.between(20, 800) : world_.between(1, 60), [this, what] {
    if (cancelled_.contains(what.id)) return finish(what, errc::cancelled);
    if (!world_.calm() && world_.chance(0.02)) return finish(what, errc::io);
    finish(what, run(what));
  });
}

void datanode::finish(const order& what, const result<void>& outcome) {
  world_.note(address + " did " + std::to_string(static_cast<int>(what.kind)) + " on volume " +
              std::to_string(what.volume.value) + " gen " + std::to_string(what.generation) + ": " +
              (outcome ? "ok" : outcome.error().message()));
  if (what.kind == order_kind::copy) --copies_running;
  cancelled_.erase(what.id);
  changed(what.volume);
  order_result done{.id = what.id,
                    .kind = what.kind,
                    .volume = what.volume,
                    .detail = {},
                    .absent = std::exchange(absent_, {}),
                    .found = std::exchange(found_, {})};
  if (!outcome) {
    done.status = static_cast<std::uint16_t>(outcome.error().code.value());
    done.detail = outcome.error().message();
  }
  agent_->order_finished(done, world_.now());
  pump();
}

result<void> datanode::run(const order& what) {
  if (what.kind == order_kind::create) return create(what);
  if (what.kind == order_kind::copy) return copy(what);
  if (what.kind == order_kind::drop) {
    if (disk.contains(what.volume)) world_.check_drop(*this, what.volume);
    disk.erase(what.volume);
    return {};
  }
  const auto at = disk.find(what.volume);
  if (at == disk.end()) return errc::not_found;
  replica& r = at->second;
  switch (what.kind) {
    case order_kind::seal:
      if (r.generation != what.generation) return errc::stale_generation;
      r.state = replica_state::sealed;
      r.sync();
      return {};
    case order_kind::reopen:
      if (r.state == replica_state::open && r.generation == what.generation) return {};
      if (r.state != replica_state::sealed || r.generation >= what.generation) {
        return errc::precondition;
      }
      r.state = replica_state::open;
      r.generation = what.generation;
      return {};
    case order_kind::set_generation:
      if (r.state != replica_state::sealed) return errc::precondition;
      if (r.generation > what.generation) return errc::stale_generation;
      r.generation = what.generation;
      return {};
    case order_kind::remove_keys: return remove_keys(what, r);
    case order_kind::compact: r.dead_bytes = 0; return {};
    default: return errc::unsupported;
  }
}

result<void> datanode::create(const order& what) {
  const auto [at, made] = disk.try_emplace(what.volume);
  if (made) {
    at->second.generation = what.generation;
    return {};
  }
  const bool same =
      at->second.generation == what.generation && at->second.state == replica_state::open;
  if (!same) return errc::exists;
  return {};
}

result<void> datanode::remove_keys(const order& what, replica& r) {
  if (what.removal_number <= r.removal_number) return {};
  if (what.removal_number != r.removal_number + 1) return errc::precondition;
  for (const chunk_key key : what.keys) {
    const auto at = r.live.find(key);
    if (at == r.live.end()) continue;
    r.dead_bytes += at->second.what.size + needle_overhead;
    r.live.erase(at);
  }
  r.removal_number = what.removal_number;
  return {};
}

result<void> datanode::copy(const order& what) {
  const auto here = disk.find(what.volume);
  if (here != disk.end() && here->second.state != replica_state::damaged &&
      here->second.state != replica_state::recovering) {
    return errc::exists;
  }
  for (const replica_address& source : what.sources) {
    datanode* from = world_.node_at(source.address);
    if (!from->up() || from->paused() || world_.cut(*this, *from)) continue;
    const auto at = from->disk.find(what.volume);
    if (at == from->disk.end() || at->second.state != replica_state::sealed) continue;
    replica copied = at->second;
    copied.generation = what.generation;
    copied.tombstones.clear();
    copied.settled.clear();
    copied.dead_bytes = 0;
    copied.sync();
    disk[what.volume] = std::move(copied);
    return {};
  }
  return errc::unavailable;
}

void datanode::reconcile_later(const order& what) {
  auto settled = std::make_shared<bool>(false);
  to_master([this, what, settled](master& m, std::uint64_t) {
    const result<live_list> list = m.live_chunks(what.volume);
    world_.send(m, *this, [this, what, settled, list] {
      if (*settled) return;
      *settled = true;
      if (!list) return finish(what, list.error());
      after(world_.between(5, 600), [this, what, l = *list] { finish(what, reconcile(what, l)); });
    });
  });
  after(2'000, [this, what, settled] {
    if (*settled) return;
    *settled = true;
    finish(what, errc::timed_out);
  });
}

result<void> datanode::reconcile(const order& what, const live_list& list) {
  const auto at = disk.find(what.volume);
  if (at == disk.end()) return errc::not_found;
  replica& r = at->second;
  if (r.state != replica_state::sealed) return errc::precondition;
  r.compact(world_.now());
  for (auto c = r.live.begin(); c != r.live.end();) {
    const auto listed = list.chunks.find(c->first);
    if (listed != list.chunks.end() && listed->second == c->second.what) {
      ++c;
      continue;
    }
    const auto lost = list.lost.find(c->first);
    if (lost != list.lost.end() && lost->second == c->second.what) {
      found_.push_back({c->first, c->second.what.size, c->second.what.crc});
      ++c;
      continue;
    }
    const bool settled = c->first >= list.settled_from && c->first < list.settled_end &&
                         listed == list.chunks.end() && lost == list.lost.end();
    r.tombstones[c->first] = c->second.what;
    if (settled) r.settled[c->first] = world_.now() + list.settled_wait_ms;
    c = r.live.erase(c);
  }
  bool all = found_.empty();
  bool answered = true;
  std::vector<chunk_content> nowhere;
  for (const auto& [key, c] : list.chunks) {
    if (r.live.contains(key)) continue;
    if (const auto t = r.tombstones.find(key); t != r.tombstones.end() && t->second == c) {
      r.live[key] = {c, true};
      r.tombstones.erase(t);
      r.settled.erase(key);
      continue;
    }
    const auto fetched = fetch(what, key, answered);
    if (fetched && *fetched == c) {
      r.live[key] = {c, true};
    } else {
      all = false;
      nowhere.push_back({key, c.size, c.crc});
    }
  }
  if (answered) absent_ = std::move(nowhere);
  if (!all) return errc::unavailable;
  if (list.generation < r.generation) return errc::stale_generation;
  r.generation = list.generation;
  r.removal_number = list.removal_number;
  return {};
}

std::optional<content> datanode::fetch(const order& what, chunk_key key, bool& answered) {
  for (const replica_address& source : what.sources) {
    datanode* from = world_.node_at(source.address);
    if (!from->up() || from->paused() || world_.cut(*this, *from)) {
      answered = false;
      continue;
    }
    const auto at = from->disk.find(what.volume);
    if (at == from->disk.end()) continue;
    const auto c = at->second.live.find(key);
    if (c != at->second.live.end()) return c->second.what;
  }
  return std::nullopt;
}

}  // namespace ssdfs::sim
