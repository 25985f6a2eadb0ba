#include "meta/image_items.hpp"

namespace ssdfs::meta {

void write_head(const image_head& head, image_output& out) {
  out.id(head.cluster.value);
  out.number(head.epoch.value);
  out.number(head.txid.value);
  out.fixed32(head.chain);
  out.signed_number(head.log_time_ms);
  out.number(head.files);
  out.number(head.directories);
  out.number(head.bytes);
  out.fixed64(head.digest);
  out.number(head.next_volume);
  out.number(head.next_serial);
  out.byte(static_cast<std::uint8_t>(head.rebalance.phase));
  if (head.rebalance.phase != rebalance_phase::none) out.number(head.rebalance.threshold_permille);
  out.number(image_format_version);
}

void write_volume(const volume_info& info, image_output& out) {
  out.byte(image_item::volume);
  out.number(info.id.value);
  out.byte(static_cast<std::uint8_t>(info.state));
  out.byte(static_cast<std::uint8_t>(info.reason));
  out.byte(info.replication);
  out.number(info.generation);
  out.number(info.members.size());
  for (const node_id& member : info.members) out.id(member.value);
  out.number(info.next_key);
  out.number(info.granted_bytes);
  out.number(info.length);
  out.number(info.removal_number);
  out.number(info.digest.count);
  out.number(info.digest.bytes);
  out.fixed64(info.digest.sum);
}

volume_info read_volume(image_input& in) {
  volume_info info;
  info.id = volume_id(in.number());
  info.state = static_cast<volume_state>(in.byte());
  info.reason = static_cast<seal_reason>(in.byte());
  info.replication = in.byte();
  info.generation = in.number32();
  const std::size_t members = in.count();
  if (members == 0 || members > max_members || info.state < volume_state::open ||
      info.state > volume_state::closed || info.reason > seal_reason::degraded ||
      info.replication == 0 || info.replication > max_replication) {
    in.fail();
  }
  for (std::size_t i = 0; i < members && in.ok(); ++i) info.members.push_back(node_id(in.id()));
  info.next_key = in.number32();
  info.granted_bytes = in.number();
  info.length = in.number();
  info.removal_number = in.number();
  info.digest.count = in.number();
  info.digest.bytes = in.number();
  info.digest.sum = in.fixed64();
  return info;
}

void write_grant(const grant_info& grant, image_output& out) {
  out.byte(image_item::grant);
  out.number(grant.generation);
  out.number(grant.first);
  out.number(grant.count);
  out.number(grant.bytes);
  out.id(grant.owner.value);
  out.signed_number(grant.granted_ms);
  out.number(grant.committed_keys);
  out.number(grant.committed_bytes);
  out.number(grant.committed.size());
  for (const std::uint64_t word : grant.committed) out.fixed64(word);
}

grant_info read_grant(image_input& in) {
  grant_info grant;
  grant.generation = in.number32();
  grant.first = in.number32();
  grant.count = static_cast<std::uint32_t>(in.number(max_grant_keys));
  grant.bytes = in.number();
  grant.owner.value = in.id();
  grant.granted_ms = in.signed_number();
  grant.committed_keys = in.number32();
  grant.committed_bytes = in.number();
  const std::size_t words = in.count();
  for (std::size_t i = 0; i < words && in.ok(); ++i) grant.committed.push_back(in.fixed64());
  return grant;
}

void write_removal(const removal_batch& batch, image_output& out) {
  out.byte(image_item::removal);
  out.number(batch.number);
  out.number(batch.txid.value);
  out.number(batch.keys.size());
  std::uint64_t before = 0;
  for (const chunk_key key : batch.keys) {
    out.difference(key, before);
    before = key;
  }
}

removal_batch read_removal(image_input& in) {
  removal_batch batch;
  batch.number = in.number();
  batch.txid = ssdfs::txid(in.number());
  const std::size_t n = in.count();
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    key = in.difference(key);
    if (key > UINT32_MAX) in.fail();
    batch.keys.push_back(static_cast<chunk_key>(key));
  }
  return batch;
}

void write_freed(const std::vector<freed_chunk>& chunks, image_output& out) {
  out.byte(image_item::freed);
  out.number(chunks.size());
  for (const freed_chunk& chunk : chunks) {
    out.number(chunk.key);
    out.number(chunk.size);
    out.fixed32(chunk.crc32c);
    out.fixed32(chunk.freed_s);
  }
}

std::vector<freed_chunk> read_freed(image_input& in) {
  std::vector<freed_chunk> out;
  const std::size_t n = in.count();
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    freed_chunk chunk;
    chunk.key = in.number32();
    chunk.size = in.number32();
    chunk.crc32c = in.fixed32();
    chunk.freed_s = in.fixed32();
    out.push_back(chunk);
  }
  return out;
}

lost_chunks::const_iterator write_lost(const lost_chunks& chunks, lost_chunks::const_iterator from,
                                       image_output& out) {
  auto end = from;
  std::size_t count = 0;
  for (; end != chunks.end() && count < lost_run; ++end) ++count;
  out.byte(image_item::lost);
  out.number(count);
  for (; from != end; ++from) {
    out.number(from->first);
    out.number(from->second.size);
    out.fixed32(from->second.crc32c);
  }
  return end;
}

void read_lost(image_input& in, lost_chunks& into) {
  const std::size_t n = in.count();
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    const chunk_key key = in.number32();
    const std::uint32_t size = in.number32();
    const std::uint32_t crc = in.fixed32();
    if (!into.emplace(key, lost_chunk{size, crc}).second) in.fail();
  }
}

void write_client(const operation_results::client_entry& client, image_output& out) {
  out.byte(image_item::client);
  out.id(client.client.value);
  out.signed_number(client.last_ms);
  out.number(client.lowest_unanswered);
}

operation_results::client_entry read_client(image_input& in) {
  operation_results::client_entry client;
  client.client.value = in.id();
  client.last_ms = in.signed_number();
  client.lowest_unanswered = in.number();
  return client;
}

void write_result(const operation_results::entry& entry, image_output& out) {
  out.byte(image_item::result);
  out.number(entry.sequence);
  out.signed_number(entry.time_ms);
  out.number(entry.result.txid.value);
  out.byte(entry.result.replaced ? 1 : 0);
  out.text(entry.result.path);
}

operation_results::entry read_result(image_input& in) {
  operation_results::entry entry;
  entry.sequence = in.number();
  entry.time_ms = in.signed_number();
  entry.result.txid = ssdfs::txid(in.number());
  entry.result.replaced = in.byte() != 0;
  entry.result.path = in.text(UINT16_MAX);
  return entry;
}

}  // namespace ssdfs::meta
