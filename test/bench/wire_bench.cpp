// What the codec of frames and messages and the checksums cost. Prints one JSON object a line.
//
//   bench_wire [SECONDS_PER_LINE]
#include "base/crc32c.hpp"
#include "bench/measure.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/namespace_messages.hpp"

#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace ssdfs;

double seconds_per_line = 0.5;

// Keeps the compiler from dropping what computes `value`.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

// Runs `action` for the time of a line.
template <class F>
void measure(const std::string& name, F&& action) {
  const bench::stopwatch watch;
  std::uint64_t n = 0;
  do {
    for (int i = 0; i < 1000; ++i) action();
    n += 1000;
  } while (watch.seconds() < seconds_per_line);
  bench::report_rate(name.c_str(), n, watch);
}

template <class Message>
std::vector<std::byte> frame_of(const Message& m, std::size_t body) {
  std::vector<std::byte> out(wire::frame_header_size);
  wire::encode(m, out);
  wire::frame_header h;
  h.opcode = static_cast<std::uint16_t>(Message::code);
  h.message_length = static_cast<std::uint32_t>(out.size() - wire::frame_header_size);
  h.body_length = static_cast<std::uint32_t>(body);
  wire::encode_header(h, bytes_view(out).subspan(wire::frame_header_size), out.data());
  out.resize(out.size() + body);
  return out;
}

template <class Message>
void measure_message(const std::string& name, const Message& m) {
  std::vector<std::byte> out;
  measure("encode " + name, [&] {
    out.resize(wire::frame_header_size);
    wire::encode(m, out);
    wire::frame_header h;
    h.message_length = static_cast<std::uint32_t>(out.size() - wire::frame_header_size);
    wire::encode_header(h, bytes_view(out).subspan(wire::frame_header_size), out.data());
    keep(out);
  });
  const auto frame = frame_of(m, 4096);
  measure("decode " + name, [&] {
    const wire::decode_result r = wire::decode_frame(frame);
    Message back;
    if (!wire::decode(r.frame.message, back)) std::abort();
    keep(back);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) seconds_per_line = std::atof(argv[1]);

  wire::write_chunk_request write;
  write.volume = volume_id(std::uint64_t{1} << 32 | 5);
  write.chain =
      "0a0b0c0d-0e0f-4011-9213-141516171819@10.0.0.11:9610,"
      "1a1b1c1d-1e1f-4121-9223-242526272829@10.0.0.12:9610";
  measure_message("write_chunk", write);
  measure_message("read_chunk", wire::read_chunk_request{});
  wire::commit_file_request commit;
  commit.path = "/image/product/0012/iphone-15-front.jpg";
  commit.user = "shop";
  commit.content_type = "image/jpeg";
  commit.chunks.resize(1);
  measure_message("commit_file", commit);
  wire::lookup_request lookup;
  lookup.path = commit.path;
  measure_message("lookup", lookup);

  std::vector<std::byte> data(1U << 20);
  for (const std::size_t n : {std::size_t{44}, std::size_t{100}, std::size_t{512},
                              std::size_t{4096}, std::size_t{65536}, std::size_t{1} << 20}) {
    measure("crc32c of " + std::to_string(n) + " bytes",
            [&] { keep(crc32c(bytes_view(data).first(n))); });
  }
  measure("crc32c_combine over 64 KiB",
          [] { keep(crc32c_combine(0x12345678, 0x9abcdef0, 65536)); });
  return 0;
}
