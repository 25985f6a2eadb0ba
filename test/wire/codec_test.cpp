#include "wire/codec.hpp"

#include "util/all_messages.hpp"

#include <boost/describe/class.hpp>
#include <boost/test/unit_test.hpp>

using namespace ssdfs;
using namespace ssdfs::wire;

namespace {

enum class color : std::uint16_t { red = 1, blue = 0x0203 };

struct inner_v1 {
  std::uint16_t a = 1;
};
BOOST_DESCRIBE_STRUCT(inner_v1, (), (a))
struct outer_v1 {
  std::uint8_t first = 0;
  inner_v1 in;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(outer_v1, (), (first, in, text))

// The same messages in a later version of the program.
struct inner_v2 {
  std::uint16_t a = 1;
  std::string b = "default";
};
BOOST_DESCRIBE_STRUCT(inner_v2, (), (a, b))
struct outer_v2 {
  std::uint8_t first = 0;
  inner_v2 in;
  std::string text;
  std::vector<std::uint32_t> numbers{7};
  std::int64_t last = -1;
};
BOOST_DESCRIBE_STRUCT(outer_v2, (), (first, in, text, numbers, last))

struct everything {
  bool yes = false;
  std::int8_t small = 0;
  std::uint16_t medium = 0;
  std::int32_t negative = 0;
  std::uint64_t large = 0;
  color tint = color::red;
  txid id;
  node_id node;
  std::string_view view;
  std::string text;
  std::vector<std::uint16_t> numbers;
  std::vector<inner_v1> structs;
  std::vector<std::string> texts;
};
BOOST_DESCRIBE_STRUCT(everything, (),
                      (yes, small, medium, negative, large, tint, id, node, view, text, numbers,
                       structs, texts))

struct text_list {
  std::vector<std::string> value;
};
BOOST_DESCRIBE_STRUCT(text_list, (), (value))
struct number_list {
  std::vector<std::uint64_t> value;
};
BOOST_DESCRIBE_STRUCT(number_list, (), (value))
struct one_flag {
  bool value = false;
};
BOOST_DESCRIBE_STRUCT(one_flag, (), (value))

}  // namespace

BOOST_AUTO_TEST_SUITE(codec)

BOOST_AUTO_TEST_CASE(the_encoding_of_every_type_is_golden) {
  everything e;
  e.yes = true;
  e.small = -2;
  e.medium = 0x0102;
  e.negative = -3;
  e.large = 0x0102030405060708;
  e.tint = color::blue;
  e.id = txid(9);
  for (std::uint8_t i = 0; i < 16; ++i) e.node.value.data[i] = i;
  e.view = "ab";
  e.text = "c";
  e.numbers = {1, 2};
  e.structs = {{3}};
  e.texts = {"", "d"};
  BOOST_TEST(test::hex_of(test::encoded(e)) ==
             "01"                                // yes
             "fe"                                // small
             "0201"                              // medium
             "fdffffff"                          // negative
             "0807060504030201"                  // large
             "0302"                              // tint
             "0900000000000000"                  // id
             "000102030405060708090a0b0c0d0e0f"  // node
             "020000006162"                      // view
             "0100000063"                        // text
             "0200000001000200"                  // numbers
             "01000000020000000300"              // structs: count, length, a
             "02000000000000000100000064");      // texts
  BOOST_TEST(encoded_fields_size(e) == test::encoded(e).size());
  const auto bytes = test::encoded(e);
  everything back;
  BOOST_TEST_REQUIRE(decode(bytes, back));
  BOOST_TEST(test::hex_of(test::encoded(back)) == test::hex_of(bytes));
  BOOST_TEST((static_cast<const void*>(back.view.data()) > bytes.data()));  // aliases the input
}

BOOST_AUTO_TEST_CASE(encoding_appends) {
  std::vector<std::byte> out{std::byte{0xff}};
  encode(inner_v1{5}, out);
  BOOST_TEST(test::hex_of(out) == "ff0500");
}

BOOST_AUTO_TEST_CASE(an_older_message_leaves_new_fields_at_their_defaults) {
  outer_v1 old{9, {300}, "text"};
  outer_v2 now;
  BOOST_TEST_REQUIRE(decode(test::encoded(old), now));
  BOOST_TEST(now.first == 9);
  BOOST_TEST(now.in.a == 300);
  BOOST_TEST(now.in.b == "default");
  BOOST_TEST(now.text == "text");
  BOOST_TEST(now.numbers.size() == 1U);
  BOOST_TEST(now.last == -1);
}

BOOST_AUTO_TEST_CASE(a_newer_message_is_understood_as_far_as_it_is_known) {
  outer_v2 newer{9, {300, "more"}, "text", {1, 2, 3}, 77};
  outer_v1 now;
  BOOST_TEST_REQUIRE(decode(test::encoded(newer), now));
  BOOST_TEST(now.first == 9);
  BOOST_TEST(now.in.a == 300);
  BOOST_TEST(now.text == "text");
}

BOOST_AUTO_TEST_CASE(a_field_cut_in_the_middle_is_an_error) {
  const auto bytes = test::encoded(outer_v2{9, {300, "more"}, "text", {1, 2, 3}, 77});
  std::size_t accepted = 0;
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const std::vector<std::byte> prefix(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(n));
    outer_v2 out;
    if (decode(prefix, out)) ++accepted;
  }
  // Nothing, and behind each of the five fields.
  BOOST_TEST(accepted == 6U);
}

BOOST_AUTO_TEST_CASE(a_nested_length_cannot_reach_beyond_its_parent) {
  auto bytes = test::encoded(outer_v1{9, {300}, "text"});
  store_le<std::uint32_t>(bytes.data() + 1, 0xffffffffU);
  outer_v1 out;
  BOOST_TEST(!decode(bytes, out));
  store_le<std::uint32_t>(bytes.data() + 1, 1);  // cuts a field of the nested struct
  BOOST_TEST(!decode(bytes, out));
}

BOOST_AUTO_TEST_CASE(a_count_beyond_the_bytes_takes_no_memory) {
  for (const std::uint32_t count : {9U, 0x7fffffffU, 0xffffffffU}) {
    std::vector<std::byte> bytes(12);
    store_le(bytes.data(), count);
    text_list texts;
    BOOST_TEST(!decode(bytes, texts));
    BOOST_TEST(texts.value.capacity() <= 8U);
    number_list numbers;
    BOOST_TEST(!decode(bytes, numbers));
    BOOST_TEST(numbers.value.capacity() == 0U);
  }
  std::vector<std::byte> bytes(4 + 16);
  store_le<std::uint32_t>(bytes.data(), 3);  // three numbers, room for two
  number_list numbers;
  BOOST_TEST(!decode(bytes, numbers));
  BOOST_TEST(numbers.value.capacity() == 0U);
}

BOOST_AUTO_TEST_CASE(a_bool_is_0_or_1) {
  one_flag out;
  BOOST_TEST(decode(test::bytes_of_hex("01"), out));
  BOOST_TEST(out.value);
  BOOST_TEST(decode(test::bytes_of_hex("00"), out));
  BOOST_TEST(!out.value);
  BOOST_TEST(!decode(test::bytes_of_hex("02"), out));
}

BOOST_AUTO_TEST_CASE(an_unknown_enum_value_is_kept_for_the_service_to_refuse) {
  write_chunk_request m = test::sample_of<write_chunk_request>();
  m.ack = static_cast<ack_mode>(200);
  const auto bytes = test::encoded(m);
  write_chunk_request out;
  BOOST_TEST_REQUIRE(decode(bytes, out));
  BOOST_TEST(static_cast<int>(out.ack) == 200);
}

BOOST_AUTO_TEST_SUITE_END()
