#include "meta/volume_check.hpp"

namespace ssdfs::meta {

std::vector<std::string> check_volumes(const state& s, std::size_t limit) {
  std::vector<volume_digest> found(s.volumes().size());
  std::vector<chunk_ref> chunks;
  const tree& names = s.names();
  for (std::size_t slice = 0; slice < names.slices(); ++slice) {
    names.visit_slice(slice, [&](inode file) {
      chunks.clear();
      names.chunks(file, chunks);
      for (const chunk_ref& c : chunks) found[c.at.volume.value].add(c.at.key, c.size, c.crc32c);
    });
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < found.size() && out.size() < limit; ++i) {
    const volume_entry& volume = s.volumes()[volume_slot(static_cast<std::uint32_t>(i))];
    for (const freed_chunk& c : volume.freed) found[i].add(c.key, c.size, c.crc32c);
    for (const auto& [key, c] : volume.lost) found[i].remove(key, c.size, c.crc32c);
    const volume_digest& stated = volume.info.digest;
    if (found[i] == stated) continue;
    out.push_back(
        "volume " + std::to_string(volume.info.id.value) + ": " + std::to_string(stated.count) +
        " chunks of " + std::to_string(stated.bytes) + " bytes are stated, the files hold " +
        std::to_string(found[i].count) + " of " + std::to_string(found[i].bytes) + " bytes" +
        (found[i].count == stated.count && found[i].bytes == stated.bytes ? ", other ones" : ""));
  }
  return out;
}

}  // namespace ssdfs::meta
