// A proxy that loses what a test wants it to lose.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

namespace ssdfs::test {

/// Forwards connections to `port` on loopback, on a thread of its own. What comes while a direction
/// is deaf is thrown away, and with it the use of the connection; cut() closes those that there
/// are.
class tcp_proxy {
 public:
  explicit tcp_proxy(std::uint16_t port)
      : port_(port),
        acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}),
        thread_([this] { io_.run(); }) {
    boost::asio::post(io_, [this] { accept(); });
  }
  ~tcp_proxy() {
    io_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  void lose_requests(bool yes) { lose_requests_ = yes; }
  void lose_answers(bool yes) { lose_answers_ = yes; }
  void cut() {
    boost::asio::post(io_, [this] {
      for (auto& weak : pairs_) {
        if (const auto p = weak.lock()) p->close();
      }
      pairs_.clear();
    });
  }

 private:
  using tcp = boost::asio::ip::tcp;
  struct pair {
    explicit pair(boost::asio::io_context& io) : client(io), server(io) {}
    void close() {
      boost::system::error_code ignored;
      client.close(ignored);
      server.close(ignored);
    }
    tcp::socket client;
    tcp::socket server;
    std::array<char, 65'536> up;
    std::array<char, 65'536> down;
  };

  void accept() {
    auto p = std::make_shared<pair>(io_);
    acceptor_.async_accept(p->client, [this, p](boost::system::error_code ec) {
      if (ec) return;
      boost::system::error_code failed;
      p->server.connect({boost::asio::ip::address_v4::loopback(), port_}, failed);
      if (!failed) {
        pairs_.push_back(p);
        forward(p, p->client, p->server, p->up, lose_requests_);
        forward(p, p->server, p->client, p->down, lose_answers_);
      }
      accept();
    });
  }
  void forward(const std::shared_ptr<pair>& p, tcp::socket& from, tcp::socket& to,
               std::array<char, 65'536>& bytes, std::atomic<bool>& deaf) {
    from.async_read_some(
        boost::asio::buffer(bytes),
        [this, p, &from, &to, &bytes, &deaf](boost::system::error_code ec, std::size_t n) {
          if (ec) return p->close();
          if (deaf) return forward(p, from, to, bytes, deaf);
          boost::asio::async_write(
              to, boost::asio::buffer(bytes.data(), n),
              [this, p, &from, &to, &bytes, &deaf](boost::system::error_code e, std::size_t) {
                if (e) return p->close();
                forward(p, from, to, bytes, deaf);
              });
        });
  }

  const std::uint16_t port_;
  std::atomic<bool> lose_requests_{false};
  std::atomic<bool> lose_answers_{false};
  boost::asio::io_context io_;
  const boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  tcp::acceptor acceptor_;
  std::list<std::weak_ptr<pair>> pairs_;
  std::thread thread_;
};

}  // namespace ssdfs::test
