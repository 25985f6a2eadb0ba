#include "base/host_kind.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;

BOOST_AUTO_TEST_SUITE(host_kinds)

BOOST_AUTO_TEST_CASE(addresses_that_mean_each_machine_itself_are_known) {
  for (const char* text :
       {"127.0.0.1:9610", "127.1.2.3", "[::1]:9610", "::1", "localhost:1", "LocalHost",
        "localhost.:7", "node.localhost:1", "[::ffff:127.0.0.1]:1"}) {
    BOOST_TEST((kind_of_host(text) == host_kind::loopback), text);
  }
}

BOOST_AUTO_TEST_CASE(wildcards_are_known) {
  for (const char* text :
       {"0.0.0.0:9610", "[::]:9610", "::", "*:9610", ":9610", "", "0:1", "[::ffff:0.0.0.0]:1"}) {
    BOOST_TEST((kind_of_host(text) == host_kind::wildcard), text);
  }
}

BOOST_AUTO_TEST_CASE(everything_else_may_be_told_but_for_link_local_addresses) {
  for (const char* text : {"10.0.0.1:9610", "node1:9610", "[2001:db8::1]:9610", "128.0.0.1",
                           "localhost.example.org:1", "mylocalhost:1", "::2"}) {
    BOOST_TEST((kind_of_host(text) == host_kind::ordinary), text);
  }
  BOOST_TEST((kind_of_host("[fe80::1%eth0]:9610") == host_kind::link_local));
  BOOST_TEST((kind_of_host("[febf::1]:9610") == host_kind::link_local));
  BOOST_TEST((kind_of_host("[fec0::1]:9610") == host_kind::ordinary));
}

BOOST_AUTO_TEST_SUITE_END()
