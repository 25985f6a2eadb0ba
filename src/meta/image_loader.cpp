// Frames of an image on their way in. What sections hold is read by image_sections.cpp.
#include "base/crc32c.hpp"
#include "meta/image_sections.hpp"

#include <algorithm>
#include <cstring>

namespace ssdfs::meta {

image_loader::image_loader(state& target) : sections_(std::make_unique<sections>(target)) {}
image_loader::~image_loader() = default;

const image_head& image_loader::head() const noexcept { return sections_->head; }

failure image_loader::damaged(const std::string& what) const {
  return {errc::damaged, "image: offset " + std::to_string(offset_) + ": " + what};
}

result<void> image_loader::feed(bytes_view bytes) {
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
result<void> image_loader::take(bytes_view bytes, std::size_t& used) {
  used = 0;
  if (end_seen_) return damaged("bytes behind the end");
  if (!header_seen_) {
    if (bytes.size() < image_header_bytes) return {};
    if (std::memcmp(bytes.data(), "SSDFSIMG", 8) != 0) return damaged("not an image");
    if (load_le<std::uint32_t>(bytes.data() + 20) != crc32c(bytes.first(20))) {
      return damaged("the header's CRC is wrong");
    }
    const auto version = load_le<std::uint32_t>(bytes.data() + 8);
    if (version != image_format_version) {
      return failure(errc::unsupported, "image: format version " + std::to_string(version) +
                                            ", this program reads " +
                                            std::to_string(image_format_version));
    }
    header_seen_ = true;
    offset_ += used = image_header_bytes;
    return {};
  }
  if (bytes.size() < image_section_header_bytes) return {};
  const auto kind = load_le<std::uint32_t>(bytes.data());
  const std::size_t length = load_le<std::uint32_t>(bytes.data() + 4);
  if (kind < static_cast<std::uint32_t>(image_section::head) ||
      kind > static_cast<std::uint32_t>(image_section::end) || length > max_section_bytes) {
    return damaged("not a section");
  }
  if (bytes.size() < image_section_header_bytes + length) return {};
  const bytes_view payload = bytes.subspan(image_section_header_bytes, length);
  if (load_le<std::uint32_t>(bytes.data() + 8) != crc32c(payload, crc32c(bytes.first(8)))) {
    return damaged("the CRC of a section is wrong");
  }
  if (kind == static_cast<std::uint32_t>(image_section::end)) {
    image_input in(payload);
    const std::uint64_t count = in.number();
    const std::uint32_t crc = in.fixed32();
    if (!in.ok() || !in.empty() || count != section_count_ || crc != crc_of_crcs_) {
      return damaged("sections are missing or out of order");
    }
    end_seen_ = true;
  } else if (auto done = sections_->take(static_cast<image_section>(kind), payload); !done) {
    if (!(done.error() == errc::damaged)) return done;
    return damaged(done.error().message());
  }
  ++section_count_;
  crc_of_crcs_ = crc32c(bytes.subspan(8, 4), crc_of_crcs_);
  offset_ += used = image_section_header_bytes + length;
  return {};
}

result<void> image_loader::finish() {
  if (!end_seen_ || !pending_.empty()) return damaged("the end is missing");
  if (auto done = sections_->finish(); !done) return damaged(done.error().message());
  return {};
}

}  // namespace ssdfs::meta
