#include "coord/zookeeper_address.hpp"

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string>

using namespace ssdfs;

BOOST_AUTO_TEST_SUITE(zookeeper_address_suite)

BOOST_AUTO_TEST_CASE(names_its_servers_and_what_is_below_the_path) {
  const auto one = coord::parse_zookeeper_address("127.0.0.1:2181");
  BOOST_TEST_REQUIRE(one.has_value());
  BOOST_TEST(one->servers.size() == 1U);
  BOOST_TEST(one->chroot == "");
  BOOST_TEST(coord::register_path(*one) == "/ssdfs/register");

  const auto three = coord::parse_zookeeper_address("zk-1:2181,[::1]:2182,10.0.0.3:2183/shop/a");
  BOOST_TEST_REQUIRE(three.has_value());
  BOOST_TEST(three->servers.size() == 3U);
  BOOST_TEST(three->servers[0].host == "zk-1");
  BOOST_TEST(three->servers[1].host == "::1");
  BOOST_TEST(three->servers[1].port == 2182);
  BOOST_TEST(three->chroot == "/shop/a");
  BOOST_TEST(coord::parent_path(*three) == "/shop/a/ssdfs");
  BOOST_TEST(coord::register_path(*three) == "/shop/a/ssdfs/register");
  BOOST_TEST(coord::to_string(*three) == "zk-1:2181,[::1]:2182,10.0.0.3:2183/shop/a");

  const auto root = coord::parse_zookeeper_address("a:1/");
  BOOST_TEST_REQUIRE(root.has_value());
  BOOST_TEST(root->chroot == "");
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_it) {
  struct wrong_address {
    std::string text;
    std::string says;
  };
  std::string many;
  for (int i = 0; i < 17; ++i) many += (i == 0 ? "h" : ",h") + std::to_string(i) + ":2181";
  const wrong_address wrong[] = {
      {"", "it is empty"},
      {"zk1", "'zk1' has no port; ZooKeeper's is usually 2181"},
      {"zk1:2181,zk2", "'zk2' has no port"},
      {"zk1:", "the port of 'zk1:' is not a number from 1 to 65535"},
      {"zk1:0", "is not a number from 1 to 65535"},
      {"zk1:65536", "is not a number from 1 to 65535"},
      {"zk1:2181x", "is not a number from 1 to 65535"},
      {":2181", "has no host"},
      {"zk1:2181,", "a comma too many"},
      {",zk1:2181", "a comma too many"},
      {"/shop", "nothing before the path"},
      {"zk1:2181, zk2:2181", "it has blanks"},
      {"::1:2181", "needs brackets"},
      {"[::1:2181", "']' is missing"},
      {"[::1]", "has no port"},
      {"[::1]2181", "has no port"},
      {"[zk1]:2181", "has no IPv6 address"},
      {"*:2181", "a character that no host name has"},
      {"zk1:2181,zk1:2181", "zk1:2181 is there twice"},
      {"zookeeper://zk1:2181", "it has no scheme"},
      {"zk1:2181/shop,zk2:2181", "the path comes once, behind the last server"},
      {"zk1:2181/shop/", "an empty part"},
      {"zk1:2181//shop", "an empty part"},
      {"zk1:2181/shop/../x", "a part '..'"},
      {"zk1:2181/sh\x01op", "not printable ASCII"},
      {"zk1:2181/zookeeper/x", "ZooKeeper's own"},
      {"zk1:2181/" + std::string(255, 'a'), "longer than 255 bytes"},
      {std::string(256, 'h') + ":2181", "the host name is too long"},
      {many, "more than 16 servers"},
  };
  for (const wrong_address& one : wrong) {
    const auto got = coord::parse_zookeeper_address(one.text);
    BOOST_TEST_CONTEXT(one.text) {
      BOOST_TEST_REQUIRE(got.has_error());
      BOOST_TEST((got.error() == errc::invalid_argument));
      BOOST_TEST_INFO(got.error().message());
      BOOST_TEST(got.error().message().find(one.says) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_prefix_of_an_address_is_taken_or_refused) {
  const std::string whole = "zk-1:2181,[fe80::1%eth0]:2182,10.0.0.3:2183/shop/a";
  BOOST_TEST(coord::parse_zookeeper_address(whole).has_value());
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const auto got = coord::parse_zookeeper_address(whole.substr(0, n));
    if (got) BOOST_TEST(!got->servers.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
