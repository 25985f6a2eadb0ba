// A client that says whatever a test wants, byte by byte.
#pragma once

#include "net/address.hpp"
#include "wire/codec.hpp"
#include "wire/common_messages.hpp"
#include "wire/frame.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>
#include <sys/time.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ssdfs::test {

/// A frame as bytes.
template <class Message>
std::vector<std::byte> frame_bytes(const Message& message, std::uint64_t id,
                                   const cluster_id& cluster, std::string_view body = {}) {
  std::vector<std::byte> out(wire::frame_header_size);
  wire::encode(message, out);
  wire::frame_header h;
  h.opcode = static_cast<std::uint16_t>(Message::code);
  h.request_id = id;
  h.cluster = cluster;
  h.message_length = static_cast<std::uint32_t>(out.size() - wire::frame_header_size);
  h.body_length = static_cast<std::uint32_t>(body.size());
  wire::encode_header(h, bytes_view(out).subspan(wire::frame_header_size), out.data());
  const bytes_view b = as_bytes(body);
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

/// Blocking; a read waits at most ten seconds.
class raw_client {
 public:
  struct answer {
    wire::frame_header header;
    std::vector<std::byte> message;
    std::vector<std::byte> body;
    [[nodiscard]] wire::error_reply error() const {
      wire::error_reply e;
      return wire::decode(message, e) ? e : wire::error_reply{.detail = "malformed"};
    }
  };

  /// `receive_buffer` limits the kernel's, if not 0.
  explicit raw_client(const std::string& address, int receive_buffer = 0) {
    const auto where = net::parse_host_port(address).value();
    const boost::asio::ip::tcp::endpoint to(boost::asio::ip::make_address(where.host), where.port);
    socket_.open(to.protocol());
    if (receive_buffer > 0) {
      socket_.set_option(boost::asio::socket_base::receive_buffer_size(receive_buffer));
    }
    socket_.connect(to);
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
    const timeval limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  /// False if the server has closed the connection.
  bool send(bytes_view data) {
    boost::system::error_code ec;
    boost::asio::write(socket_, boost::asio::buffer(data.data(), data.size()), ec);
    return !ec;
  }
  template <class Message>
  bool send(const Message& m, std::uint64_t id, const cluster_id& cluster,
            std::string_view body = {}) {
    return send(frame_bytes(m, id, cluster, body));
  }

  /// Shakes hands; returns the server's cluster.
  cluster_id greet() {
    send(wire::hello_request{}, 0, cluster_id{});
    const auto got = receive();
    wire::hello_reply says;
    if (!got || got->header.status != 0 || !wire::decode(got->message, says)) {
      throw std::runtime_error("no handshake");
    }
    return says.cluster;
  }

  /// Nothing if the connection ends instead.
  std::optional<answer> receive() {
    for (;;) {
      const wire::decode_result r = wire::decode_frame(bytes_view(in_));
      if (r.status == wire::decode_status::complete) {
        answer out{r.frame.header,
                   {r.frame.message.begin(), r.frame.message.end()},
                   {r.frame.body.begin(), r.frame.body.end()}};
        in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(r.length));
        return out;
      }
      if (r.status != wire::decode_status::incomplete || !more()) return std::nullopt;
    }
  }
  /// Everything up to the end of the connection.
  std::string receive_all() {
    while (more()) {
    }
    return std::string(as_chars(in_));
  }
  /// True if the server closes the connection without sending anything.
  bool closed_silently() { return receive_all().empty(); }

 private:
  bool more() {
    std::byte chunk[65536];
    const ssize_t n = ::recv(socket_.native_handle(), chunk, sizeof chunk, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      throw std::runtime_error("the server neither answers nor closes");
    }
    if (n <= 0) return false;
    in_.insert(in_.end(), chunk, chunk + n);
    return true;
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_{io_};
  std::vector<std::byte> in_;
};

}  // namespace ssdfs::test
