#include "net/listen.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <future>
#include <string>

using boost::asio::ip::tcp;
using boost::system::error_code;

BOOST_AUTO_TEST_SUITE(listening)

BOOST_AUTO_TEST_CASE(who_asks_between_the_last_accept_and_the_close_is_refused_and_not_reset) {
  boost::asio::io_context io;
  tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  const tcp::endpoint at = acceptor.local_endpoint();
  tcp::socket early(io);
  early.connect(at);
  ssdfs::net::stop_making_connections(acceptor.native_handle());
  auto late = std::async(std::launch::async, [at] {
    boost::asio::io_context own;
    tcp::socket socket(own);
    error_code ec;
    socket.connect(at, ec);
    return ec;
  });
  // The one that was there is accepted, and what it says is heard.
  tcp::socket accepted = acceptor.accept();
  const std::string word = "hello";
  boost::asio::write(early, boost::asio::buffer(word));
  std::string heard(word.size(), ' ');
  boost::asio::read(accepted, boost::asio::buffer(heard));
  BOOST_TEST(heard == word);
  // The other is not there yet, however long one waits.
  acceptor.non_blocking(true);
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST((late.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout));
    tcp::socket none(io);
    error_code ec;
    acceptor.accept(none, ec);
    BOOST_TEST(ec == boost::asio::error::would_block);
  }
  acceptor.close();
  BOOST_TEST(late.get() == boost::asio::error::connection_refused);
}

BOOST_AUTO_TEST_SUITE_END()
