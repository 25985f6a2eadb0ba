#include "net/address.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;
using namespace ssdfs::net;

BOOST_AUTO_TEST_SUITE(addresses)

BOOST_AUTO_TEST_CASE(valid_texts_are_read) {
  struct row {
    const char* text;
    const char* host;
    std::uint16_t port;
  };
  for (const row& r :
       {row{"127.0.0.1:9600", "127.0.0.1", 9600}, row{"node-3.example:1", "node-3.example", 1},
        row{":9600", "", 9600}, row{"*:9600", "", 9600}, row{"[::1]:0", "::1", 0},
        row{"h:65535", "h", 65535}, row{"[fe80::1]:80", "fe80::1", 80}}) {
    const auto got = parse_host_port(r.text);
    BOOST_TEST_REQUIRE(got.has_value(), r.text);
    BOOST_TEST(got->host == r.host);
    BOOST_TEST(got->port == r.port);
  }
}

BOOST_AUTO_TEST_CASE(the_default_port_is_for_texts_without_one) {
  BOOST_TEST(parse_host_port("node", 9600)->port == 9600);
  BOOST_TEST(parse_host_port("[::1]", 9600)->port == 9600);
  BOOST_TEST(parse_host_port("node:7", 9600)->port == 7);
  BOOST_TEST(parse_host_port("node").has_error());
  BOOST_TEST(parse_host_port("", 9600).has_error());
  BOOST_TEST(parse_host_port("node:", 9600).has_error());
}

BOOST_AUTO_TEST_CASE(other_texts_are_refused_with_the_text) {
  for (const char* text :
       {"", ":", "host", "host:", "host:x", "host:-1", "host:65536", "host:1 ", "::1:80", "[::1",
        "[]:80", "[::1]80", "a b:1", "a/b:1", "a,b:1", "h:1:2", "host:+1", "host:99999999999"}) {
    const auto got = parse_host_port(text);
    BOOST_TEST_REQUIRE(got.has_error(), text);
    BOOST_TEST((got.error() == errc::invalid_argument));
    BOOST_TEST(got.error().detail.find(std::string("'") + text + "'") != std::string::npos);
  }
  std::string endless(300, 'h');
  endless += ":1";
  BOOST_TEST(parse_host_port(endless).has_error());
}

BOOST_AUTO_TEST_CASE(formatting_is_the_inverse) {
  for (const char* text : {"127.0.0.1:9600", "[::1]:7", "*:9600", "a.example:65535"}) {
    BOOST_TEST(format_host_port(parse_host_port(text).value()) == text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
