// Looking for damage before a reader does, and putting right what can be here.
#include "base/log.hpp"
#include "volume/volume.hpp"

#include <algorithm>
#include <array>

namespace ssdfs::volume {

// The file has to be there under its name, or a restart would not find it; its first bytes are
// known and are put back if they differ.
result<void> volume::scrub_start() {
  SSDFS_TRY(check_usable());
  auto there = env_.fs->exists(path_);
  if (!there) return there.error();
  const guard lock(append_mutex_);
  SSDFS_TRY(check_usable());
  if (!*there) return fence(failure(errc::damaged, "the file was removed from its directory"));
  const superblock_bytes whole = encode(identity_);
  superblock_bytes found{};
  auto got = file_->read(found, 0);
  if (!got) return got.error();
  if (*got == whole.size() && found == whole) return {};
  SSDFS_LOG(error) << path_ << ": superblock is damaged; it is written again";
  const bytes_view part(whole);
  SSDFS_TRY(file_->write({&part, 1}, 0));
  if (auto durable = file_->sync(); !durable) return fence(durable.error());
  return {};
}

// Whether the record's header would be recognized by a scan that rebuilds the index.
bool volume::header_intact(const location& at) {
  std::array<std::byte, header_size> bytes;
  auto got = at.file->read(bytes, at.offset - header_size);
  if (!got || *got != bytes.size()) return false;
  const guard lock(append_mutex_);
  if (at.file != file_) return true;  // compacted meanwhile: another file, another seal
  const auto header = seal_.decode(bytes.data(), at.offset - header_size);
  return header && header->kind == record_kind::data && header->key == at.key &&
         header->size == at.size && header->data_crc == at.crc;
}

result<scrub_result> volume::scrub(chunk_key from, std::uint64_t max_bytes) {
  constexpr std::size_t step = 256;
  scrub_result out;
  out.next = from;
  if (from == 0) SSDFS_TRY(scrub_start());
  while (true) {
    auto found = entries(out.next, step);
    if (!found) return found.error();
    for (const chunk_entry& e : *found) {
      if (out.bytes > 0 && out.bytes + e.size > max_bytes) {
        out.next = e.key;
        return out;
      }
      auto at = probe(e.key);
      if (!at) continue;  // removed since it was listed
      out.bytes += at->size;
      if (!verify(*at, 0, at->size)) {
        ++out.bad;
      } else if (!header_intact(*at)) {
        note_bad(*at, failure(errc::checksum, "its header does not match"));
        ++out.bad;
      }
    }
    if (found->size() < step) break;
    out.next = found->back().key + 1;
  }
  out.next = 0;
  return out;
}

result<bool> volume::heal_here(chunk_key key) {
  auto at = probe(key);
  if (!at) return at.error();
  std::vector<std::byte> content(at->size);
  if (!read(*at, 0, content)) return false;
  const bytes_view part(content);
  const append_item item{.generation = 0,
                         .key = key,
                         .size = at->size,
                         .crc = at->crc,
                         .parts = {&part, 1},
                         .crc_verified = true};
  error_code outcome;
  append_batch({&item, 1}, {&outcome, 1}, {.mode = write_mode::restore});
  if (outcome) return failure(outcome);
  return true;
}

std::vector<chunk_key> volume::bad_keys() const {
  std::vector<chunk_key> keys;
  const guard lock(index_mutex_);
  keys.reserve(bad_.size());
  for (const auto& [key, offset] : bad_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace ssdfs::volume
