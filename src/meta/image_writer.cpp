#include "meta/image_frame.hpp"
#include "meta/image_items.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

constexpr std::size_t freed_run = 4096;

image_head head_of(const state& s) {
  const subtree_totals all = s.names().totals(root_directory);
  image_head head;
  head.cluster = s.cluster();
  head.epoch = s.epoch();
  head.txid = s.last_txid();
  head.chain = s.chain();
  head.log_time_ms = s.log_time_ms();
  head.files = all.files;
  head.directories = all.directories;
  head.bytes = all.bytes;
  head.digest = s.digest();
  head.next_volume = static_cast<std::uint32_t>(s.next_volume().value & UINT32_MAX);
  head.next_serial = s.names().next_serial();
  head.rebalance = s.rebalance();
  return head;
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
      const auto from = entry.freed.begin() + static_cast<std::ptrdiff_t>(at);
      write_freed({from, from + static_cast<std::ptrdiff_t>(end - at)}, out);
      if (frames.full()) SSDFS_TRY(frames.close(image_section::volumes));
    }
    for (auto at = entry.lost.begin(); at != entry.lost.end();) {
      at = write_lost(entry.lost, at, out);
      if (frames.full()) SSDFS_TRY(frames.close(image_section::volumes));
    }
    if (frames.full()) SSDFS_TRY(frames.close(image_section::volumes));
  }
  return frames.close(image_section::volumes);
}

result<void> write_results(const state& s, image_frames& frames) {
  image_output& out = frames.out;
  for (const auto& client : s.results().clients()) {
    write_client(client, out);
    for (const auto& entry : client.results) {
      write_result(entry, out);
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
  write_head(head_of(s), frames.out);
  SSDFS_TRY(frames.close(image_section::head));
  SSDFS_TRY(write_image_tables(s, frames));
  SSDFS_TRY(write_image_names(s, frames));
  return frames.end();
}

}  // namespace ssdfs::meta
