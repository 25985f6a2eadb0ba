// What tests of channels share: servers that keep requests, calls whose end is awaited.
#pragma once

#include "net/raw_client.hpp"
#include "net/test_service.hpp"

#include <future>
#include <mutex>
#include <string>
#include <vector>

namespace ssdfs::test {

// Keeps requests instead of answering them.
struct shelf {
  std::mutex mutex;
  std::vector<net::request> kept;
  bool cleared = false;  // answers at once from now on
  std::function<void(net::request)> keeper() {
    return [this](net::request r) {
      const std::lock_guard lock(mutex);
      if (cleared) return echo_service::echo(std::move(r));
      kept.push_back(std::move(r));
    };
  }
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return kept.size();
  }
  void answer_all() {
    const std::lock_guard lock(mutex);
    answer_kept();
  }
  // The same for those that come later.
  void clear() {
    const std::lock_guard lock(mutex);
    cleared = true;
    answer_kept();
  }

 private:
  // With the mutex held.
  void answer_kept() {
    for (net::request& r : kept) echo_service::echo(std::move(r));
    kept.clear();
  }
};

struct pending_call {
  std::promise<echo_answer> promise;
  std::future<echo_answer> future = promise.get_future();
  std::atomic<int> called{0};
  std::uint64_t id = 0;

  void start(net::channel& c, net::call_options o = {}, std::uint32_t number = 1) {
    id = c.call(echo_request(number), std::move(o), [this](echo_answer a) {
      if (++called == 1) promise.set_value(std::move(a));
    });
  }
  errc failure_code() {
    const auto got = future.get();
    if (got) return errc{};
    return static_cast<errc>(got.error().code.value());
  }
};

inline net::channel_options quick() {
  auto o = echo_fixture::channel_defaults();
  o.connect_timeout_ms = 300;
  o.backoff_min_ms = 60;
  o.backoff_max_ms = 200;
  return o;
}

// A port that nobody listens on.
inline std::string dead_address() {
  io_threads io;
  echo_service service;
  auto s = net::server::listen(io.context(), service, {.listen = "127.0.0.1:0"});
  return (*s)->address();
}

}  // namespace ssdfs::test
