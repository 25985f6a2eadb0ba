// A server with an echo service and its own io threads, for the tests of this room.
#pragma once

#include "io/clock.hpp"
#include "net/channel.hpp"
#include "net/server.hpp"
#include "wire/chunk_messages.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace ssdfs::test {

/// An io_context with threads of its own, joined at the end.
class io_threads {
 public:
  explicit io_threads(int count = 2) : guard_(context_.get_executor()) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this] { context_.run(); });
    }
  }
  ~io_threads() {
    guard_.reset();
    context_.stop();
    for (std::thread& t : threads_) t.join();
  }
  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::vector<std::thread> threads_;
};

/// Asks the echo service: it answers with `number` as chunk_size, and the body.
inline wire::read_chunk_request echo_request(std::uint32_t number) {
  wire::read_chunk_request r;
  r.length = number;
  return r;
}

/// Answers read_chunk at once with its own body, unless `on_request` is set: then that decides.
class echo_service : public net::service {
 public:
  cluster_id cluster{io::random_uuid()};
  std::function<void(net::request)> on_request;
  std::function<result<wire::hello_reply>(const wire::hello_request&)> on_hello;
  std::atomic<int> greeted{0};
  std::atomic<int> ended{0};
  std::atomic<std::size_t> handled{0};
  std::atomic<std::size_t> batches{0};
  std::atomic<std::size_t> promised_bytes{0};

  result<wire::hello_reply> hello(const wire::hello_request& caller) override {
    if (on_hello) return on_hello(caller);
    wire::hello_reply says;
    says.role = wire::peer_role::datanode;
    says.cluster = cluster;
    return says;
  }
  void handle(std::span<net::request> batch) override {
    ++batches;
    for (net::request& r : batch) {
      ++handled;
      if (on_request) {
        on_request(std::move(r));
      } else {
        echo(std::move(r));
      }
    }
  }
  std::size_t reply_bytes(const wire::frame_view&) noexcept override { return promised_bytes; }
  void opened(net::connection&) override { ++greeted; }
  void closed(net::connection&) override { ++ended; }

  static void echo(net::request r) {
    wire::read_chunk_request asked;
    if (!r.decode(asked)) return r.fail({errc::unsupported, "only read_chunk"});
    wire::read_chunk_reply says;
    says.chunk_size = asked.length;
    r.reply(says, {r.body(), r.hold()});
  }
};

using echo_answer = result<net::response<wire::read_chunk_reply>>;

struct echo_fixture {
  explicit echo_fixture(net::server_options options = {}) {
    options.listen = "127.0.0.1:0";
    auto opened = net::server::listen(io.context(), service, options);
    if (!opened) throw std::runtime_error(opened.error().message());
    server = std::move(*opened);
    server->start();
  }
  ~echo_fixture() {
    if (server) server->stop();
  }

  static net::channel_options channel_defaults() {
    net::channel_options o;
    o.hello.software = "test";
    return o;
  }
  std::shared_ptr<net::channel> connect(net::channel_options o = channel_defaults()) {
    return net::channel::make(io.context().get_executor(), server->address(), std::move(o));
  }
  /// Waits for the answer.
  static echo_answer echo(net::channel& c, std::uint32_t number, std::string_view body = {},
                          std::int64_t timeout_ms = 20000) {
    auto answer = std::make_shared<std::promise<echo_answer>>();
    auto future = answer->get_future();
    c.call(echo_request(number), {.timeout_ms = timeout_ms, .body = {as_bytes(body), {}}},
           [answer](echo_answer a) { answer->set_value(std::move(a)); });
    return future.get();
  }

  io_threads io;
  echo_service service;
  std::unique_ptr<net::server> server;
};

/// Waits until `condition` holds, at most ten seconds; false if it never did.
inline bool eventually(const std::function<bool()>& condition) {
  const std::int64_t until = io::steady_ms() + 10000;
  while (!condition()) {
    if (io::steady_ms() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace ssdfs::test
