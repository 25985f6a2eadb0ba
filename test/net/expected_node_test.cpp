// Who answers at an address: a caller that expects a node talks to no other.
#include "net/channel_scene.hpp"
#include "net/socket.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <thread>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::net;
using test::echo_fixture;
using test::quick;
using test::raw_client;

namespace {

// An echo server that says to be a certain node.
struct node_server : echo_fixture {
  explicit node_server(node_id who) : id(who) {
    service.on_hello = [this](const wire::hello_request& h) -> result<wire::hello_reply> {
      expected = h.expected;
      wire::hello_reply says;
      says.role = wire::peer_role::datanode;
      says.cluster = service.cluster;
      says.node = id;
      return says;
    };
  }
  node_id id;
  node_id expected;  // what the last caller has said
};

node_id some_node() { return node_id(io::random_uuid()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(expected_node)

BOOST_AUTO_TEST_CASE(the_node_that_is_expected_is_talked_to) {
  node_server f(some_node());
  auto options = quick();
  options.hello.expected = f.id;
  const auto c = f.connect(std::move(options));
  BOOST_TEST(f.echo(*c, 1).has_value());
  BOOST_TEST((f.expected == f.id));
}

BOOST_AUTO_TEST_CASE(another_node_at_the_address_gets_no_request) {
  node_server f(some_node());
  const node_id wanted = some_node();
  auto options = quick();
  options.hello.expected = wanted;
  const auto c = f.connect(std::move(options));
  const auto answer = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(answer.has_error());
  BOOST_TEST((answer.error() == errc::wrong_node));
  for (const node_id n : {f.id, wanted}) {
    BOOST_TEST(answer.error().message().find(to_string(n)) != std::string::npos,
               answer.error().message());
  }
  BOOST_TEST(f.service.handled == 0U);
  BOOST_TEST(test::eventually([&] { return f.service.ended == f.service.greeted; }));
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_compare_is_found_out_by_the_caller) {
  using boost::asio::ip::tcp;
  boost::asio::io_context io;
  tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  const node_id other = some_node();
  std::thread server([&] {
    tcp::socket peer = acceptor.accept();
    std::array<std::byte, 4096> room{};
    peer.read_some(boost::asio::buffer(room));
    wire::hello_reply says;
    says.protocol = wire::protocol_max;
    says.node = other;
    std::vector<std::byte> out(wire::frame_header_size);
    wire::encode(says, out);
    wire::frame_header h;
    h.flags = wire::flag_reply;
    h.opcode = static_cast<std::uint16_t>(wire::opcode::hello);
    h.message_length = static_cast<std::uint32_t>(out.size() - wire::frame_header_size);
    wire::encode_header(h, bytes_view(out).subspan(wire::frame_header_size), out.data());
    boost::asio::write(peer, boost::asio::buffer(out));
    boost::system::error_code closed;
    peer.read_some(boost::asio::buffer(room), closed);
    BOOST_TEST(closed.failed());  // no request came
  });
  test::io_threads callers(1);
  auto options = quick();
  options.connect_timeout_ms = 10'000;
  options.hello.expected = some_node();
  const auto c = channel::make(callers.context().get_executor(),
                               endpoint_text(acceptor.local_endpoint()), std::move(options));
  const auto answer = echo_fixture::echo(*c, 1);
  server.join();
  BOOST_TEST_REQUIRE(answer.has_error());
  BOOST_TEST((answer.error() == errc::wrong_node));
}

BOOST_AUTO_TEST_CASE(a_pool_keeps_the_nodes_of_one_address_apart) {
  node_server f(some_node());
  channel_pool pool(f.io.context().get_executor(), quick());
  const auto right = pool.get(f.server->address(), f.id);
  const auto wrong = pool.get(f.server->address(), some_node());
  const auto anyone = pool.get(f.server->address());
  BOOST_TEST(right != wrong);
  BOOST_TEST((f.echo(*wrong, 1).error() == errc::wrong_node));
  BOOST_TEST(f.echo(*right, 1).has_value());
  BOOST_TEST(f.echo(*anyone, 1).has_value());
  BOOST_TEST(pool.get(f.server->address(), f.id) == right);
  pool.stop();
}

BOOST_AUTO_TEST_SUITE_END()
