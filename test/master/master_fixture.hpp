// A real master on a temporary directory, and a caller that waits for each answer.
#pragma once

#include "io/clock.hpp"
#include "io/file.hpp"
#include "master/master.hpp"
#include "net/await.hpp"
#include "util/io_threads.hpp"
#include "util/temp_dir.hpp"
#include "wire/admin_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <optional>
#include <string>

namespace ssdfs::test {

/// One client of a master; calls wait.
class caller {
 public:
  caller(boost::asio::io_context& io, const std::string& address, cluster_id cluster = {})
      : caller(io, address, cluster, client_id(io::random_uuid())) {}
  /// The same client once more, on another connection.
  caller(boost::asio::io_context& io, const std::string& address, cluster_id cluster,
         client_id client)
      : client_(client) {
    net::channel_options options;
    options.hello.client = client_;
    options.hello.cluster = cluster;
    options.hello.software = "test";
    channel_ = net::channel::make(io.get_executor(), address, options);
  }
  ~caller() { stop(); }
  /// Ends a call that waits, from another thread.
  void stop() { channel_->stop(); }

  template <class Request>
  result<typename Request::reply> call(const Request& request) {
    auto answer = net::awaited<Request>(*channel_, request, 10'000).wait();
    if (!answer) return std::move(answer).error();
    return std::move(answer->message);
  }

  /// The next operation of this client; everything before it counts as answered.
  wire::operation next_operation() {
    ++sequence_;
    return {client_, sequence_, sequence_};
  }
  [[nodiscard]] client_id client() const noexcept { return client_; }

 private:
  client_id client_;
  std::uint64_t sequence_ = 0;
  std::shared_ptr<net::channel> channel_;
};

struct master_fixture {
  io_threads threads;
  temp_dir directory;
  std::unique_ptr<master::master> server;
  std::function<void(master::master_options&)> tweak;  ///< for the next start()

  master_fixture() { start(); }
  ~master_fixture() { stop(); }

  master::master_options options() const {
    master::master_options to;
    to.data_dir = directory.path() + "/master";
    to.listen = "127.0.0.1:0";
    to.heartbeat_interval_ms = 100;
    if (tweak) tweak(to);
    return to;
  }
  void start() {
    auto started = master::master::start(threads.context(), options());
    BOOST_REQUIRE_MESSAGE(started.has_value(),
                          (started ? std::string() : started.error().message()));
    server = std::move(*started);
  }
  void stop() {
    if (server) server->stop();
    server.reset();
  }
};

}  // namespace ssdfs::test
