#include "meta/image_frame.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

constexpr std::size_t freed_run = 4096;

void write_head(const state& s, image_output& out) {
  const subtree_totals all = s.names().totals(root_directory);
  out.id(s.cluster().value);
  out.number(s.epoch().value);
  out.number(s.last_txid().value);
  out.fixed32(s.chain());
  out.signed_number(s.log_time_ms());
  out.number(all.files);
  out.number(all.directories);
  out.number(all.bytes);
  out.fixed64(s.digest());
  out.number(s.next_volume().value & UINT32_MAX);
  out.number(s.names().next_serial());
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

result<void> write_volumes(const state& s, image_frames& frames) {
  image_output& out = frames.out;
  for (std::size_t i = 0; i < s.volumes().size(); ++i) {
    const volume_entry& entry = s.volumes()[volume_slot(static_cast<std::uint32_t>(i))];
    write_volume(entry.info, out);
    for (const grant_info& grant : entry.grants) {
      write_grant(grant, out);
      if (frames.full()) SSDFS_TRY(frames.close(image_section::volumes));
    }
    for (const removal_batch& batch : entry.removals) {
      write_removal(batch, out);
      if (frames.full()) SSDFS_TRY(frames.close(image_section::volumes));
    }
    for (std::size_t at = 0; at < entry.freed.size(); at += freed_run) {
      const std::size_t end = std::min(at + freed_run, entry.freed.size());
      out.byte(image_item::freed);
      out.number(end - at);
      for (std::size_t f = at; f < end; ++f) {
        out.number(entry.freed[f].key);
        out.number(entry.freed[f].size);
        out.fixed32(entry.freed[f].crc32c);
        out.fixed32(entry.freed[f].freed_s);
      }
      if (frames.full()) SSDFS_TRY(frames.close(image_section::volumes));
    }
    if (frames.full()) SSDFS_TRY(frames.close(image_section::volumes));
  }
  return frames.close(image_section::volumes);
}

result<void> write_results(const state& s, image_frames& frames) {
  image_output& out = frames.out;
  for (const auto& client : s.results().clients()) {
    out.byte(image_item::client);
    out.id(client.client.value);
    out.signed_number(client.last_ms);
    out.number(client.lowest_unanswered);
    for (const auto& entry : client.results) {
      out.byte(image_item::result);
      out.number(entry.sequence);
      out.signed_number(entry.time_ms);
      out.number(entry.result.txid.value);
      out.byte(entry.result.replaced ? 1 : 0);
      out.text(entry.result.path);
      if (frames.full()) SSDFS_TRY(frames.close(image_section::results));
    }
    if (frames.full()) SSDFS_TRY(frames.close(image_section::results));
  }
  return frames.close(image_section::results);
}

}  // namespace

result<void> write_image_tables(const state& s, image_frames& frames) {
  image_output& out = frames.out;
  for (const epoch_entry& e : s.epochs()) {
    out.number(e.epoch.value);
    out.id(e.leader.value);
    out.number(e.first.value);
  }
  SSDFS_TRY(frames.close(image_section::epochs));
  // The ids of what entries share are positions, so only the values are written.
  for (std::size_t i = 0; i < s.access().size(); ++i) {
    const auto id = static_cast<std::uint16_t>(i);
    out.text(s.access().owner(id));
    out.text(s.access().group(id));
    out.number(s.access().mode(id));
  }
  SSDFS_TRY(frames.close(image_section::access));
  for (std::size_t i = 1; i < s.types().size(); ++i) {
    out.text(s.types().text(static_cast<std::uint16_t>(i)));
  }
  SSDFS_TRY(frames.close(image_section::types));
  for (const auto& [node, entry] : s.nodes()) {
    out.id(node.value);
    out.byte(static_cast<std::uint8_t>(entry.decision));
    out.signed_number(entry.until_ms);
  }
  SSDFS_TRY(frames.close(image_section::nodes));
  SSDFS_TRY(write_volumes(s, frames));
  return write_results(s, frames);
}

result<void> write_image(const state& s, image_sink& sink) {
  image_frames frames(sink);
  SSDFS_TRY(frames.header());
  write_head(s, frames.out);
  SSDFS_TRY(frames.close(image_section::head));
  SSDFS_TRY(write_image_tables(s, frames));
  SSDFS_TRY(write_image_names(s, frames));
  return frames.end();
}

}  // namespace ssdfs::meta
