// The HTTP server over real sockets: the health pages, what is refused and how, keep-alive,
// pipelining, and stopping in the middle of everything.
#include "http/server.hpp"

#include "http/caller.hpp"
#include "io/clock.hpp"
#include "util/io_threads.hpp"

#include <boost/asio/read.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace ssdfs::http {
namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;

class server_caller : public test_support::raw_caller {
 public:
  using raw_caller::raw_caller;

  http_response receive(bool head = false) {
    bhttp::response_parser<bhttp::string_body> parser;
    parser.skip(head);
    bhttp::read(socket(), buffer_, parser);
    return parser.release();
  }
  http_response ask(const std::string& method, const std::string& target) {
    send(method + " " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return receive(method == "HEAD");
  }
  /// True if the server has closed the connection and sent nothing more.
  bool closed() {
    char byte = 0;
    boost::system::error_code ec;
    const auto n = asio::read(socket(), asio::buffer(&byte, 1), ec);
    return n == 0 && (ec == asio::error::eof || ec == asio::error::connection_reset);
  }

 private:
  boost::beast::flat_buffer buffer_;
};

struct server_fixture {
  explicit server_fixture(std::size_t max_connections = 100) {
    auto bound = server::listen(threads.context(), "127.0.0.1:0", max_connections);
    BOOST_REQUIRE_MESSAGE(bound.has_value(), (bound ? std::string() : bound.error().message()));
    subject = std::move(*bound);
    route_health(*subject, [this] {
      const std::lock_guard lock(mutex);
      return not_ready;
    });
    subject->route("/echo", [](const http_request& request) {
      return text_response(request, bhttp::status::ok, std::string(request.target()),
                           "application/x-echo");
    });
    subject->start();
  }

  void set_reason(const std::string& reason) {
    const std::lock_guard lock(mutex);
    not_ready = reason;
  }

  test::io_threads threads;
  std::mutex mutex;
  std::string not_ready;  // guarded by mutex
  std::unique_ptr<server> subject;
};

int status_of(const http_response& response) { return static_cast<int>(response.result_int()); }

BOOST_AUTO_TEST_SUITE(http_server)

BOOST_FIXTURE_TEST_CASE(health_pages_tell_whether_it_lives_and_can_work, server_fixture) {
  server_caller c(subject->address());
  BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/healthz")), 200);
  auto ready = c.ask("GET", "/readyz");
  BOOST_CHECK_EQUAL(status_of(ready), 200);
  BOOST_CHECK_EQUAL(ready.body(), "ready\n");
  set_reason("no datanode is there");
  ready = c.ask("GET", "/readyz");
  BOOST_CHECK_EQUAL(status_of(ready), 503);
  BOOST_CHECK_EQUAL(ready.body(), "no datanode is there\n");
  BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/healthz")), 200);
}

BOOST_FIXTURE_TEST_CASE(head_is_get_without_the_body, server_fixture) {
  server_caller c(subject->address());
  const auto get = c.ask("GET", "/echo?q=1");
  BOOST_CHECK_EQUAL(get.body(), "/echo?q=1");
  const auto head = c.ask("HEAD", "/echo?q=1");
  BOOST_CHECK_EQUAL(status_of(head), 200);
  BOOST_CHECK_EQUAL(head.body(), "");
  BOOST_CHECK_EQUAL(head[bhttp::field::content_length], get[bhttp::field::content_length]);
  BOOST_CHECK_EQUAL(head[bhttp::field::content_type], "application/x-echo");
  // No stray body is taken for the next answer.
  BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/healthz")), 200);
}

BOOST_FIXTURE_TEST_CASE(unknown_paths_and_methods, server_fixture) {
  server_caller c(subject->address());
  BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/nowhere")), 404);
  BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/healthz/below")), 404);
  const auto refused = c.ask("DELETE", "/healthz");
  BOOST_CHECK_EQUAL(status_of(refused), 405);
  BOOST_CHECK_EQUAL(refused[bhttp::field::allow], "GET, HEAD");
  BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/healthz")), 200);  // the connection goes on
}

BOOST_FIXTURE_TEST_CASE(requests_sent_together_are_answered_in_order, server_fixture) {
  server_caller c(subject->address());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "GET /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  c.send(all);
  for (int i = 0; i < 50; ++i) {
    BOOST_CHECK_EQUAL(c.receive().body(), "/echo?" + std::to_string(i));
  }
}

BOOST_FIXTURE_TEST_CASE(a_request_may_arrive_in_pieces, server_fixture) {
  server_caller c(subject->address());
  for (const char* piece : {"GET /ec", "ho HTTP/1.1\r\nHo", "st: x\r\n\r", "\n"}) c.send(piece);
  BOOST_CHECK_EQUAL(c.receive().body(), "/echo");
}

BOOST_FIXTURE_TEST_CASE(connections_close_when_the_caller_wants_that, server_fixture) {
  server_caller modern(subject->address());
  modern.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  BOOST_CHECK_EQUAL(status_of(modern.receive()), 200);
  BOOST_CHECK(modern.closed());
  server_caller old(subject->address());
  old.send("GET /healthz HTTP/1.0\r\n\r\n");
  BOOST_CHECK_EQUAL(status_of(old.receive()), 200);
  BOOST_CHECK(old.closed());
}

BOOST_FIXTURE_TEST_CASE(what_is_too_long_or_not_http_is_answered_and_closed, server_fixture) {
  {
    server_caller c(subject->address());
    // More than the server reads before it answers: the answer must not be lost in a reset.
    c.send_some("GET /healthz HTTP/1.1\r\nX-Long: " + std::string(200'000, 'x') + "\r\n\r\n");
    BOOST_CHECK_EQUAL(status_of(c.receive()), 431);
    BOOST_CHECK(c.closed());
  }
  {
    server_caller c(subject->address());
    c.send_some("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" +
                std::string(2'000'000, 'x'));
    // Nobody reads a body of that length for a page that takes none.
    BOOST_CHECK_EQUAL(status_of(c.receive()), 405);
    BOOST_CHECK(c.closed());
  }
  {
    server_caller c(subject->address());
    c.send_some("\x01\x02\x03 nonsense\r\n\r\n");
    BOOST_CHECK_EQUAL(status_of(c.receive()), 400);
    BOOST_CHECK(c.closed());
  }
  server_caller c(subject->address());
  BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/healthz")), 200);
}

BOOST_AUTO_TEST_CASE(connections_are_limited_and_idle_ones_make_room) {
  server_fixture f(2);
  server_caller first(f.subject->address());
  BOOST_CHECK_EQUAL(status_of(first.ask("GET", "/healthz")), 200);
  server_caller second(f.subject->address());
  BOOST_CHECK_EQUAL(status_of(second.ask("GET", "/healthz")), 200);
  server_caller third(f.subject->address());
  BOOST_CHECK(third.closed());
  BOOST_CHECK(first.closed());  // had been idle for longest
  BOOST_CHECK_EQUAL(status_of(second.ask("GET", "/healthz")), 200);
  server_caller fourth(f.subject->address());
  BOOST_CHECK_EQUAL(status_of(fourth.ask("GET", "/healthz")), 200);
}

BOOST_FIXTURE_TEST_CASE(stop_closes_what_is_open_and_may_be_repeated, server_fixture) {
  server_caller idle(subject->address());
  BOOST_CHECK_EQUAL(status_of(idle.ask("GET", "/healthz")), 200);
  server_caller half(subject->address());
  half.send("GET /healthz HTTP/1.1\r\nHos");
  server_caller fresh(subject->address());
  const std::string address = subject->address();
  subject->stop();
  BOOST_CHECK(idle.closed());
  BOOST_CHECK(half.closed());
  BOOST_CHECK(fresh.closed());
  subject->stop();
  BOOST_CHECK_EQUAL(subject->address(), address);
  BOOST_CHECK_THROW(server_caller too_late(address), boost::system::system_error);
}

BOOST_AUTO_TEST_CASE(stopping_under_load_never_hangs) {
  for (int round = 0; round < 20; ++round) {
    server_fixture f;
    std::atomic<bool> end = false;
    std::thread load([&, address = f.subject->address()] {
      while (!end) {
        try {
          server_caller c(address);
          for (int i = 0; i < 3; ++i) c.ask("GET", "/healthz");
        } catch (const boost::system::system_error&) {
          return;  // stopped
        }
      }
    });
    server_caller c(f.subject->address());
    for (int i = 0; i < 5; ++i) BOOST_CHECK_EQUAL(status_of(c.ask("GET", "/healthz")), 200);
    f.subject->stop();
    end = true;
    load.join();
    BOOST_CHECK(c.closed());
  }
}

BOOST_FIXTURE_TEST_CASE(a_server_that_drains_answers_and_ends_each_connection, server_fixture) {
  const std::string address = subject->address();
  server_caller kept(address);
  BOOST_CHECK_EQUAL(status_of(kept.ask("GET", "/healthz")), 200);
  server_caller idle(address);
  BOOST_CHECK_EQUAL(status_of(idle.ask("GET", "/healthz")), 200);
  subject->begin_drain();
  const auto last = kept.ask("GET", "/echo");
  BOOST_CHECK_EQUAL(status_of(last), 200);
  BOOST_CHECK(!last.keep_alive());
  BOOST_CHECK(kept.closed());
  server_caller late(address);  // new ones are still taken
  const auto also_last = late.ask("GET", "/echo");
  BOOST_CHECK_EQUAL(status_of(also_last), 200);
  BOOST_CHECK(!also_last.keep_alive());
  BOOST_CHECK(late.closed());
  server_caller connected(address);
  subject->stop_listening();
  BOOST_CHECK_THROW(server_caller too_late(address), boost::system::system_error);
  BOOST_CHECK_EQUAL(status_of(connected.ask("GET", "/echo")), 200);
  subject->end_idle();
  BOOST_CHECK(idle.closed());
  subject->wait_until_quiet(io::steady_ms() + 20'000);
  subject->stop();
}

BOOST_FIXTURE_TEST_CASE(a_drain_waits_for_answers_that_have_begun, server_fixture) {
  exchange_ptr held;
  std::promise<void> asked;
  subject->route_prefix("/held", [&](const exchange_ptr& e) {
    held = e;
    asked.set_value();
  });
  server_caller c(subject->address());
  c.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  asked.get_future().wait();
  subject->begin_drain();
  subject->stop_listening();
  subject->end_idle();
  const std::int64_t begin = io::steady_ms();
  subject->wait_until_quiet(begin + 50);
  BOOST_CHECK_GE(io::steady_ms(), begin + 50);
  std::exchange(held, nullptr)->respond(200, "Content-Type: text/plain\r\n", "done");
  BOOST_CHECK_EQUAL(c.receive().body(), "done");
  BOOST_CHECK(c.closed());
  subject->wait_until_quiet(io::steady_ms() + 20'000);
  subject->stop();
}

BOOST_FIXTURE_TEST_CASE(what_was_sent_behind_the_last_answer_does_not_destroy_it, server_fixture) {
  subject->begin_drain();
  for (int i = 0; i < 20; ++i) {
    server_caller c(subject->address());
    std::string all;
    for (int n = 0; n < 200; ++n) all += "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
    c.send_some(all);
    const auto first = c.receive();
    BOOST_CHECK_EQUAL(first.body(), "/echo");
    BOOST_CHECK(!first.keep_alive());
    BOOST_CHECK(c.closed());
  }
}

BOOST_FIXTURE_TEST_CASE(a_port_in_use_is_refused_by_name, server_fixture) {
  const auto second = server::listen(threads.context(), subject->address());
  BOOST_REQUIRE(!second);
  BOOST_CHECK(second.error() == errc::io);
  BOOST_CHECK_MESSAGE(second.error().message().find(subject->address()) != std::string::npos,
                      second.error().message());
  BOOST_CHECK(!server::listen(threads.context(), "nonsense"));
}

BOOST_AUTO_TEST_CASE(a_server_that_never_started_stops) {
  test::io_threads threads;
  auto bound = server::listen(threads.context(), "*:0");
  BOOST_REQUIRE(bound);
  BOOST_CHECK((*bound)->address().starts_with("0.0.0.0:"));
  (*bound)->stop();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::http
