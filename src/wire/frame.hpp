// The frame: the one unit of everything that travels between SSDFS processes.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace ssdfs::wire {

/// Layout, 48 bytes, little-endian:
///   0  u32 magic           "SDF1" as bytes 53 44 46 31
///   4  u8  version         protocol version of the frame layout, 1
///   5  u8  flags           bit 0: reply
///   6  u16 opcode
///   8  u64 request id      chosen by the caller, echoed in the reply
///  16  16  cluster id      nil in a hello of a stranger
///  32  u32 message length  encoded message that follows, at most max_message
///  36  u32 body length     raw bytes behind the message, at most max_body
///  40  u16 status          replies: 0 or an errc value; then the message is an error_reply
///  42  u16 reserved        0, ignored
///  44  u32 header CRC      CRC32C over bytes 0..43 and the message
/// A body carries its own checksum where its message says so.
inline constexpr std::size_t frame_header_size = 48;
inline constexpr std::uint32_t frame_magic = 0x31464453;
inline constexpr std::uint8_t frame_version = 1;
inline constexpr std::uint8_t flag_reply = 1;
inline constexpr std::uint32_t max_message = 1U << 20;
inline constexpr std::uint32_t max_body = 1U << 20;

struct frame_header {
  std::uint8_t version = frame_version;
  std::uint8_t flags = 0;
  std::uint16_t opcode = 0;
  std::uint64_t request_id = 0;
  cluster_id cluster;
  std::uint32_t message_length = 0;
  std::uint32_t body_length = 0;
  std::uint16_t status = 0;
  [[nodiscard]] bool is_reply() const noexcept { return (flags & flag_reply) != 0; }
  [[nodiscard]] std::size_t frame_length() const noexcept {
    return frame_header_size + std::size_t{message_length} + body_length;
  }
  friend bool operator==(const frame_header&, const frame_header&) = default;
};

/// Writes the 48 bytes at `out`, with the CRC over them and `message` (whose size must equal
/// header.message_length).
void encode_header(const frame_header& header, bytes_view message, std::byte* out) noexcept;

/// Reads the fields of a header of this process's own frame layout back, without any check.
[[nodiscard]] frame_header read_header(const std::byte* at) noexcept;

enum class decode_status {
  complete,     ///< a whole frame is there
  incomplete,   ///< more bytes are needed
  bad_magic,    ///< not our protocol
  bad_version,  ///< a frame layout that we don't know
  too_long,     ///< a length over its bound
  bad_crc,      ///< header or message damaged
};

/// A frame inside a buffer; the views alias it.
struct frame_view {
  frame_header header;
  bytes_view message;
  bytes_view body;
};

struct decode_result {
  decode_status status = decode_status::incomplete;
  /// complete: bytes to consume. incomplete: total length of the frame if its header is there and
  /// its lengths are within bounds, else frame_header_size; so a reader knows how much to make
  /// room for, never more than frame_header_size + max_message + max_body.
  std::size_t length = 0;
  frame_view frame;  ///< valid if complete
};

/// Looks at the front of `in`. Magic, version and lengths are checked as soon as their bytes are
/// there, so that a stranger is recognized before anything is allocated for it; the CRC once the
/// message is there.
[[nodiscard]] decode_result decode_frame(bytes_view in) noexcept;

}  // namespace ssdfs::wire
