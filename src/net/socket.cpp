#include "net/socket.hpp"

#include "net/address.hpp"

namespace ssdfs::net {

std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint) {
  namespace ip = boost::asio::ip;
  ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  return format_host_port({address.to_string(), endpoint.port()});
}

}  // namespace ssdfs::net
