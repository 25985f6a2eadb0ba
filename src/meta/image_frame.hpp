// Sections of an image being written. Used by the image codec alone.
#pragma once

#include "base/crc32c.hpp"
#include "meta/image.hpp"
#include "meta/image_bytes.hpp"

#include <array>
#include <cstring>

namespace ssdfs::meta {

/// Collects the payload of one section after the other and hands them to the sink.
class image_frames {
 public:
  explicit image_frames(image_sink& sink) : sink_(sink) {}

  /// The payload of the section to be closed next.
  image_output out;

  /// True if the payload is so long that the section should be closed.
  [[nodiscard]] bool full() { return out.size() >= target; }

  result<void> header() {
    std::array<std::byte, image_header_bytes> bytes{};
    std::memcpy(bytes.data(), "SSDFSIMG", 8);
    store_le(bytes.data() + 8, image_format_version);
    store_le(bytes.data() + 20, crc32c(bytes_view(bytes).first(20)));
    return sink_(bytes);
  }
  result<void> close(image_section kind) {
    const bytes_view payload = out.bytes();
    std::array<std::byte, image_section_header_bytes> bytes{};
    store_le(bytes.data(), static_cast<std::uint32_t>(kind));
    store_le(bytes.data() + 4, static_cast<std::uint32_t>(payload.size()));
    store_le(bytes.data() + 8, crc32c(payload, crc32c(bytes_view(bytes).first(8))));
    SSDFS_TRY(sink_(bytes));
    if (!payload.empty()) SSDFS_TRY(sink_(payload));
    out.clear();
    ++count_;
    crc_of_crcs_ = crc32c(bytes_view(bytes).subspan(8, 4), crc_of_crcs_);
    return {};
  }
  /// The last section: how many there are before it, and the CRC of their CRCs.
  result<void> end() {
    out.number(count_);
    out.fixed32(crc_of_crcs_);
    return close(image_section::end);
  }

 private:
  static constexpr std::size_t target = std::size_t{512} << 10;

  image_sink& sink_;
  std::uint64_t count_ = 0;
  std::uint32_t crc_of_crcs_ = 0;
};

/// Everything but the tree and the head.
result<void> write_image_tables(const state& s, image_frames& frames);
/// The tree.
result<void> write_image_names(const state& s, image_frames& frames);

}  // namespace ssdfs::meta
