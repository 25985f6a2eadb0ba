// How a coroutine waits for something that happens on its own thread.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <utility>

namespace ssdfs::coord {

/// Operation: wait_for() returns after the next notify(), at once if one came since the last
/// wait, and after `most_ms` in any case.
/// Concurrency: one thread, one waiter.
class wakeup {
 public:
  explicit wakeup(boost::asio::io_context& io) : timer_(io) {}

  void notify() {
    notified_ = true;
    timer_.cancel();
  }
  /// True if it was woken.
  boost::asio::awaitable<bool> wait_for(std::int64_t most_ms) {
    if (!notified_ && most_ms > 0) {
      timer_.expires_after(std::chrono::milliseconds(most_ms));
      co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    co_return std::exchange(notified_, false);
  }

 private:
  boost::asio::steady_timer timer_;
  bool notified_ = false;
};

}  // namespace ssdfs::coord
