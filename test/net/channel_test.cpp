// The calling side: deadlines, cancellation, loss and reconnect, back-off, stop.
#include "net/raw_client.hpp"
#include "net/test_service.hpp"

#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <set>

using namespace ssdfs;
using namespace ssdfs::net;
using test::echo_answer;
using test::echo_fixture;

namespace {

// Keeps requests instead of answering them.
struct shelf {
  std::mutex mutex;
  std::vector<request> kept;
  std::function<void(request)> keeper() {
    return [this](request r) {
      const std::lock_guard lock(mutex);
      kept.push_back(std::move(r));
    };
  }
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return kept.size();
  }
  void answer_all() {
    const std::lock_guard lock(mutex);
    for (request& r : kept) test::echo_service::echo(std::move(r));
    kept.clear();
  }
};

struct pending_call {
  std::promise<echo_answer> promise;
  std::future<echo_answer> future = promise.get_future();
  std::atomic<int> called{0};
  std::uint64_t id = 0;

  void start(channel& c, call_options o = {}, std::uint32_t number = 1) {
    id = c.call(test::echo_request(number), std::move(o), [this](echo_answer a) {
      if (++called == 1) promise.set_value(std::move(a));
    });
  }
  errc failure_code() {
    const auto got = future.get();
    if (got) return errc{};
    return static_cast<errc>(got.error().code.value());
  }
};

channel_options quick() {
  auto o = echo_fixture::channel_defaults();
  o.connect_timeout_ms = 300;
  o.backoff_min_ms = 60;
  o.backoff_max_ms = 200;
  return o;
}

// A port that nobody listens on.
std::string dead_address() {
  test::io_threads io;
  test::echo_service service;
  auto s = server::listen(io.context(), service, {.listen = "127.0.0.1:0"});
  return (*s)->address();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(channels)

BOOST_AUTO_TEST_CASE(requests_arrive_in_the_order_of_the_calls) {
  echo_fixture f;
  std::vector<std::uint32_t> order;  // one connection: its calls never overlap
  f.service.on_request = [&](request r) {
    wire::read_chunk_request asked;
    if (r.decode(asked)) order.push_back(asked.length);
    test::echo_service::echo(std::move(r));
  };
  const auto c = f.connect();
  std::vector<std::uint32_t> expected;
  std::vector<std::uint32_t> answered;
  std::promise<void> all;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    expected.push_back(i);
    c->call(test::echo_request(i), {}, [&](echo_answer a) {
      if (a) answered.push_back(a->message.chunk_size);
      if (answered.size() == 2000) all.set_value();
    });
  }
  all.get_future().get();
  BOOST_TEST(order == expected, boost::test_tools::per_element());
  BOOST_TEST(answered == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_is_given_up_a_slow_one_is_not) {
  test::io_threads servers(1);
  test::io_threads callers(1);
  test::echo_service service;
  auto server = server::listen(servers.context(), service, {.listen = "127.0.0.1:0"}).value();
  server->start();
  auto options = quick();
  options.silence_ms = 200;
  const auto c =
      channel::make(callers.context().get_executor(), server->address(), std::move(options));
  pending_call first;
  first.start(*c);
  BOOST_TEST((first.failure_code() == errc{}));

  // Slow: pings are answered, so the call may take its time.
  shelf waiting;
  service.on_request = waiting.keeper();
  pending_call slow;
  slow.start(*c);
  BOOST_TEST((slow.future.wait_for(std::chrono::milliseconds(700)) == std::future_status::timeout));
  waiting.answer_all();
  BOOST_TEST((slow.failure_code() == errc{}));

  // Hanging: the server's one thread is stuck, nothing is answered at all.
  std::promise<void> go_on;
  service.on_request = [stuck = go_on.get_future().share()](request r) {
    stuck.wait();
    test::echo_service::echo(std::move(r));
  };
  const std::int64_t began = io::steady_ms();
  std::array<pending_call, 3> hung;
  for (pending_call& h : hung) h.start(*c, {.timeout_ms = 20'000});
  for (pending_call& h : hung) BOOST_TEST((h.failure_code() == errc::connection));
  BOOST_TEST(io::steady_ms() - began >= 190);
  BOOST_TEST(io::steady_ms() - began < 5000);
  // It still accepts connections, but does not say hello: no longer a wait than that.
  pending_call again;
  std::this_thread::sleep_for(std::chrono::milliseconds(250));  // longer than the longest back-off
  const std::int64_t began_again = io::steady_ms();
  again.start(*c, {.timeout_ms = 20'000});
  BOOST_TEST((again.failure_code() == errc::connection));
  BOOST_TEST(io::steady_ms() - began_again < 5000);
  go_on.set_value();
  server->stop();
}

BOOST_AUTO_TEST_CASE(a_server_that_is_too_busy_to_read_gives_signs_of_life) {
  net::server_options limits;
  limits.unanswered_requests = 4;
  echo_fixture f(limits);
  shelf waiting;
  f.service.on_request = waiting.keeper();
  auto options = quick();
  options.silence_ms = 800;
  const auto c = f.connect(std::move(options));
  std::array<pending_call, 20> calls;
  for (pending_call& call : calls) call.start(*c, {.timeout_ms = 20'000});
  BOOST_TEST(
      (calls[0].future.wait_for(std::chrono::milliseconds(2000)) == std::future_status::timeout));
  f.service.on_request = nullptr;
  waiting.answer_all();
  for (pending_call& call : calls) BOOST_TEST((call.failure_code() == errc{}));
}

BOOST_AUTO_TEST_CASE(a_link_that_answered_is_made_anew_at_once) {
  echo_fixture f;
  auto options = quick();
  options.backoff_min_ms = options.backoff_max_ms = 20'000;
  const auto c = f.connect(std::move(options));
  for (int i = 0; i < 3; ++i) {
    f.service.on_request = nullptr;
    BOOST_TEST_REQUIRE(f.echo(*c, 1).has_value());
    f.service.on_request = [](request r) { r.from().close(); };
    BOOST_TEST_REQUIRE(f.echo(*c, 1).has_error());
  }
}

BOOST_AUTO_TEST_CASE(the_callers_cluster_is_asked_for_at_each_connect) {
  echo_fixture f;
  std::vector<cluster_id> told;
  f.service.on_hello = [&](const wire::hello_request& h) -> result<wire::hello_reply> {
    told.push_back(h.cluster);
    wire::hello_reply says;
    says.role = wire::peer_role::datanode;
    says.cluster = f.service.cluster;
    return says;
  };
  std::atomic<bool> joined = false;
  auto options = quick();
  options.cluster = [&] { return joined ? f.service.cluster : cluster_id{}; };
  const auto c = f.connect(std::move(options));
  BOOST_TEST_REQUIRE(f.echo(*c, 1).has_value());
  joined = true;
  f.service.on_request = [](request r) { r.from().close(); };
  BOOST_TEST_REQUIRE(f.echo(*c, 1).has_error());
  f.service.on_request = nullptr;
  BOOST_TEST_REQUIRE(f.echo(*c, 1).has_value());
  BOOST_TEST_REQUIRE(told.size() == 2u);
  BOOST_TEST((told[0] == cluster_id{}));
  BOOST_TEST((told[1] == f.service.cluster));
}

BOOST_AUTO_TEST_CASE(an_error_answer_carries_code_detail_and_hint) {
  echo_fixture f;
  f.service.on_request = [](request r) {
    r.fail({errc::not_active, "another leads"}, "10.0.0.7:9600");
  };
  const auto c = f.connect();
  const auto got = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::not_active));
  BOOST_TEST(got.error().detail == "another leads");
  BOOST_TEST(got.error().hint == "10.0.0.7:9600");
}

BOOST_AUTO_TEST_CASE(errors_of_the_system_and_of_services_travel_as_errc) {
  echo_fixture f;
  f.service.on_request = [](request r) {
    r.fail(failure(boost::system::error_code(ENOSPC, boost::system::system_category()), "disk 3"));
  };
  const auto c = f.connect();
  auto got = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::io));
  BOOST_TEST(got.error().detail == "disk 3");

  f.service.on_request = [](request) {};  // dropped without an answer
  got = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::internal));
}

BOOST_AUTO_TEST_CASE(answers_may_come_from_any_thread_in_any_order) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  constexpr std::uint32_t count = 300;
  std::atomic<std::uint32_t> right{0};
  std::atomic<std::uint32_t> done{0};
  for (std::uint32_t i = 0; i < count; ++i) {
    c->call(test::echo_request(i), {}, [&, i](echo_answer a) {
      if (a && a->message.chunk_size == i) ++right;
      ++done;
    });
  }
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == count; }));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = static_cast<std::size_t>(t); i < count; i += 4) {
        request* r = nullptr;
        {
          const std::lock_guard lock(waiting.mutex);
          r = &waiting.kept[count - 1 - i];
        }
        test::echo_service::echo(std::move(*r));
      }
    });
  }
  for (auto& t : threads) t.join();
  BOOST_TEST(test::eventually([&] { return done == count; }));
  BOOST_TEST(right == count);
}

BOOST_AUTO_TEST_CASE(a_call_without_an_answer_times_out_and_the_late_answer_is_dropped) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  pending_call lost;
  pending_call patient;
  patient.start(*c, {.timeout_ms = 60000});
  lost.start(*c, {.timeout_ms = 50});
  BOOST_TEST((lost.failure_code() == errc::timed_out));
  BOOST_TEST(c->in_flight() == 1U);
  BOOST_TEST_REQUIRE(waiting.size() == 2U);
  waiting.answer_all();
  BOOST_TEST(patient.future.get().has_value());
  BOOST_TEST(lost.called == 1);
}

BOOST_AUTO_TEST_CASE(a_cancelled_call_is_told_so_once) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  pending_call call;
  call.start(*c);
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == 1; }));
  c->cancel(call.id);
  c->cancel(call.id);
  BOOST_TEST((call.failure_code() == errc::cancelled));
  waiting.answer_all();
  f.service.on_request = nullptr;
  BOOST_TEST(f.echo(*c, 3).has_value());
  BOOST_TEST(call.called == 1);
  c->cancel(0);
  c->cancel(12345678901234567890ULL);
}

BOOST_AUTO_TEST_CASE(a_borrowed_body_may_be_freed_when_its_call_has_ended) {
  // The server reads nothing, so bodies wait in the channel's output when their calls time out.
  server_options o;
  o.unanswered_requests = 1;
  echo_fixture f(o);
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  constexpr int count = 24;
  std::vector<std::unique_ptr<pending_call>> calls;
  for (int i = 0; i < count; ++i) {
    auto body = std::make_shared<std::string>(1U << 20, static_cast<char>('a' + i));
    auto& call = *calls.emplace_back(std::make_unique<pending_call>());
    call.id = c->call(test::echo_request(1),
                      {.timeout_ms = i < 3 ? 20000 : 30, .body = {as_bytes(*body), {}}},
                      [&call, body](echo_answer a) mutable {
                        body->assign(body->size(), '!');  // would be sent, were it still used
                        body.reset();
                        call.promise.set_value(std::move(a));
                      });
  }
  for (int i = 3; i < count; ++i) {
    BOOST_TEST((calls[static_cast<std::size_t>(i)]->failure_code() == errc::timed_out));
  }
  std::atomic<int> intact{0};
  std::atomic<int> seen{0};
  {
    const std::lock_guard lock(waiting.mutex);
    const auto check = [&](request r) {
      const std::string_view body = as_chars(r.body());
      if (body.find_first_not_of(body[0]) == std::string_view::npos && body[0] != '!') ++intact;
      ++seen;
      test::echo_service::echo(std::move(r));
    };
    f.service.on_request = check;
    for (request& r : waiting.kept) check(std::move(r));
    waiting.kept.clear();
  }
  BOOST_TEST(test::eventually([&] { return seen == count; }));
  BOOST_TEST(intact == count);
}

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
  const int opened = f->service.opened;
  auto again = server::listen(f->io.context(), f->service, {.listen = address});
  BOOST_TEST_REQUIRE(again.has_value());
  f->server = std::move(*again);
  f->server->start();
  BOOST_TEST(test::eventually([&] { return f->service.opened > opened; }));
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
  waiting.answer_all();  // to a connection that is gone: nothing happens
  BOOST_TEST(test::eventually([&] { return f.service.ended == 1; }));
  f.service.on_request = nullptr;
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
