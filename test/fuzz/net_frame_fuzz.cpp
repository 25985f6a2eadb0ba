// Frames: whatever arrives, however it is cut, the receiving half takes the same frames as one look
// at all the bytes does, and never needs more room than the bounds say.
#include "base/assert.hpp"
#include "net/input.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using namespace ssdfs;

namespace {

struct outcome {
  std::vector<std::string> frames;  // header, message and body of each
  wire::decode_status last = wire::decode_status::incomplete;
};

std::string text_of(const wire::frame_view& f) {
  std::string out =
      std::to_string(f.header.request_id) + '/' + std::to_string(f.header.opcode) + '/';
  out += as_chars(f.message);
  out += as_chars(f.body);
  return out;
}

outcome in_one_look(bytes_view in) {
  outcome out;
  for (;;) {
    const wire::decode_result r = wire::decode_frame(in);
    out.last = r.status;
    if (r.status != wire::decode_status::complete) {
      SSDFS_ASSERT(r.length <= wire::frame_header_size + wire::max_message + wire::max_body);
      SSDFS_ASSERT(r.status != wire::decode_status::incomplete || r.length > in.size());
      return out;
    }
    SSDFS_ASSERT(r.length == r.frame.header.frame_length() && r.length <= in.size());
    out.frames.push_back(text_of(r.frame));
    in = in.subspan(r.length);
  }
}

outcome in_pieces(bytes_view in, std::size_t step) {
  outcome out;
  net::input reader;
  for (;;) {
    for (;;) {
      const wire::decode_result r = reader.next();
      out.last = r.status;
      if (r.status != wire::decode_status::complete) break;
      out.frames.push_back(text_of(r.frame));
    }
    if (out.last != wire::decode_status::incomplete || in.empty()) return out;
    const bytes_span room = reader.space();
    const std::size_t n = std::min({step, room.size(), in.size()});
    SSDFS_ASSERT(n > 0);
    std::memcpy(room.data(), in.data(), n);
    reader.received(n);
    in = in.subspan(n);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view in(reinterpret_cast<const std::byte*>(data), size);
  const outcome whole = in_one_look(in);
  for (const std::size_t step : {std::size_t{1}, std::size_t{47}, std::size_t{1} << 20}) {
    const outcome cut = in_pieces(in, step);
    SSDFS_ASSERT(cut.frames == whole.frames);
    // A damaged message whose body is still to come is noticed at once, or when the body is there.
    SSDFS_ASSERT(cut.last == whole.last || (cut.last == wire::decode_status::incomplete &&
                                            whole.last == wire::decode_status::bad_crc));
  }
  return 0;
}
