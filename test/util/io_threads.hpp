// An io_context with threads that run it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <thread>
#include <vector>

namespace ssdfs::test {

/// Runs until destroyed; whatever uses it is stopped before.
class io_threads {
 public:
  explicit io_threads(int count = 2) : work_(io_.get_executor()) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~io_threads() {
    work_.reset();
    io_.stop();
    for (auto& t : threads_) t.join();
  }
  [[nodiscard]] boost::asio::io_context& context() noexcept { return io_; }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

}  // namespace ssdfs::test
