// What tests need that start ZooKeeper's servers: `*utf::precondition(test::zookeeper_installed)`.
#pragma once

#include "util/zookeeper_servers.hpp"

#include <boost/test/tools/assertion_result.hpp>
#include <boost/test/tree/decorator.hpp>
#include <boost/test/tree/test_unit.hpp>
#include <boost/test/unit_test.hpp>

namespace ssdfs::test {

/// The message is the reason for which the tests are skipped.
inline boost::test_tools::assertion_result zookeeper_installed(boost::unit_test::test_unit_id) {
  const std::string missing = zookeeper_servers::missing();
  boost::test_tools::assertion_result out(missing.empty());
  out.message() << missing;
  return out;
}

/// One that the tests share which leave it running, started when it is wanted first, and killed
/// when the process ends.
inline zookeeper_servers& shared_zookeeper() {
  static zookeeper_servers one(1);
  static const bool serves = one.wait_all_serving();
  BOOST_TEST_REQUIRE(serves);
  return one;
}

}  // namespace ssdfs::test
