// Reading: one probe, one read, always verified.
#include "base/crc32c.hpp"
#include "base/log.hpp"
#include "volume/block_crcs.hpp"
#include "volume/volume.hpp"

#include <algorithm>
#include <array>

namespace ssdfs::volume {
namespace {

constexpr std::size_t max_table = max_chunk_size / block_size;
constexpr std::size_t max_bad_keys = 64 * 1024;

// One block of memory a thread, for ranges that do not end where blocks do.
bytes_span scratch_block() {
  static thread_local std::vector<std::byte> block(block_size);
  return block;
}

failure mismatch(std::uint64_t offset) {
  return {errc::checksum,
          "content at offset " + std::to_string(offset) + " does not match its CRC"};
}

// Verified access to the content of one chunk.
class chunk_reader {
 public:
  chunk_reader(const location& at, bool cached) : at_(at), cached_(cached) {}

  // Reads [offset, offset + length) into `out`, or only verifies if out is empty.
  result<void> read(std::uint64_t offset, std::uint64_t length, bytes_span out) {
    if (at_.size <= block_size) return read_small(offset, out);
    SSDFS_TRY(load_table());
    const std::uint64_t end = offset + length;
    std::uint64_t at = offset;
    while (at < end) {
      const std::uint64_t block = at / block_size;
      const std::uint64_t begin = block * block_size;
      if (at == begin && !out.empty() && begin + size_of(block) <= end) {
        // A run of whole blocks is read in place with one call.
        std::uint64_t last = block;
        while (last + 1 < blocks() && (last + 1) * block_size + size_of(last + 1) <= end) ++last;
        const std::uint64_t run = last * block_size + size_of(last) - begin;
        SSDFS_TRY(read_run(block, out.subspan(at - offset, run)));
        at += run;
        continue;
      }
      const bytes_span whole = scratch_block().first(size_of(block));
      SSDFS_TRY(read_run(block, whole));
      const std::uint64_t n = std::min(end, begin + whole.size()) - at;
      if (!out.empty()) std::copy_n(whole.begin() + (at - begin), n, out.begin() + (at - offset));
      at += n;
    }
    return {};
  }

 private:
  [[nodiscard]] std::uint64_t blocks() const { return table_entries(at_.size); }
  [[nodiscard]] std::size_t size_of(std::uint64_t block) const {
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(block_size, at_.size - block * block_size));
  }

  result<void> fetch(bytes_span out, std::uint64_t offset) {
    auto got = cached_ ? at_.file->read_cached(out, offset) : at_.file->read(out, offset);
    if (!got) return got.error();
    if (*got != out.size()) return failure(errc::checksum, "the volume file ends inside the chunk");
    return {};
  }

  result<void> read_small(std::uint64_t offset, bytes_span out) {
    const bool whole = out.size() == at_.size;
    const bytes_span content = whole ? out : scratch_block().first(at_.size);
    SSDFS_TRY(fetch(content, at_.offset));
    if (crc32c(content) != at_.crc) return mismatch(at_.offset);
    if (!whole) std::copy_n(content.begin() + offset, out.size(), out.begin());
    return {};
  }

  // The block table, proven by the CRC of the whole that the index knows.
  result<void> load_table() {
    const std::span<std::uint32_t> entries(table_.data(), blocks());
    SSDFS_TRY(fetch(std::as_writable_bytes(entries), at_.offset + at_.size));
    if (combine_blocks(entries, at_.size) != at_.crc) {
      return failure(errc::checksum, "the block table does not match the chunk's CRC");
    }
    return {};
  }

  // Whole blocks from `block` on.
  result<void> read_run(std::uint64_t block, bytes_span out) {
    SSDFS_TRY(fetch(out, at_.offset + block * block_size));
    for (std::size_t at = 0; at < out.size(); at += block_size, ++block) {
      const auto n = std::min<std::size_t>(block_size, out.size() - at);
      if (crc32c(out.subspan(at, n)) != table_[block]) {
        return mismatch(at_.offset + block * block_size);
      }
    }
    return {};
  }

  const location& at_;
  const bool cached_;
  std::array<std::uint32_t, max_table> table_;
};

}  // namespace

result<location> volume::probe(chunk_key key) const {
  const guard lock(index_mutex_);
  const find_result known = index_.find(key);
  if (known.state == key_state::damaged) {
    index_damaged_ = true;
    return failure(errc::damaged, path_ + ": index is damaged");
  }
  if (known.state != key_state::live) return errc::not_found;
  return location{file_, known.entry.offset + header_size, key, known.entry.size, known.entry.crc};
}

result<void> volume::read(const location& at, std::uint32_t offset, bytes_span out) {
  return read_with(at, offset, out, false);
}

result<void> volume::read_cached(const location& at, std::uint32_t offset, bytes_span out) {
  return read_with(at, offset, out, true);
}

result<void> volume::read_with(const location& at, std::uint32_t offset, bytes_span out,
                               bool cached) {
  if (offset > at.size || out.size() > at.size - offset) {
    return failure(errc::invalid_argument, "range outside the chunk");
  }
  if (out.empty()) return {};
  auto done = chunk_reader(at, cached).read(offset, out.size(), out);
  if (!done && !(done.error() == errc::busy)) note_bad(at, done.error());
  return done;
}

result<void> volume::verify(const location& at, std::uint32_t offset, std::uint32_t length) {
  if (offset > at.size || length > at.size - offset) {
    return failure(errc::invalid_argument, "range outside the chunk");
  }
  if (length == 0) return {};
  auto done = chunk_reader(at, false).read(offset, length, {});
  if (!done) note_bad(at, done.error());
  return done;
}

void volume::note_bad(const location& at, const failure& why) const {
  if (why == errc::io && env_.space != nullptr) env_.space->trouble();
  const guard lock(index_mutex_);
  const find_result known = index_.find(at.key);
  // What was moved or removed meanwhile is not bad any more.
  if (at.file != file_ || known.state != key_state::live ||
      known.entry.offset + header_size != at.offset || bad_.size() >= max_bad_keys) {
    return;
  }
  if (bad_.emplace(at.key, at.offset).second) {
    SSDFS_LOG(error) << path_ << ": chunk " << at.key << " is bad: " << why.message();
  }
}

result<std::vector<chunk_entry>> volume::entries(chunk_key from, std::size_t limit) const {
  std::vector<chunk_entry> out;
  const guard lock(index_mutex_);
  auto done = index_.for_each(from, [&](const chunk_entry& e) {
    if (out.size() >= limit) return false;
    out.push_back(e);
    return true;
  });
  if (!done) {
    index_damaged_ = true;
    return failure(done.error().code, path_ + ": " + done.error().message());
  }
  return out;
}

result<std::vector<live_chunk>> volume::list_live(chunk_key from, std::size_t limit) const {
  auto found = entries(from, limit);
  if (!found) return found.error();
  std::vector<live_chunk> out;
  out.reserve(found->size());
  for (const chunk_entry& e : *found) out.push_back({e.key, e.size, e.crc});
  return out;
}

}  // namespace ssdfs::volume
