// A channel and a server over real sockets.
#include "net/channel.hpp"
#include "net/server.hpp"
#include "net/test_service.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

using namespace ssdfs;
using namespace ssdfs::net;

BOOST_AUTO_TEST_SUITE(echo)

BOOST_AUTO_TEST_CASE(a_request_is_answered_with_message_and_body) {
  test::echo_fixture f;
  const auto c = f.connect();
  const std::string text(5000, 'x');
  const auto got = f.echo(*c, 7, text);
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(got->message.chunk_size == 7U);
  BOOST_TEST(as_chars(got->body) == text);
  BOOST_TEST(to_string(c->server().cluster) == to_string(f.service.cluster));
}

BOOST_AUTO_TEST_CASE(many_requests_in_flight_keep_their_answers_apart) {
  test::echo_fixture f;
  const auto c = f.connect();
  constexpr std::uint32_t count = 5000;
  const std::string text(4096, 'y');
  std::atomic<std::uint32_t> right{0};
  std::atomic<std::uint32_t> done{0};
  std::promise<void> all;
  for (std::uint32_t i = 0; i < count; ++i) {
    c->call(test::echo_request(i), {.body = {as_bytes(text).first(i % 4096), {}}},
            [&, i](result<response<wire::read_chunk_reply>> r) {
              if (r && r->message.chunk_size == i && r->body.size() == i % 4096) ++right;
              if (++done == count) all.set_value();
            });
  }
  BOOST_TEST_REQUIRE(
      (all.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready));
  BOOST_TEST(right == count);
  BOOST_TEST(c->in_flight() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
