#include "net/socket.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <string>

using boost::asio::ip::tcp;

namespace {

std::string congestion_control(tcp::socket& of) {
  std::array<char, 16> name{};
  socklen_t length = name.size();
  BOOST_TEST_REQUIRE(
      ::getsockopt(of.native_handle(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) == 0);
  return name.data();
}

bool choose(tcp::socket& at, const std::string& name) {
  return ::setsockopt(at.native_handle(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                      static_cast<socklen_t>(name.size())) == 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sockets)

BOOST_AUTO_TEST_CASE(connections_within_the_machine_are_not_paced) {
  boost::asio::io_context io;
  tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  tcp::socket client(io);
  client.connect(acceptor.local_endpoint());
  tcp::socket server = acceptor.accept();
  // Whatever the machine's default is; where it knows BBR and allows it, that.
  static_cast<void>(choose(client, "bbr"));
  for (tcp::socket* s : {&client, &server}) {
    BOOST_TEST(!ssdfs::net::prepare_socket(*s));
    BOOST_TEST(congestion_control(*s) != "bbr");
  }
}

BOOST_AUTO_TEST_CASE(another_choice_of_the_administrator_stays) {
  boost::asio::io_context io;
  tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  tcp::socket client(io);
  client.connect(acceptor.local_endpoint());
  BOOST_TEST_REQUIRE(choose(client, "reno"));
  BOOST_TEST(!ssdfs::net::prepare_socket(client));
  BOOST_TEST(congestion_control(client) == "reno");
}

BOOST_AUTO_TEST_SUITE_END()
