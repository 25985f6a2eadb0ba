// A master and datanodes of this process on temporary directories, over real sockets.
#pragma once

#include "datanode/datanode.hpp"
#include "master/master.hpp"
#include "net/address.hpp"
#include "ssdfs/blocking_client.hpp"
#include "util/io_threads.hpp"
#include "util/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <vector>

namespace ssdfs::test {

struct cluster_fixture {
  io_threads threads;
  temp_dir directory;
  std::unique_ptr<master::master> server;
  std::vector<std::unique_ptr<datanode::datanode>> nodes;

  explicit cluster_fixture(int datanodes = 2) {
    master::master_options to;
    to.data_dir = directory.path() + "/master";
    to.listen = "127.0.0.1:0";
    to.heartbeat_interval_ms = 100;
    auto started = master::master::start(threads.context(), to);
    BOOST_REQUIRE_MESSAGE(started, started.error().message());
    server = std::move(*started);
    for (int i = 1; i <= datanodes; ++i) {
      datanode::datanode_options options;
      options.data_dirs = {{directory.path() + "/node" + std::to_string(i), 0}};
      options.listen = "127.0.0.1:0";
      options.masters = {server->address()};
      options.name = "node" + std::to_string(i);
      options.reserved_percent = 0;
      auto node = datanode::datanode::start(threads.context(), options);
      BOOST_REQUIRE_MESSAGE(node, node.error().message());
      nodes.push_back(std::move(*node));
    }
  }
  ~cluster_fixture() {
    for (auto& n : nodes) n->stop();
    server->stop();
  }

  [[nodiscard]] std::uint16_t master_port() const {
    return net::parse_host_port(server->address())->port;
  }
};

}  // namespace ssdfs::test
