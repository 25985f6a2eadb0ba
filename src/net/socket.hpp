// What server and channel do alike with a TCP socket.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <string>

namespace ssdfs::net {

/// On a connection between two programs of one machine: replaces a congestion control that paces
/// what it sends (BBR) by one that does not. There is no network whose queues pacing would spare;
/// its timers cost as much as the copying and hold a stream to a fraction of the memory's speed.
/// Connections that leave the machine keep what its administrator chose. Failures are ignored.
void do_not_pace_within_machine(int socket) noexcept;

/// Options of every connection: no Nagle (frames are coalesced by us), non-blocking. The sizes of
/// the kernel's buffers are left to its autotuning, which setting them would switch off.
template <class Socket>
boost::system::error_code prepare_socket(Socket& socket) {
  boost::system::error_code ec;
  socket.non_blocking(true, ec);
  if (!ec) socket.set_option(boost::asio::ip::tcp::no_delay(true), ec);
  if (!ec) do_not_pace_within_machine(socket.native_handle());
  return ec;
}

/// "HOST:PORT"; an IPv4 address that came in through an IPv6 listener is shown as IPv4.
[[nodiscard]] std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace ssdfs::net
