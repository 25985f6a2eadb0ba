// What the tests of the client share.
#pragma once

#include "client/fake_cluster.hpp"
#include "ssdfs/blocking_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <thread>

namespace ssdfs {

/// For the messages of Boost.Test.
inline std::ostream& operator<<(std::ostream& out, errc e) {
  return out << make_error_code(e).message();
}

}  // namespace ssdfs

namespace ssdfs::test {

/// `n` bytes that follow from `seed` and do not repeat soon.
inline std::string pattern(std::size_t n, std::uint64_t seed = 1) {
  std::string out(n, '\0');
  std::uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::size_t i = 0; i < n; i += 8) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    std::memcpy(out.data() + i, &x, std::min<std::size_t>(8, n - i));
  }
  return out;
}

/// A configuration for this cluster with short patience.
inline client_config config_for(const fake_cluster& cluster) {
  client_config config;
  config.masters = {cluster.master()};
  config.user = "tester";
  config.timeout = std::chrono::milliseconds(4000);
  config.datanode_timeout = std::chrono::milliseconds(300);
  config.master_timeout = std::chrono::milliseconds(200);
  return config;
}

inline put_options overwriting() {
  put_options options;
  options.overwrite = true;
  return options;
}

/// Waits for a condition that becomes true by other threads' work.
template <class Condition>
void await(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    BOOST_REQUIRE(std::chrono::steady_clock::now() < limit);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

/// A cluster and a client that waits.
struct cluster_fixture {
  explicit cluster_fixture(fake_cluster_options options = {})
      : cluster(options), client(config_for(cluster)) {}
  fake_cluster cluster;
  blocking_client client;
};

}  // namespace ssdfs::test
