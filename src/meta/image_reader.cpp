#include "meta/image_reader.hpp"

#include "base/crc32c.hpp"
#include "meta/image_bytes.hpp"

#include <algorithm>
#include <cstring>

namespace ssdfs::meta {
namespace {

failure damaged(std::uint64_t offset, const std::string& what) {
  return {errc::damaged, "image: offset " + std::to_string(offset) + ": " + what};
}

}  // namespace

result<void> image_reader::feed(bytes_view bytes) {
  // Whole frames are taken from where they are; only what is cut between two calls is copied.
  while (!bytes.empty()) {
    std::size_t used = 0;
    if (pending_.empty()) {
      SSDFS_TRY(take(bytes, used));
      if (used == 0) {
        pending_.assign(bytes.begin(), bytes.end());
        return {};
      }
      bytes = bytes.subspan(used);
      continue;
    }
    const std::size_t step = std::min<std::size_t>(bytes.size(), std::size_t{64} << 10);
    const std::size_t before = pending_.size();
    pending_.insert(pending_.end(), bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(step));
    SSDFS_TRY(take(pending_, used));
    if (used == 0) {
      bytes = bytes.subspan(step);
    } else {
      bytes = bytes.subspan(used - before);
      pending_.clear();
    }
  }
  return {};
}

// Takes one frame from the front, if it is whole.
result<void> image_reader::take(bytes_view bytes, std::size_t& used) {
  used = 0;
  if (end_seen_) return damaged(offset_, "bytes behind the end");
  if (!header_seen_) return take_header(bytes, used);
  if (bytes.size() < image_section_header_bytes) return {};
  const auto kind = load_le<std::uint32_t>(bytes.data());
  const std::size_t length = load_le<std::uint32_t>(bytes.data() + 4);
  if (kind < static_cast<std::uint32_t>(image_section::head) ||
      kind > static_cast<std::uint32_t>(image_section::end) || length > max_section_bytes) {
    return damaged(offset_, "not a section");
  }
  if (bytes.size() < image_section_header_bytes + length) return {};
  const bytes_view payload = bytes.subspan(image_section_header_bytes, length);
  if (load_le<std::uint32_t>(bytes.data() + 8) != crc32c(payload, crc32c(bytes.first(8)))) {
    if (!damages_) return damaged(offset_, "the CRC of a section is wrong");
    damages_(offset_, "the CRC of a section of kind " + std::to_string(kind) + " is wrong");
  } else if (kind == static_cast<std::uint32_t>(image_section::end)) {
    image_input in(payload);
    const std::uint64_t count = in.number();
    const std::uint32_t crc = in.fixed32();
    if (!in.ok() || !in.empty() || count != section_count_ || crc != crc_of_crcs_) {
      return damaged(offset_, "sections are missing or out of order");
    }
    end_seen_ = true;
  } else {
    SSDFS_TRY(sink_(static_cast<image_section>(kind), payload, offset_));
  }
  ++section_count_;
  crc_of_crcs_ = crc32c(bytes.subspan(8, 4), crc_of_crcs_);
  offset_ += used = image_section_header_bytes + length;
  return {};
}

result<void> image_reader::take_header(bytes_view bytes, std::size_t& used) {
  if (bytes.size() < image_header_bytes) return {};
  if (std::memcmp(bytes.data(), "SSDFSIMG", 8) != 0) return damaged(offset_, "not an image");
  if (load_le<std::uint32_t>(bytes.data() + 20) != crc32c(bytes.first(20))) {
    return damaged(offset_, "the header's CRC is wrong");
  }
  const auto version = load_le<std::uint32_t>(bytes.data() + 8);
  if (version < oldest_image_format_version || version > image_format_version) {
    return failure(errc::unsupported, "image: format version " + std::to_string(version) +
                                          " is not one of those that this program reads (" +
                                          std::to_string(oldest_image_format_version) + " to " +
                                          std::to_string(image_format_version) +
                                          "); use the program that wrote it, or a newer one");
  }
  header_seen_ = true;
  offset_ += used = image_header_bytes;
  return {};
}

result<void> image_reader::finish() {
  if (!end_seen_ || !pending_.empty()) return damaged(offset_, "the end is missing");
  return {};
}

result<image_head> decode_head(bytes_view payload) {
  image_input in(payload);
  image_head head;
  head.cluster.value = in.id();
  head.epoch = epoch_t(in.number32());
  head.txid = ssdfs::txid(in.number());
  head.chain = in.fixed32();
  head.log_time_ms = in.signed_number();
  head.files = in.number();
  head.directories = in.number();
  head.bytes = in.number();
  head.digest = in.fixed64();
  head.next_volume = in.number32();
  head.next_serial = in.number32();
  if (in.ok() && in.empty()) {
    head.format = 1;
    return head;
  }
  head.rebalance.phase = static_cast<rebalance_phase>(in.byte());
  if (head.rebalance.phase != rebalance_phase::none) {
    head.rebalance.threshold_permille = in.number32();
  }
  if (in.ok() && in.empty()) {
    head.format = 2;
  } else {
    head.format = in.number32();
    if (head.format < 3 || head.format > image_format_version) in.fail();
  }
  if (!in.ok() || !in.empty() || !is_possible(head.rebalance))
    return failure(errc::damaged, "the head is malformed");
  return head;
}

void decode_section(image_section kind, bytes_view payload, std::uint64_t offset,
                    decoded_section& out) {
  out.kind = kind;
  out.offset = offset;
  out.payload.clear();
  out.names.clear();
  if (kind == image_section::names) {
    decode_names(payload, out.names);
  } else {
    out.payload.assign(payload.begin(), payload.end());
  }
}

}  // namespace ssdfs::meta
