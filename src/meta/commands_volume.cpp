// Commands on volumes, nodes and the log itself.
#include "meta/command_support.hpp"
#include "meta/path.hpp"

#include <algorithm>
#include <limits>

namespace ssdfs::meta {
namespace {

// Removal batches of one volume that wait for its members, at most.
constexpr std::size_t max_waiting_removals = 16;

failure unknown(volume_id id) { return {errc::not_found, "no volume " + std::to_string(id.value)}; }
failure wrong_state(volume_id id, const char* what) {
  return {errc::sealed, "volume " + std::to_string(id.value) + " is " + what};
}

result<void> check_members(std::span<const node_id> members) {
  if (members.empty() || members.size() > max_members) {
    return failure(errc::invalid_argument, "a volume has 1 to 16 members");
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (std::find(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(i), members[i]) !=
        members.begin() + static_cast<std::ptrdiff_t>(i)) {
      return failure(errc::invalid_argument, "a volume has a member twice");
    }
  }
  return {};
}

}  // namespace

result<record> make_start(const state& s, const start_request& q, const context& c) {
  if (q.cluster == cluster_id{}) return failure(errc::invalid_argument, "no cluster id");
  if (!s.epochs().empty() && q.cluster != s.cluster()) return errc::wrong_cluster;
  record r = next_record(s, c);
  auto& body = r.body.emplace<start_record>();
  const std::uint32_t last = s.epoch().value;
  body.epoch = epoch_t(q.promotion ? (last / 256 + 1) * 256 : last + 1);
  body.leader = q.leader;
  body.cluster = q.cluster;
  body.previous = s.last_txid();
  body.format = edits_format_version;
  return r;
}

result<record> make_add_volume(const state& s, std::span<const node_id> members,
                               std::uint8_t replication, const context& c) {
  SSDFS_TRY(check_members(members));
  if (replication == 0 || replication > max_replication) return errc::invalid_argument;
  record r = next_record(s, c);
  auto& body = r.body.emplace<add_volume_record>();
  body.volume = s.next_volume();
  body.replication = replication;
  body.members.assign(members.begin(), members.end());
  return r;
}

result<record> make_grant(const state& s, const grant_choice& q, const context& c) {
  const volume_entry* volume = s.volumes().find(q.volume);
  if (volume == nullptr) return unknown(q.volume);
  if (q.key_count == 0 || q.key_count > max_grant_keys) {
    return failure(errc::invalid_argument, "a grant has 1 to 1048576 keys");
  }
  if (volume->info.state != volume_state::open) return wrong_state(q.volume, "not open");
  if (q.key_count > std::numeric_limits<chunk_key>::max() - volume->info.next_key) {
    return failure(errc::no_space, "the keys of the volume are used up");
  }
  record r = next_record(s, c);
  auto& body = r.body.emplace<grant_record>();
  body.volume = q.volume;
  body.generation = volume->info.generation;
  body.first = volume->info.next_key;
  body.count = q.key_count;
  body.bytes = q.bytes;
  body.owner = q.owner;
  return r;
}

result<record> make_end_grant(const state& s, volume_id volume, chunk_key first, const context& c) {
  const volume_entry* entry = s.volumes().find(volume);
  const grant_info* grant = entry == nullptr ? nullptr : entry->grant_at(first);
  if (grant == nullptr) return failure(errc::not_found, "no such grant");
  record r = next_record(s, c);
  auto& body = r.body.emplace<grant_record>();
  body.volume = volume;
  body.generation = grant->generation;
  body.first = first;
  body.end = true;
  return r;
}

result<record> make_seal(const state& s, volume_id volume, seal_reason reason, const context& c) {
  const volume_entry* entry = s.volumes().find(volume);
  if (entry == nullptr) return unknown(volume);
  if (entry->info.state != volume_state::open) return wrong_state(volume, "not open");
  record r = next_record(s, c);
  auto& body = r.body.emplace<seal_record>();
  body.volume = volume;
  body.reason = reason;
  return r;
}

result<record> make_close(const state& s, volume_id volume, std::uint64_t length,
                          const context& c) {
  const volume_entry* entry = s.volumes().find(volume);
  if (entry == nullptr) return unknown(volume);
  if (entry->info.state != volume_state::sealed) return wrong_state(volume, "not sealed");
  if (!entry->grants.empty()) return failure(errc::busy, "grants are outstanding");
  record r = next_record(s, c);
  auto& body = r.body.emplace<close_record>();
  body.volume = volume;
  body.generation = entry->info.generation;
  body.length = length;
  return r;
}

result<record> make_reopen(const state& s, volume_id volume, const context& c) {
  const volume_entry* entry = s.volumes().find(volume);
  if (entry == nullptr) return unknown(volume);
  if (entry->info.state != volume_state::closed) return wrong_state(volume, "not closed");
  if (!entry->removals.empty()) return failure(errc::busy, "removals are not confirmed");
  record r = next_record(s, c);
  auto& body = r.body.emplace<reopen_record>();
  body.volume = volume;
  body.generation = entry->info.generation + 1;
  return r;
}

result<record> make_members(const state& s, volume_id volume, std::span<const node_id> members,
                            const context& c) {
  SSDFS_TRY(check_members(members));
  const volume_entry* entry = s.volumes().find(volume);
  if (entry == nullptr) return unknown(volume);
  if (entry->info.state == volume_state::open) return wrong_state(volume, "open");
  record r = next_record(s, c);
  auto& body = r.body.emplace<members_record>();
  body.volume = volume;
  body.generation = entry->info.generation + 1;
  body.members.assign(members.begin(), members.end());
  return r;
}

result<std::optional<record>> make_reclaim(const state& s, volume_id volume, const context& c) {
  const volume_entry* entry = s.volumes().find(volume);
  if (entry == nullptr) return unknown(volume);
  std::optional<record> none;
  if (entry->info.state != volume_state::closed) return none;
  if (entry->removals.size() >= max_waiting_removals) return none;
  reclaim_record body;
  const std::size_t most = std::min<std::uint64_t>(c.max_reclaim_keys, max_reclaim_keys);
  for (const freed_chunk& chunk : entry->freed) {
    const std::int64_t freed_ms = (std::int64_t{chunk.freed_s} + 1) * 1000;
    if (body.keys.size() >= most || freed_ms + c.delete_grace_ms > c.now_ms) break;
    body.keys.push_back(chunk.key);
  }
  if (body.keys.empty()) return none;
  body.volume = volume;
  body.number = entry->info.removal_number + 1;
  body.confirmed =
      entry->removals.empty() ? entry->info.removal_number : entry->removals.front().number - 1;
  record r = next_record(s, c);
  r.body = std::move(body);
  return std::optional<record>(std::move(r));
}

result<record> make_lost(const state& s, volume_id volume, std::span<const stored_chunk> chunks,
                         const context& c) {
  const volume_entry* entry = s.volumes().find(volume);
  if (entry == nullptr) return unknown(volume);
  if (entry->info.state != volume_state::closed) return wrong_state(volume, "not closed");
  record r = next_record(s, c);
  auto& body = r.body.emplace<lost_record>();
  body.volume = volume;
  for (const stored_chunk& chunk : chunks.first(std::min(chunks.size(), max_lost_chunks))) {
    const bool freed = std::any_of(entry->freed.begin(), entry->freed.end(),
                                   [&](const freed_chunk& f) { return f.key == chunk.key; });
    const bool possible = chunk.size != 0 && chunk.key < entry->info.next_key;
    if (possible && !freed && !entry->lost.contains(chunk.key)) body.chunks.push_back(chunk);
  }
  if (body.chunks.empty()) return failure(errc::precondition, "nothing that can be lost");
  return r;
}

result<record> make_found(const state& s, volume_id volume, std::span<const stored_chunk> chunks,
                          const context& c) {
  const volume_entry* entry = s.volumes().find(volume);
  if (entry == nullptr) return unknown(volume);
  if (entry->info.state != volume_state::closed) return wrong_state(volume, "not closed");
  record r = next_record(s, c);
  auto& body = r.body.emplace<found_record>();
  body.volume = volume;
  for (const stored_chunk& chunk : chunks.first(std::min(chunks.size(), max_lost_chunks))) {
    const auto at = entry->lost.find(chunk.key);
    if (at == entry->lost.end() || at->second != lost_chunk{chunk.size, chunk.crc32c.value})
      continue;
    body.chunks.push_back(chunk);
  }
  if (body.chunks.empty()) return failure(errc::precondition, "none of them is lost");
  return r;
}

result<record> make_relocate(const state& s, const relocate_request& q, const context& c) {
  SSDFS_TRY(check_path(q.path));
  auto entry = s.names().lookup(q.path);
  if (!entry) return entry.error();
  if (s.names().is_directory(*entry)) return errc::is_directory;
  std::vector<chunk_record> chunks;
  chunks_of(s, *entry, chunks);
  if (q.index >= chunks.size() || chunks[q.index] != q.from) return errc::changed;
  if (q.to.size != q.from.size || q.to.crc32c != q.from.crc32c.value) {
    return failure(errc::invalid_argument, "the chunks differ");
  }
  const chunk_record to{q.to.volume, q.to.key, q.to.size, crc_value(q.to.crc32c)};
  SSDFS_TRY(s.volumes().check_commit(&to, 1));
  SSDFS_TRY(check_grant(s, q.to, q.session));
  record r = next_record(s, c);
  auto& body = r.body.emplace<relocate_record>();
  body.path = q.path;
  body.index = q.index;
  body.from = q.from;
  body.to = to;
  return r;
}

result<record> make_node(const state& s, node_id node, node_entry entry, const context& c) {
  if (entry.until_ms != 0 && entry.decision != node_decision::maintenance) {
    return errc::invalid_argument;
  }
  record r = next_record(s, c);
  auto& body = r.body.emplace<node_record>();
  body.node = node;
  body.decision = entry.decision;
  body.until = entry.until_ms;
  return r;
}

result<record> make_rebalance(const state& s, rebalance_entry entry, const context& c) {
  if (entry.phase == rebalance_phase::none || !is_possible(entry)) {
    return failure(errc::invalid_argument, "the threshold is 0.1 to 100 percent");
  }
  if (entry.phase != rebalance_phase::running && !s.rebalance().active()) {
    return failure(errc::precondition, "no rebalance is running");
  }
  record r = next_record(s, c);
  auto& body = r.body.emplace<rebalance_record>();
  body.phase = entry.phase;
  body.threshold = entry.threshold_permille;
  return r;
}

record make_mark(const state& s, const context& c) {
  record r = next_record(s, c);
  auto& body = r.body.emplace<mark_record>();
  const subtree_totals all = s.names().totals(root_directory);
  body.files = all.files;
  body.directories = all.directories;
  body.bytes = all.bytes;
  body.digest = hash64(s.digest());
  return r;
}

}  // namespace ssdfs::meta
