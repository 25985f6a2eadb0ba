// A client of the HTTP server that says what no library would say.
#pragma once

#include "net/address.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <sys/time.h>

#include <string>

namespace ssdfs::http::test_support {

/// A connection whose calls block, receiving for at most 20 seconds a step. For one thread.
class raw_caller {
 public:
  explicit raw_caller(const std::string& address) : socket_(io_) {
    const auto at = net::parse_host_port(address);
    boost::asio::ip::tcp::resolver resolver(io_);
    boost::asio::connect(socket_, resolver.resolve(at->host, std::to_string(at->port)));
    const timeval limit{20, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  void send(const std::string& text) { boost::asio::write(socket_, boost::asio::buffer(text)); }
  /// As far as the server takes it.
  void send_some(const std::string& text) {
    boost::system::error_code closed_on_us;
    boost::asio::write(socket_, boost::asio::buffer(text), closed_on_us);
  }

 protected:
  [[nodiscard]] boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
};

}  // namespace ssdfs::http::test_support
