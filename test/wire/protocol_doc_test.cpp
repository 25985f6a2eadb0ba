// docs/protocol.md says what the code does: fields of every message, numbers, and the bytes of its
// worked example.
#include "util/all_messages.hpp"
#include "util/describe_text.hpp"
#include "util/source_tree.hpp"
#include "wire/frame.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace ssdfs;

namespace {

std::string document() {
  const std::string root = test::source_tree();
  std::ifstream file(root + "/docs/protocol.md");
  std::stringstream text;
  text << file.rdbuf();
  BOOST_TEST_REQUIRE(!text.str().empty(), "cannot read docs/protocol.md below " + root);
  return text.str();
}

// The bytes of the block that begins with "```hex NAME"; in each line what is behind '|' is text.
std::string example(const std::string& doc, const std::string& name) {
  const std::string head = "```hex " + name + "\n";
  const auto start = doc.find(head);
  BOOST_TEST_REQUIRE(start != std::string::npos, "no example " + name);
  const auto end = doc.find("```", start + head.size());
  std::istringstream block(doc.substr(start + head.size(), end - start - head.size()));
  std::string out;
  for (std::string line; std::getline(block, line);) {
    for (const char c : line.substr(0, line.find('|'))) {
      if (c != ' ') out += c;
    }
  }
  return out;
}

template <class Message>
std::string frame_hex(const Message& m, wire::opcode code, wire::frame_header h,
                      std::string_view body = {}) {
  std::vector<std::byte> out(wire::frame_header_size);
  wire::encode(m, out);
  h.opcode = static_cast<std::uint16_t>(code);
  h.message_length = static_cast<std::uint32_t>(out.size() - wire::frame_header_size);
  h.body_length = static_cast<std::uint32_t>(body.size());
  wire::encode_header(h, bytes_view(out).subspan(wire::frame_header_size), out.data());
  out.insert(out.end(), as_bytes(body).begin(), as_bytes(body).end());
  return test::hex_of(out);
}

std::string words_of(wire::callers who) {
  if (who == wire::callers::anybody) return "anybody";
  std::string out;
  const auto add = [&](wire::callers one, const char* word) {
    if (wire::has(who, one)) out += (out.empty() ? "" : ", ") + std::string(word);
  };
  add(wire::callers::clients, "clients");
  add(wire::callers::operators, "operators");
  add(wire::callers::datanodes, "datanodes");
  add(wire::callers::backups, "backups");
  return out;
}

std::string words_of(wire::servers who) {
  std::string out;
  const auto add = [&](wire::servers one, const char* word) {
    if (wire::has(who, one)) out += (out.empty() ? "" : ", ") + std::string(word);
  };
  add(wire::servers::master, "the master");
  add(wire::servers::backup, "a backup");
  add(wire::servers::datanode, "a datanode");
  add(wire::servers::every_session, "every server");
  add(wire::servers::member, "a member of a set");
  return out;
}

const cluster_id example_cluster(parse_uuid("6f1d2c3b-4a59-4687-9788-a9bacbdcedfe").value());

}  // namespace

BOOST_AUTO_TEST_SUITE(protocol_document)

BOOST_AUTO_TEST_CASE(it_lists_the_fields_of_every_message) {
  const std::string doc = document();
  test::field_text fields;
  std::ostringstream missing;
  const auto expect = [&](const std::string& row) {
    if (doc.find(row) == std::string::npos) missing << row << '\n';
  };
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, wire::all_requests>>(
      [&](auto wrapped) {
        using request = typename decltype(wrapped)::type;
        const std::string name(wire::name_of(request::code));
        expect("| " + std::to_string(static_cast<int>(request::code)) + " | `" + name + "` | " +
               "`" + fields.fields_of<request>() + "` | `" +
               fields.fields_of<typename request::reply>() + "` |");
      });
  expect("`error_reply`: `" + fields.fields_of<wire::error_reply>() + "`");
  for (const auto& [name, text] : fields.structs) {
    expect("| `" + name + "` | `" + text + "` |");
  }
  BOOST_TEST(missing.str().empty(), "docs/protocol.md needs these rows:\n" << missing.str());
}

BOOST_AUTO_TEST_CASE(it_says_who_asks_and_who_answers_each_request) {
  std::vector<std::pair<std::string, std::string>> rows;  // who, requests
  boost::mp11::mp_for_each<wire::request_table>([&](auto row) {
    using type = decltype(row);
    const std::string who = "| " + words_of(type::from) + " | " + words_of(type::to) + " | ";
    const std::string name = "`" + std::string(wire::name_of(type::request::code)) + "`";
    const auto at = std::find_if(rows.begin(), rows.end(),
                                 [&](const auto& known) { return known.first == who; });
    if (at == rows.end()) {
      rows.emplace_back(who, name);
    } else {
      at->second += ", " + name;
    }
  });
  std::string table;
  for (const auto& [who, requests] : rows) table += who + requests + " |\n";
  BOOST_TEST(document().find(table) != std::string::npos, "docs/protocol.md needs this table:\n"
                                                              << table);
}

BOOST_AUTO_TEST_CASE(it_lists_every_status) {
  const std::string doc = document();
  for (int n = 1; n < 100; ++n) {
    const std::string text = make_error_code(static_cast<errc>(n)).message();
    if (text == "unknown error") continue;
    BOOST_TEST(doc.find("\n| " + std::to_string(n) + " | `") != std::string::npos, n);
  }
}

BOOST_AUTO_TEST_CASE(its_example_is_what_the_code_sends) {
  const std::string doc = document();
  wire::hello_request hello;
  hello.client = client_id(parse_uuid("00112233-4455-6677-8899-aabbccddeeff").value());
  hello.software = "demo";
  BOOST_TEST(example(doc, "hello_request") ==
             frame_hex(hello, wire::opcode::hello, {.request_id = 1}));

  wire::hello_reply says;
  says.protocol = 1;
  says.role = wire::peer_role::datanode;
  says.cluster = example_cluster;
  says.node = node_id(parse_uuid("0a0b0c0d-0e0f-4011-9213-141516171819").value());
  says.software = "ssdfs 0.1.0";
  const wire::frame_header reply{
      .flags = wire::flag_reply, .request_id = 1, .cluster = example_cluster};
  BOOST_TEST(example(doc, "hello_reply") == frame_hex(says, wire::opcode::hello, reply));

  wire::read_chunk_request read;
  read.volume = volume_id((std::uint64_t{3} << 32) | 7);
  read.key = 42;
  read.length = 5;
  read.expected_size = 5;
  read.expected_crc32c = 0x9a71bb4c;  // of "hello"
  BOOST_TEST(
      example(doc, "read_chunk_request") ==
      frame_hex(read, wire::opcode::read_chunk, {.request_id = 2, .cluster = example_cluster}));

  const wire::frame_header second{
      .flags = wire::flag_reply, .request_id = 2, .cluster = example_cluster};
  BOOST_TEST(example(doc, "read_chunk_reply") == frame_hex(wire::read_chunk_reply{0x9a71bb4c, 5},
                                                           wire::opcode::read_chunk, second,
                                                           "hello"));

  wire::frame_header refused = second;
  refused.status = static_cast<std::uint16_t>(errc::not_found);
  BOOST_TEST(
      example(doc, "read_chunk_error") ==
      frame_hex(wire::error_reply{.detail = "no such chunk", .hint = {}, .retry_after_ms = 0},
                wire::opcode::read_chunk, refused));
}

BOOST_AUTO_TEST_SUITE_END()
