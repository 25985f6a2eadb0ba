// What server and channel do alike with a TCP socket.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <string>

namespace ssdfs::net {

/// Options of every connection: no Nagle (frames are coalesced by us), non-blocking. The sizes of
/// the kernel's buffers are left to its autotuning, which setting them would switch off.
template <class Socket>
boost::system::error_code prepare_socket(Socket& socket) {
  boost::system::error_code ec;
  socket.non_blocking(true, ec);
  if (!ec) socket.set_option(boost::asio::ip::tcp::no_delay(true), ec);
  return ec;
}

/// "HOST:PORT"; an IPv4 address that came in through an IPv6 listener is shown as IPv4.
[[nodiscard]] std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace ssdfs::net
