// The calling side when connections fail: loss and reconnect, back-off, stop, limits, pools.
#include "net/channel_scene.hpp"
#include "net/socket.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>
#include <thread>

using namespace ssdfs;
using namespace ssdfs::net;
using test::dead_address;
using test::echo_answer;
using test::echo_fixture;
using test::pending_call;
using test::quick;
using test::shelf;

BOOST_AUTO_TEST_SUITE(channel_losses)

BOOST_AUTO_TEST_CASE(nobody_listening_fails_and_then_fails_at_once) {
  test::io_threads io;
  auto o = quick();
  o.backoff_min_ms = o.backoff_max_ms = 60000;
  const auto c = channel::make(io.context().get_executor(), dead_address(), o);
  pending_call first;
  first.start(*c);
  BOOST_TEST((first.failure_code() == errc::connection));
  const std::int64_t before = io::steady_ms();
  pending_call second;
  second.start(*c);
  BOOST_TEST(second.id == 0U);
  BOOST_TEST((second.failure_code() == errc::connection));
  BOOST_TEST(io::steady_ms() - before < 1000);
}

BOOST_AUTO_TEST_CASE(a_port_that_refuses_is_told_from_a_server_that_says_nothing_or_goes) {
  test::io_threads io;
  auto o = quick();
  const auto nobody = channel::make(io.context().get_executor(), dead_address(), o);
  BOOST_TEST(!nobody->refused());
  pending_call at_nobody;
  at_nobody.start(*nobody);
  BOOST_TEST((at_nobody.failure_code() == errc::connection));
  BOOST_TEST(nobody->refused());

  auto f = std::make_unique<echo_fixture>();
  const std::string address = f->server->address();
  const auto c = channel::make(io.context().get_executor(), address, o);
  pending_call answered;
  answered.start(*c);
  BOOST_TEST((answered.failure_code() == errc{}));
  BOOST_TEST(!c->refused());
  f.reset();
  // Calls that find the connection closed say nothing about the port; then it refuses.
  for (int i = 0; i < 500 && !c->refused(); ++i) {
    pending_call again;
    again.start(*c);
    BOOST_TEST((again.failure_code() == errc::connection));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  BOOST_TEST(c->refused());

  // A listener that accepts and says nothing.
  boost::asio::ip::tcp::acceptor mute(io.context(), {boost::asio::ip::address_v4::loopback(), 0});
  o.connect_timeout_ms = 200;
  const auto waits =
      channel::make(io.context().get_executor(), endpoint_text(mute.local_endpoint()), o);
  pending_call in_vain;
  in_vain.start(*waits);
  BOOST_TEST((in_vain.failure_code() != errc{}));
  BOOST_TEST(!waits->refused());
}

BOOST_AUTO_TEST_CASE(a_restarted_server_is_found_again) {
  auto f = std::make_unique<echo_fixture>();
  const std::string address = f->server->address();
  test::io_threads io;
  const auto c = channel::make(io.context().get_executor(), address, quick());
  BOOST_TEST(echo_fixture::echo(*c, 1).has_value());
  f->server->stop();
  BOOST_TEST(echo_fixture::echo(*c, 1).has_error());

  server_options o;
  o.listen = address;
  auto again = server::listen(f->io.context(), f->service, o);
  BOOST_TEST_REQUIRE(again.has_value());
  f->server = std::move(*again);
  f->server->start();
  BOOST_TEST(test::eventually([&] { return echo_fixture::echo(*c, 1).has_value(); }));
}

BOOST_AUTO_TEST_CASE(a_channel_that_is_kept_connected_comes_back_by_itself) {
  auto f = std::make_unique<echo_fixture>();
  const std::string address = f->server->address();
  auto o = quick();
  o.keep_connected = true;
  test::io_threads io;
  const auto c = channel::make(io.context().get_executor(), address, o);
  BOOST_TEST(echo_fixture::echo(*c, 1).has_value());
  f->server->stop();
  const int opened = f->service.greeted;
  auto again = server::listen(f->io.context(), f->service, {.listen = address});
  BOOST_TEST_REQUIRE(again.has_value());
  f->server = std::move(*again);
  f->server->start();
  BOOST_TEST(test::eventually([&] { return f->service.greeted > opened; }));
}

BOOST_AUTO_TEST_CASE(a_lost_connection_fails_what_is_in_flight) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect(quick());
  std::vector<std::unique_ptr<pending_call>> calls;
  for (int i = 0; i < 20; ++i) calls.emplace_back(std::make_unique<pending_call>())->start(*c);
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == 20; }));
  {
    const std::lock_guard lock(waiting.mutex);
    waiting.kept[7].from().close();
  }
  for (auto& call : calls) BOOST_TEST((call->failure_code() == errc::connection));
  BOOST_TEST(c->in_flight() == 0U);
  waiting.clear();  // to a connection that is gone: nothing happens
  BOOST_TEST(test::eventually([&] { return f.service.ended == 1; }));
  BOOST_TEST(test::eventually([&] { return f.echo(*c, 1).has_value(); }));
}

BOOST_AUTO_TEST_CASE(a_server_of_another_cluster_is_named) {
  echo_fixture f;
  auto o = quick();
  o.hello.cluster = cluster_id(io::random_uuid());
  const auto c = f.connect(o);
  const auto got = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::wrong_cluster));
  BOOST_TEST(got.error().detail.find(to_string(f.service.cluster)) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_does_not_speak_the_protocol_is_said_so) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  std::thread stranger([&] {
    auto s = acceptor.accept();
    boost::asio::write(s, boost::asio::buffer(std::string("220 mail.example.org ESMTP\r\n")));
    boost::system::error_code ignored;
    char got[1000];
    while (!ignored) s.read_some(boost::asio::buffer(got), ignored);
  });
  test::io_threads threads;
  const auto c =
      channel::make(threads.context().get_executor(),
                    "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()), quick());
  const auto got = echo_fixture::echo(*c, 1);
  stranger.join();
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::connection));
  BOOST_TEST(got.error().detail.find("not an SSDFS server") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_server_that_accepts_but_never_answers_times_out) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  test::io_threads threads;
  const auto c =
      channel::make(threads.context().get_executor(),
                    "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()), quick());
  const auto got = echo_fixture::echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::connection));
}

BOOST_AUTO_TEST_CASE(keep_alive_holds_a_connection_and_notices_a_dead_one) {
  server_options so;
  so.idle_timeout_ms = 150;
  echo_fixture f(so);
  auto o = quick();
  o.ping_interval_ms = 30;
  const auto c = f.connect(o);
  BOOST_TEST(f.echo(*c, 1).has_value());
  // A call that takes far longer than the idle limit: only pings keep the connection.
  shelf waiting;
  f.service.on_request = waiting.keeper();
  pending_call slow;
  slow.start(*c);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  BOOST_TEST(f.service.ended == 0);
  waiting.answer_all();
  BOOST_TEST(slow.future.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_peer_that_stops_answering_pings_is_given_up) {
  // A server that shakes hands and then falls silent without closing.
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  std::thread silent([&] {
    auto s = acceptor.accept();
    wire::hello_reply says;
    says.protocol = 1;
    std::vector<std::byte> reply(wire::frame_header_size);
    wire::encode(says, reply);
    wire::frame_header h;
    h.opcode = static_cast<std::uint16_t>(wire::opcode::hello);
    h.flags = wire::flag_reply;
    h.message_length = static_cast<std::uint32_t>(reply.size() - wire::frame_header_size);
    wire::encode_header(h, bytes_view(reply).subspan(wire::frame_header_size), reply.data());
    boost::asio::write(s, boost::asio::buffer(reply));
    boost::system::error_code end;
    char got[1000];
    while (!end) s.read_some(boost::asio::buffer(got), end);
  });
  test::io_threads threads;
  auto o = quick();
  o.ping_interval_ms = 50;
  const auto c = channel::make(threads.context().get_executor(),
                               "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()), o);
  pending_call call;
  call.start(*c);
  BOOST_TEST((call.failure_code() == errc::connection));
  silent.join();
}

BOOST_AUTO_TEST_CASE(stop_fails_everything_and_later_calls) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  pending_call before;
  before.start(*c);
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == 1; }));
  c->stop();
  BOOST_TEST((before.failure_code() == errc::aborted));
  pending_call after;
  after.start(*c);
  BOOST_TEST((after.failure_code() == errc::aborted));
  BOOST_TEST(after.id == 0U);
  BOOST_TEST(test::eventually([&] { return f.service.ended == 1; }));
}

BOOST_AUTO_TEST_CASE(dropping_the_channel_stops_it) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  auto c = f.connect();
  pending_call call;
  call.start(*c);
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == 1; }));
  c.reset();
  BOOST_TEST((call.failure_code() == errc::aborted));
  BOOST_TEST(test::eventually([&] { return f.service.ended == 1; }));
}

BOOST_AUTO_TEST_CASE(too_much_unsent_is_refused_as_busy) {
  echo_fixture f;
  auto o = echo_fixture::channel_defaults();
  o.unsent_bytes = 1U << 20;
  const auto c = f.connect(o);
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const std::string body(1U << 20, 'b');
  std::atomic<int> busy{0};
  std::atomic<int> done{0};
  // Faster than any handshake: the first two fit, the rest is refused.
  for (int i = 0; i < 64; ++i) {
    c->call(test::echo_request(1), {.timeout_ms = 300, .body = {as_bytes(body), {}}},
            [&](echo_answer a) {
              if (!a && a.error() == errc::busy) ++busy;
              ++done;
            });
  }
  BOOST_TEST(test::eventually([&] { return done == 64; }));
  BOOST_TEST(busy > 0);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_a_frame_is_refused) {
  echo_fixture f;
  const auto c = f.connect();
  const std::string body(wire::max_body + 1, 'b');
  pending_call call;
  call.start(*c, {.body = {as_bytes(body), {}}});
  BOOST_TEST((call.failure_code() == errc::too_large));
  pending_call exact;
  exact.start(*c, {.body = {as_bytes(body).first(wire::max_body), {}}});
  BOOST_TEST(exact.future.get().has_value());
}

BOOST_AUTO_TEST_CASE(two_body_parts_arrive_as_one) {
  echo_fixture f;
  const auto c = f.connect();
  for (const auto& [first, second] : {std::pair<std::size_t, std::size_t>{100, 5000},
                                      {5000, 100},
                                      {100, 100},
                                      {5000, 5000},
                                      {0, 700}}) {
    const std::string a(first, 'a');
    const std::string b(second, 'b');
    pending_call call;
    call.start(*c, {.body = {as_bytes(a), {}}, .body_more = {as_bytes(b), {}}});
    const auto got = call.future.get();
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(as_chars(got->body) == a + b);
  }
}

BOOST_AUTO_TEST_CASE(any_completion_token_works) {
  echo_fixture f;
  const auto c = f.connect();
  auto future = c->async_call(test::echo_request(9), {}, boost::asio::use_future([](echo_answer a) {
                                return a ? a->message.chunk_size : 0U;
                              }));
  BOOST_TEST(future.get() == 9U);
}

BOOST_AUTO_TEST_CASE(a_pool_opens_further_connections_only_while_others_are_busy) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  channel_pool pool(f.io.context().get_executor(), echo_fixture::channel_defaults(), 3);
  const std::string address = f.server->address();
  BOOST_TEST((pool.get(address) == pool.get(address)));
  std::vector<std::unique_ptr<pending_call>> calls;
  std::set<channel*> used;
  for (int i = 0; i < 9; ++i) {
    const auto c = pool.get(address);
    used.insert(c.get());
    calls.emplace_back(std::make_unique<pending_call>())->start(*c);
  }
  BOOST_TEST(used.size() == 3U);
  for (channel* c : used) BOOST_TEST(c->in_flight() == 3U);
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == 9; }));
  pool.stop();
  for (auto& call : calls) BOOST_TEST((call->failure_code() == errc::aborted));
  pending_call late;
  const auto stopped = pool.get("127.0.0.1:1");
  late.start(*stopped);
  BOOST_TEST((late.failure_code() == errc::aborted));
}

BOOST_AUTO_TEST_CASE(a_pool_returns_to_the_first_channel_when_its_calls_are_answered) {
  echo_fixture f;
  channel_pool pool(f.io.context().get_executor(), echo_fixture::channel_defaults(), 3);
  const auto all = pool.all(f.server->address());
  BOOST_TEST_REQUIRE(all.size() == 3U);
  BOOST_TEST((pool.all(f.server->address()) == all));
  for (int i = 0; i < 5; ++i) {
    const auto c = pool.get(f.server->address());
    BOOST_TEST((c == all[0]));
    pending_call call;
    call.start(*c);
    BOOST_TEST(call.future.get().has_value());
  }
  shelf waiting;
  f.service.on_request = waiting.keeper();
  pending_call busy;
  busy.start(*all[0]);
  BOOST_TEST((pool.get(f.server->address()) == all[1]));
  pool.stop();
  BOOST_TEST((busy.failure_code() == errc::aborted));
}

BOOST_AUTO_TEST_SUITE_END()
