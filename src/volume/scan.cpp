#include "volume/scan.hpp"

#include "base/crc32c.hpp"
#include "volume/records.hpp"

#include <algorithm>

namespace ssdfs::volume {
namespace {

constexpr std::uint64_t window_size = 1 << 20;
static_assert(window_size >= max_payload && window_size >= block_size);

// A piece of [from, end) of the file in memory that moves forward.
class window {
 public:
  window(io::file& file, std::uint64_t from, std::uint64_t end)
      : file_(file), end_(end), bytes_(std::min(window_size, end > from ? end - from : 0)) {}

  // [offset, offset + n), n at most a window; shorter only if the file is.
  result<bytes_view> get(std::uint64_t offset, std::size_t n) {
    if (offset < start_ || offset + n > start_ + filled_) {
      start_ = offset;
      filled_ = 0;
      const std::uint64_t left = offset < end_ ? end_ - offset : 0;
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(bytes_.size(), left));
      auto got = file_.read({bytes_.data(), want}, offset);
      if (!got) return got.error();
      filled_ = *got;
    }
    const auto skip = static_cast<std::size_t>(offset - start_);
    return bytes_view(bytes_).subspan(skip, std::min(n, filled_ - skip));
  }

  // As much as the window holds from `offset` on, at least one header unless the file ends.
  result<bytes_view> rest(std::uint64_t offset) {
    auto first = get(offset, header_size);
    if (!first) return first;
    const auto skip = static_cast<std::size_t>(offset - start_);
    return bytes_view(bytes_).subspan(skip, filled_ - skip);
  }

 private:
  io::file& file_;
  const std::uint64_t end_;
  std::vector<std::byte> bytes_;
  std::uint64_t start_ = 0;
  std::size_t filled_ = 0;
};

// Whether a chunk's content matches its CRC and its block table.
result<bool> content_intact(window& in, std::uint64_t offset, const record_header& h) {
  const std::uint64_t content = offset + header_size;
  const std::uint64_t entries = table_entries(h.size);
  if (entries == 0) {
    auto bytes = in.get(content, h.size);
    if (!bytes) return bytes.error();
    return bytes->size() == h.size && crc32c(*bytes) == h.data_crc;
  }
  std::vector<std::uint32_t> crcs;
  std::uint32_t whole = 0;
  for (std::uint64_t at = 0; at < h.size; at += block_size) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(block_size, h.size - at));
    auto bytes = in.get(content + at, n);
    if (!bytes) return bytes.error();
    if (bytes->size() != n) return false;
    crcs.push_back(crc32c(*bytes));
    whole = crc32c_combine(whole, crcs.back(), n);
  }
  if (whole != h.data_crc) return false;
  auto table = in.get(content + h.size, static_cast<std::size_t>(4 * entries));
  if (!table) return table.error();
  return table->size() == 4 * entries && std::memcmp(table->data(), crcs.data(), 4 * entries) == 0;
}

result<scanned_record> examine(window& in, std::uint64_t offset, const record_header& h) {
  scanned_record record{offset, h, true, {}};
  if (h.kind == record_kind::data) {
    auto intact = content_intact(in, offset, h);
    if (!intact) return intact.error();
    record.intact = *intact;
  } else if (h.kind != record_kind::reserved) {
    auto payload = in.get(offset + header_size, h.size);
    if (!payload) return payload.error();
    record.intact = payload->size() == h.size && crc32c(*payload) == h.data_crc;
    if (record.intact) record.payload = *payload;
  }
  return record;
}

// The header at `offset`, if one is there.
result<std::optional<record_header>> header_at(window& in, const header_seal& seal,
                                               std::uint64_t offset) {
  auto bytes = in.get(offset, header_size);
  if (!bytes) return bytes.error();
  if (bytes->size() < header_size) return std::optional<record_header>();
  return seal.decode(bytes->data(), offset);
}

// The first offset from `offset` on where a record that fits in front of `end` starts; `end` if
// there is none.
result<std::uint64_t> find_record(window& in, const header_seal& seal, std::uint64_t offset,
                                  std::uint64_t end) {
  while (offset + header_size <= end) {
    auto bytes = in.rest(offset);
    if (!bytes) return bytes.error();
    if (bytes->size() < header_size) break;
    std::size_t i = 0;
    for (; i + header_size <= bytes->size(); i += record_alignment) {
      const auto h = seal.decode(bytes->data() + i, offset + i);
      if (h && offset + i + extent_of(*h) <= end) return offset + i;
    }
    offset += i;
  }
  return end;
}

}  // namespace

result<scan_result> scan(io::file& file, const header_seal& seal, std::uint64_t from,
                         std::uint64_t end, record_sink on_record, damage_sink on_damage) {
  window in(file, from, end);
  scan_result out;
  std::uint64_t offset = align_up(from);
  while (true) {
    out.end = offset;
    auto header = header_at(in, seal, offset);
    if (!header) return header.error();
    if (*header && offset + extent_of(**header) > end) return out;  // torn: nothing is behind it
    if (!*header) {
      if (offset + header_size > end) return out;
      auto next = find_record(in, seal, offset + record_alignment, end);
      if (!next) return next.error();
      if (*next == end) return out;
      on_damage(offset, *next);
      out.damaged_bytes += *next - offset;
      ++out.damaged_ranges;
      offset = *next;
      continue;
    }
    auto record = examine(in, offset, **header);
    if (!record) return record.error();
    offset += extent_of(**header);
    if (!on_record(*record)) {
      out.end = offset;
      return out;
    }
  }
}

result<scanned_record> read_record(io::file& file, const header_seal& seal, std::uint64_t offset,
                                   std::uint64_t end) {
  window in(file, offset, end);
  auto header = header_at(in, seal, offset);
  if (!header) return header.error();
  if (!*header || offset + extent_of(**header) > end) {
    return failure(errc::damaged, "no record at offset " + std::to_string(offset));
  }
  auto record = examine(in, offset, **header);
  if (record) record->payload = {};
  return record;
}

}  // namespace ssdfs::volume
