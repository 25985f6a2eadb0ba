#include "wire/frame.hpp"

#include "base/crc32c.hpp"

#include <algorithm>

namespace ssdfs::wire {

void encode_header(const frame_header& header, bytes_view message, std::byte* out) noexcept {
  store_le<std::uint32_t>(out, frame_magic);
  store_le<std::uint8_t>(out + 4, header.version);
  store_le<std::uint8_t>(out + 5, header.flags);
  store_le<std::uint16_t>(out + 6, header.opcode);
  store_le<std::uint64_t>(out + 8, header.request_id);
  std::memcpy(out + 16, header.cluster.value.data, 16);
  store_le<std::uint32_t>(out + 32, header.message_length);
  store_le<std::uint32_t>(out + 36, header.body_length);
  store_le<std::uint16_t>(out + 40, header.status);
  store_le<std::uint16_t>(out + 42, 0);
  store_le<std::uint32_t>(out + 44, crc32c(message, crc32c({out, 44})));
}

frame_header read_header(const std::byte* at) noexcept {
  frame_header h;
  h.version = load_le<std::uint8_t>(at + 4);
  h.flags = load_le<std::uint8_t>(at + 5);
  h.opcode = load_le<std::uint16_t>(at + 6);
  h.request_id = load_le<std::uint64_t>(at + 8);
  std::memcpy(h.cluster.value.data, at + 16, 16);
  h.message_length = load_le<std::uint32_t>(at + 32);
  h.body_length = load_le<std::uint32_t>(at + 36);
  h.status = load_le<std::uint16_t>(at + 40);
  return h;
}

decode_result decode_frame(bytes_view in) noexcept {
  decode_result out;
  out.length = frame_header_size;
  if (in.empty()) return out;
  std::array<std::byte, 4> magic{};
  store_le<std::uint32_t>(magic.data(), frame_magic);
  const std::size_t known = std::min<std::size_t>(in.size(), 4);
  if (std::memcmp(in.data(), magic.data(), known) != 0) {
    out.status = decode_status::bad_magic;
    return out;
  }
  if (in.size() > 4 && std::to_integer<std::uint8_t>(in[4]) != frame_version) {
    out.status = decode_status::bad_version;
    return out;
  }
  if (in.size() < frame_header_size) return out;

  const std::byte* at = in.data();
  frame_header& h = out.frame.header;
  h = read_header(at);
  if (h.message_length > max_message || h.body_length > max_body) {
    out.status = decode_status::too_long;
    return out;
  }
  out.length = h.frame_length();
  if (in.size() < frame_header_size + h.message_length) return out;
  out.frame.message = in.subspan(frame_header_size, h.message_length);
  if (crc32c(out.frame.message, crc32c({at, 44})) != load_le<std::uint32_t>(at + 44)) {
    out.status = decode_status::bad_crc;
    return out;
  }
  if (in.size() < out.length) return out;
  out.frame.body = in.subspan(frame_header_size + h.message_length, h.body_length);
  out.status = decode_status::complete;
  return out;
}

}  // namespace ssdfs::wire
