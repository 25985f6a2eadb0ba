// Bytes as an image: as they are, and with every CRC made right, so that the payloads are reached.
#include "base/crc32c.hpp"
#include "meta/image.hpp"
#include "meta/image_bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

using namespace ssdfs;

void load(bytes_view image) {
  auto state = std::make_unique<meta::state>();
  meta::image_loader loader(*state);
  // In two pieces, cut where the input says.
  const std::size_t cut = image.empty() ? 0 : std::to_integer<std::size_t>(image[0]) % image.size();
  if (!loader.feed(image.first(cut)) || !loader.feed(image.subspan(cut)) || !loader.finish()) {
    return;
  }
  if (!state->names().verify()) std::abort();
}

std::vector<std::byte> sealed(bytes_view input) {
  std::vector<std::byte> image(input.begin(), input.end());
  if (image.size() < meta::image_header_bytes) return image;
  store_le(image.data() + 20, crc32c(bytes_view(image).first(20)));
  std::uint64_t sections = 0;
  std::uint32_t crcs = 0;
  std::size_t at = meta::image_header_bytes;
  while (image.size() - at >= meta::image_section_header_bytes) {
    std::byte* head = image.data() + at;
    const std::size_t left = image.size() - at - meta::image_section_header_bytes;
    if (load_le<std::uint32_t>(head) == static_cast<std::uint32_t>(meta::image_section::end)) break;
    const std::size_t length = std::min<std::size_t>(load_le<std::uint32_t>(head + 4), left);
    store_le(head + 4, static_cast<std::uint32_t>(length));
    const std::uint32_t crc =
        crc32c({head + meta::image_section_header_bytes, length}, crc32c({head, 8}));
    store_le(head + 8, crc);
    crcs = crc32c({head + 8, 4}, crcs);
    ++sections;
    at += meta::image_section_header_bytes + length;
  }
  image.resize(at);
  meta::image_output end;
  end.number(sections);
  end.fixed32(crcs);
  meta::image_output frame;
  frame.fixed32(static_cast<std::uint32_t>(meta::image_section::end));
  frame.fixed32(static_cast<std::uint32_t>(end.bytes().size()));
  frame.fixed32(crc32c(end.bytes(), crc32c(frame.bytes())));
  image.insert(image.end(), frame.bytes().begin(), frame.bytes().end());
  image.insert(image.end(), end.bytes().begin(), end.bytes().end());
  return image;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view input(reinterpret_cast<const std::byte*>(data), size);
  load(input);
  load(sealed(input));
  return 0;
}
