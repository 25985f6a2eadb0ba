#include "wire/frame.hpp"

#include "base/crc32c.hpp"
#include "util/all_messages.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;
using namespace ssdfs::wire;

namespace {

frame_header sample_header() {
  frame_header h;
  h.flags = flag_reply;
  h.opcode = static_cast<std::uint16_t>(opcode::read_chunk);
  h.request_id = 0x1122334455667788;
  for (std::uint8_t i = 0; i < 16; ++i)
    h.cluster.value.data[i] = static_cast<std::uint8_t>(0xa0 + i);
  h.status = static_cast<std::uint16_t>(errc::checksum);
  return h;
}

std::vector<std::byte> frame_of(frame_header h, std::string_view message, std::string_view body) {
  std::vector<std::byte> out(frame_header_size);
  h.message_length = static_cast<std::uint32_t>(message.size());
  h.body_length = static_cast<std::uint32_t>(body.size());
  encode_header(h, as_bytes(message), out.data());
  for (const std::string_view part : {message, body}) {
    out.insert(out.end(), as_bytes(part).begin(), as_bytes(part).end());
  }
  return out;
}

decode_status status_at(bytes_view bytes) { return decode_frame(bytes).status; }

}  // namespace

BOOST_AUTO_TEST_SUITE(frames)

BOOST_AUTO_TEST_CASE(the_layout_is_golden) {
  const auto bytes = frame_of(sample_header(), "message", "body!");
  BOOST_TEST(test::hex_of(bytes) ==
             "53444631"                          // magic
             "01"                                // version
             "01"                                // flags: reply
             "5400"                              // opcode 84
             "8877665544332211"                  // request id
             "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"  // cluster
             "07000000"                          // message length
             "05000000"                          // body length
             "2800"                              // status 40
             "0000"                              // reserved
             "6163bc19"                          // header CRC
             "6d657373616765"                    // message
             "626f647921");                      // body
}

BOOST_AUTO_TEST_CASE(a_frame_comes_back_as_it_was) {
  const auto bytes = frame_of(sample_header(), "message", "body!");
  const auto got = decode_frame(bytes);
  BOOST_TEST_REQUIRE((got.status == decode_status::complete));
  BOOST_TEST(got.length == bytes.size());
  auto expected = sample_header();
  expected.message_length = 7;
  expected.body_length = 5;
  BOOST_TEST((got.frame.header == expected));
  BOOST_TEST(as_chars(got.frame.message) == "message");
  BOOST_TEST(as_chars(got.frame.body) == "body!");
}

BOOST_AUTO_TEST_CASE(every_prefix_is_incomplete_and_tells_how_much_is_needed) {
  const auto bytes = frame_of(sample_header(), "a message", std::string(300, 'b'));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    // In memory of exactly its size: reading beyond it would be seen by the sanitizer.
    const std::vector<std::byte> prefix(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(n));
    const auto got = decode_frame(prefix);
    BOOST_TEST_REQUIRE((got.status == decode_status::incomplete));
    BOOST_TEST_REQUIRE(got.length == (n < frame_header_size ? frame_header_size : bytes.size()));
  }
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_of_header_and_message_is_noticed) {
  const std::string body(20, 'b');
  const auto bytes = frame_of(sample_header(), "a message", body);
  for (std::size_t bit = 0; bit < (bytes.size() - body.size()) * 8; ++bit) {
    auto damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const auto got = decode_frame(damaged);
    // A longer length may look like a frame whose end is to come; with all its bytes it is not one.
    if (got.status == decode_status::incomplete) {
      BOOST_TEST_REQUIRE(got.length <= frame_header_size + max_message + max_body);
      damaged.resize(got.length);
    }
    BOOST_TEST_REQUIRE((status_at(damaged) != decode_status::complete));
    BOOST_TEST_REQUIRE((status_at(damaged) != decode_status::incomplete));
  }
}

BOOST_AUTO_TEST_CASE(a_stranger_is_recognized_by_its_first_bytes) {
  BOOST_TEST((status_at(as_bytes("G")) == decode_status::bad_magic));
  BOOST_TEST((status_at(as_bytes("SSH-2.0")) == decode_status::bad_magic));
  BOOST_TEST((status_at(as_bytes("SDF2")) == decode_status::bad_magic));
  BOOST_TEST((status_at(as_bytes("SDF1")) == decode_status::incomplete));
  BOOST_TEST((status_at(as_bytes("SDF1\x02")) == decode_status::bad_version));
}

BOOST_AUTO_TEST_CASE(lengths_over_their_bounds_are_refused_by_the_header_alone) {
  for (const std::size_t at : {32U, 36U}) {
    auto bytes = frame_of(sample_header(), "", "");
    const std::uint32_t bound = at == 32 ? max_message : max_body;
    for (const std::uint32_t length : {bound + 1, 0x7fffffffU, 0xffffffffU}) {
      store_le(bytes.data() + at, length);
      BOOST_TEST((status_at(bytes) == decode_status::too_long));
    }
    store_le(bytes.data() + at, bound);
    const auto got = decode_frame(bytes);
    BOOST_TEST(got.length == frame_header_size + bound);
    BOOST_TEST((got.status == (at == 32 ? decode_status::incomplete : decode_status::bad_crc)));
  }
}

BOOST_AUTO_TEST_CASE(reserved_bits_are_ignored) {
  auto bytes = frame_of(sample_header(), "m", "");
  bytes[42] = std::byte{0x5a};
  bytes[5] |= std::byte{0x80};
  const std::uint32_t crc =
      crc32c(bytes_view(bytes).subspan(frame_header_size), crc32c(bytes_view(bytes).first(44)));
  store_le(bytes.data() + 44, crc);
  const auto got = decode_frame(bytes);
  BOOST_TEST((got.status == decode_status::complete));
  BOOST_TEST(got.frame.header.is_reply());
}

BOOST_AUTO_TEST_CASE(every_opcode_has_a_name_and_a_message) {
  std::size_t named = 0;
  for (std::uint32_t n = 0; n < 65536; ++n) {
    if (name_of(static_cast<opcode>(n)) != "unknown") ++named;
  }
  BOOST_TEST(named == boost::mp11::mp_size<wire::all_requests>::value);
}

BOOST_AUTO_TEST_SUITE_END()
