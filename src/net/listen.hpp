// Sockets that listen on every address that a text stands for.
#pragma once

#include "base/result.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <vector>

namespace ssdfs::net {

/// Owns a listening socket until a server's acceptor takes it.
class listening_socket {
 public:
  listening_socket(int descriptor, const boost::asio::ip::tcp::endpoint& at) noexcept
      : descriptor_(descriptor), at_(at) {}
  listening_socket(listening_socket&& other) noexcept;
  listening_socket& operator=(listening_socket&& other) noexcept;
  ~listening_socket();

  /// The bound address, with the real port.
  [[nodiscard]] const boost::asio::ip::tcp::endpoint& endpoint() const noexcept { return at_; }
  /// Gives the descriptor away; once.
  [[nodiscard]] int release() noexcept;

 private:
  int descriptor_;
  boost::asio::ip::tcp::endpoint at_;
};

/// Opens "HOST:PORT": one socket for each address of the host's name, all with one port (a free one
/// if it is 0); ":PORT" and "*:PORT" are one socket for every address of the machine. Addresses
/// that this machine does not have are left out, as long as one is there. Blocks to resolve names.
/// errc::invalid_argument for a malformed text, errc::io with the reason.
[[nodiscard]] result<std::vector<listening_socket>> listen_everywhere(const std::string& text);

/// How the first of them is told to programs that connect from this machine: "0.0.0.0:PORT" if it
/// takes connections to every address.
[[nodiscard]] std::string listening_text(const boost::asio::ip::tcp::endpoint& bound);

/// From now on the system does not answer those who ask the listening socket for a connection,
/// until it is closed; connections that it has made already can still be accepted. Whoever closes
/// the socket calls this first and accepts what is there: a connection that is made between the
/// last accept and the close would be reset, and its owner could not tell whether a request that it
/// has sent was heard. Who is not answered asks again, after about a second, and is refused then.
void stop_making_connections(int listening) noexcept;

}  // namespace ssdfs::net
