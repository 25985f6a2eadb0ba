#include "meta/record_codec.hpp"

#include "base/crc32c.hpp"
#include "meta/state_util.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>

namespace ssdfs::meta {
namespace {

using test::test_client;
using test::test_cluster;
using test::test_node;

template <class Body>
record with(Body body, std::uint64_t id = 17) {
  record r;
  r.txid = ssdfs::txid(id);
  r.time_ms = 1'700'000'000'123;
  r.body = std::move(body);
  return r;
}

create_record sample_create() {
  create_record c;
  c.path = "/image/product/iphone.jpg";
  c.parents = 1;
  c.size = 17'000;
  c.crc32c = crc_value(0x1a2b3c4d);
  c.mtime = 1'699'999'999'999;
  c.replication = 2;
  c.owner = "shop";
  c.group = "shop";
  c.type = "image/jpeg";
  c.chunks.push_back({volume_id(4'294'967'297), 5, 17'000, crc_value(0x1a2b3c4d)});
  return c;
}

// One record of every kind, with every field set.
std::vector<record> samples() {
  std::vector<record> out;
  out.push_back(with(start_record{epoch_t(3), test_node(1), test_cluster(), ssdfs::txid(16), 2}));
  out.push_back(with(mkdir_record{"/a/b", 1, 0700, "u", "g", 3}));
  out.push_back(with(sample_create()));
  std::get<create_record>(out.back().body).kept = 7;
  out.back().durable = ssdfs::txid(16);
  out.back().op = {test_client(1), 5, 3};
  out.push_back(with(rename_record{"/a", "/b/c", 1, true, true, "u", "g", 2}));
  out.push_back(with(delete_record{"/a\n\"\\\x01"}));
  out.push_back(with(setattr_record{"/a", 63, -5, 0, "u", "g", 3, "t", 5}));
  out.push_back(with(quota_record{"/a", 1000, std::uint64_t{1} << 40}));
  out.push_back(with(add_volume_record{volume_id(7), 2, {test_node(1), test_node(2)}}));
  out.push_back(with(members_record{volume_id(7), 2, {test_node(3)}}));
  out.push_back(with(grant_record{volume_id(7), 1, 100, false, 50, 1 << 20, test_client(2)}));
  out.push_back(with(grant_record{volume_id(7), 1, 100, true, 0, 0, {}}));
  out.push_back(with(seal_record{volume_id(7), seal_reason::member_failed}));
  out.push_back(with(close_record{volume_id(7), 1, 12'345}));
  out.push_back(with(reopen_record{volume_id(7), 3}));
  out.push_back(with(reclaim_record{volume_id(7), 4, 3, {1, 2, 4'294'967'295}}));
  out.push_back(with(relocate_record{
      "/a", 2, {volume_id(7), 1, 10, crc_value(1)}, {volume_id(8), 2, 10, crc_value(1)}}));
  out.push_back(with(node_record{test_node(9), node_decision::maintenance, 1'800'000'000'000}));
  out.push_back(with(rebalance_record{rebalance_phase::paused, 100}));
  out.push_back(with(forget_record{{1, 65'534}, {7}}));
  out.push_back(with(lost_record{volume_id(7), {{1, 10, crc_value(1)}, {5, 20, crc_value(2)}}}));
  out.push_back(with(found_record{volume_id(7), {{5, 20, crc_value(2)}}}));
  out.push_back(with(mark_record{1, 2, 3, hash64(0xfedcba9876543210)}));
  return out;
}

std::string encode(const record& r, std::uint32_t seed = 0) {
  text_buffer out;
  encode_line(r, seed, out);
  return std::string(out.view());
}

std::string_view without_newline(const std::string& line) {
  return std::string_view(line).substr(0, line.size() - 1);
}

// Puts a fresh CRC behind a text without one.
std::string sealed_line(std::string text, std::uint32_t seed) {
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x", crc32c(as_bytes(text), seed));
  return text + ",\"crc\":\"" + crc + "\"}";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(record_codec)

BOOST_AUTO_TEST_CASE(golden_lines) {
  // The example of docs/formats/edits.md: two lines of which the second continues the chain.
  const std::string first =
      encode(with(start_record{epoch_t(1), test_node(1), test_cluster(), {}, 2}, 1));
  BOOST_TEST(first ==
             R"({"txid":"1","op":"START","time":1700000000123,"epoch":1,)"
             R"("leader":"00000000-0000-0000-0000-000000000001",)"
             R"("cluster":"aa000000-0000-0000-0000-000000000001","format":2,"crc":"a453f7a8"})"
             "\n");
  record create = with(sample_create(), 2);
  create.durable = ssdfs::txid(1);
  create.op = {test_client(1), 5, 3};
  const auto seed = stated_crc(without_newline(first));
  BOOST_REQUIRE(seed.has_value());
  BOOST_TEST(encode(create, *seed) ==
             R"({"txid":"2","op":"CREATE","time":1700000000123,"durable":"1",)"
             R"("client":"c1000000-0000-0000-0000-000000000001","seq":"5","low":"3",)"
             R"("path":"/image/product/iphone.jpg","parents":1,"size":17000,"crc32c":"1a2b3c4d",)"
             R"("mtime":1699999999999,"replication":2,"owner":"shop","group":"shop",)"
             R"("type":"image/jpeg","chunks":[{"volume":"4294967297","key":5,"size":17000,)"
             R"("crc32c":"1a2b3c4d"}],"crc":"2a9e2f42"})"
             "\n");
  BOOST_TEST(
      encode(with(delete_record{"/a\n\"\\\x01"}, 3))
          .starts_with(
              R"({"txid":"3","op":"DELETE","time":1700000000123,"path":"/a\u000a\"\\\u0001","crc":")"));
}

BOOST_AUTO_TEST_CASE(every_kind_round_trips) {
  std::uint32_t chain = 12'345;
  line_parser parser;
  for (const record& r : samples()) {
    const std::string line = encode(r, chain);
    record back;
    auto crc = parser.parse(without_newline(line), chain, back);
    BOOST_REQUIRE_MESSAGE(crc.has_value(), line);
    BOOST_TEST(back.txid == r.txid);
    BOOST_TEST(back.time_ms == r.time_ms);
    BOOST_TEST(back.durable == r.durable);
    BOOST_TEST((back.op == r.op));
    BOOST_TEST(kind_name(back.body) == kind_name(r.body));
    BOOST_TEST(encode(back, chain) == line);
    chain = *crc;
  }
}

BOOST_AUTO_TEST_CASE(lines_of_other_programs_are_read) {
  // Any order, spaces, escapes and unknown fields.
  const std::string line = sealed_line(
      R"({ "op" : "CREATE", "path":"\/a\u00e4", "size" : 3, "later":[1,{"x":null}], "time":5,)"
      R"("chunks":[{"crc32c":"00000001","size":3,"key":9,"volume":"18446744073709551615"}],)"
      R"("seq":"7","client":"c1000000-0000-0000-0000-000000000001","low":"7","txid":"4")",
      99);
  line_parser parser;
  record r;
  const auto parsed = parser.parse(line, 99, r);
  BOOST_REQUIRE_MESSAGE(parsed.has_value(), test::why(parsed));
  BOOST_TEST(r.txid == ssdfs::txid(4));
  BOOST_TEST(r.op.sequence == 7U);
  const auto& body = std::get<create_record>(r.body);
  BOOST_TEST(body.path == "/a\u00e4");
  BOOST_TEST(body.size == 3U);
  BOOST_TEST(body.mode == 0644);
  BOOST_REQUIRE(body.chunks.size() == 1U);
  BOOST_TEST(body.chunks[0].volume == volume_id(18'446'744'073'709'551'615U));
}

BOOST_AUTO_TEST_CASE(nonsense_is_refused) {
  line_parser parser;
  record r;
  for (const char* text :
       {R"({"txid":"1","op":"DANCE","time":5)", R"({"txid":1,"op":"DELETE","time":5)",
        R"({"txid":"1","op":"DELETE")", R"({"txid":"-1","op":"DELETE","time":5)",
        R"({"txid":"1","op":"DELETE","time":5,"path":7)",
        R"({"txid":"1","op":"DELETE","time":5,"path":"x)",
        R"({"txid":"1","op":"SEAL","time":5,"volume":"1","reason":"boredom")",
        R"({"txid":"1","op":"MKDIR","time":5,"mode":65536)",
        R"({"txid":"1","op":"REBALANCE","time":5,"phase":"faster","threshold":100)",
        R"({"txid":"1","op":"REBALANCE","time":5,"phase":"running","threshold":-1)",
        R"({"txid":"1","op":"RECLAIM","time":5,"keys":[4294967296])",
        R"({"txid":"1","op":"FORGET","time":5,"access":[65536])",
        R"({"txid":"1","op":"RECLAIM","time":5,"keys":[1,])",
        R"({"txid":"18446744073709551616","op":"DELETE","time":5)",
        R"({"txid":"1","op":"DELETE","time":5,"client":"c1")", "[]", ""}) {
    const auto parsed = parser.parse(sealed_line(text, 0), 0, r);
    BOOST_TEST(parsed.has_error(), text);
  }
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_flipped_bit_is_noticed) {
  line_parser parser;
  record r;
  for (const record& sample : samples()) {
    const std::string line = encode(sample, 77);
    for (std::size_t n = 0; n + 1 < line.size(); ++n) {
      BOOST_REQUIRE(parser.parse(line.substr(0, n), 77, r).has_error());
    }
    for (std::size_t bit = 0; bit < (line.size() - 1) * 8; ++bit) {
      std::string flipped(without_newline(line));
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      BOOST_REQUIRE(parser.parse(flipped, 77, r).has_error());
      // What the CRC would hide must not hurt either.
      static_cast<void>(parser.parse_unchecked(flipped, r).has_value());
    }
    BOOST_REQUIRE(parser.parse(without_newline(line), 78, r).has_error());
  }
}

BOOST_AUTO_TEST_CASE(the_begin_of_a_line_never_appears_inside_one) {
  const std::string evil(line_begin);
  const std::string line = encode(with(delete_record{evil}));
  BOOST_TEST(line.find(line_begin, 1) == std::string::npos);
  BOOST_TEST(leading_txid(line) == ssdfs::txid(17));
  BOOST_TEST(leading_txid("{\"txid\":\"x\"") == ssdfs::txid());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
