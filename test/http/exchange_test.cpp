// Answers that are given later and on other threads, bodies in pieces both ways, and all of it on
// connections that are used again: nothing is mixed up, nothing hangs.
#include "http/caller.hpp"
#include "http/server.hpp"
#include "http/url.hpp"
#include "util/io_threads.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace ssdfs::http {
namespace {

namespace asio = boost::asio;

std::string content_of(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + i % 23);
  return out;
}

// Pieces of some bytes, at once or from another thread by turns; fails at `fail_at`.
class pieces final : public body_source {
 public:
  pieces(asio::thread_pool& pool, std::string text, std::size_t size, std::size_t fail_at)
      : pool_(pool), text_(std::move(text)), piece_(size), fail_at_(fail_at) {}

  void next(piece_handler done) override {
    result<piece> p = piece();
    if (at_ >= fail_at_) {
      p = failure(errc::unavailable);
    } else {
      const std::size_t n = std::min(piece_, text_.size() - at_);
      p->bytes = as_bytes(std::string_view(text_).substr(at_, n));
      at_ += n;
    }
    if (++calls_ % 2 == 0) return done(std::move(p));
    asio::post(pool_, [p, done = std::move(done)]() mutable { done(std::move(p)); });
  }

 private:
  asio::thread_pool& pool_;
  const std::string text_;
  const std::size_t piece_;
  const std::size_t fail_at_;
  std::size_t at_ = 0;
  int calls_ = 0;
};

// Reads a body and answers with it.
struct echo : std::enable_shared_from_this<echo> {
  echo(exchange_ptr of, asio::thread_pool& on) : e(std::move(of)), pool(on) {}
  void go_on() {
    e->read_body([self = shared_from_this()](result<bytes_view> piece) {
      if (!piece) return self->e->respond(400, {}, "cut\n");
      if (piece->empty()) return self->e->respond(200, "X-Echo: yes\r\n", self->text);
      self->text += as_chars(*piece);
      asio::post(self->pool, [self] { self->go_on(); });
    });
  }
  exchange_ptr e;
  asio::thread_pool& pool;
  std::string text;
};

struct exchange_fixture {
  exchange_fixture() {
    auto bound = server::listen(threads.context(), "127.0.0.1:0", 200);
    BOOST_REQUIRE(bound.has_value());
    subject = std::move(*bound);
    subject->route_prefix("/t/", [this](const exchange_ptr& e) { handle(e); });
    subject->start();
  }
  ~exchange_fixture() {
    subject->stop();
    pool.join();
  }

  void handle(const exchange_ptr& e) {
    const request_head& head = e->request();
    const auto size = parse_number(query_value(head.query, "n").value_or("")).value_or(0);
    if (head.path == "/t/echo") return std::make_shared<echo>(e, pool)->go_on();
    if (head.path == "/t/later") {
      return asio::post(pool, [e, size] { e->respond(200, {}, content_of(size)); });
    }
    if (head.path == "/t/room") {
      // Taken back first, then filled in on another thread.
      static_cast<void>(e->begin(200, {}, size + 1));
      e->cancel();
      const bytes_span room = e->begin(200, {}, size);
      return asio::post(pool, [e, room, size] {
        const std::string text = content_of(size);
        std::copy_n(as_bytes(text).begin(), room.size(), room.begin());
        e->finish();
      });
    }
    if (head.path == "/t/drop") return;
    const auto fail_at = parse_number(query_value(head.query, "fail").value_or(""));
    e->respond_stream(200, {}, size,
                      std::make_unique<pieces>(pool, content_of(size), 1000 + size / 7,
                                               fail_at.value_or(UINT64_MAX)));
  }

  test::io_threads threads;
  asio::thread_pool pool{3};
  std::unique_ptr<server> subject;
};

class exchange_caller : public test_support::raw_caller {
 public:
  using raw_caller::raw_caller;

  struct answer {
    int status = 0;
    std::string body;
    bool whole = false;
  };
  answer receive(bool head = false) {
    answer out;
    boost::system::error_code ec;
    const std::size_t n = asio::read_until(socket(), asio::dynamic_buffer(buffer_), "\r\n\r\n", ec);
    if (ec) return out;
    const std::string lines = buffer_.substr(0, n);
    buffer_.erase(0, n);
    out.status = std::atoi(lines.c_str() + 9);
    const auto at = lines.find("Content-Length: ");
    const std::size_t length =
        at == std::string::npos ? 0 : std::strtoull(lines.c_str() + at + 16, nullptr, 10);
    if (!head && buffer_.size() < length) {
      asio::read(socket(), asio::dynamic_buffer(buffer_),
                 asio::transfer_exactly(length - buffer_.size()), ec);
    }
    out.whole = head || buffer_.size() >= length;
    out.body = head ? "" : buffer_.substr(0, length);
    buffer_.erase(0, out.body.size());
    return out;
  }

 private:
  std::string buffer_;
};

std::string get(const std::string& target) {
  return "GET /t/" + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

BOOST_AUTO_TEST_SUITE(http_exchange)

BOOST_FIXTURE_TEST_CASE(answers_come_in_order_whoever_gives_them, exchange_fixture) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      exchange_caller c(subject->address());
      for (int round = 0; round < 30; ++round) {
        const std::size_t size = static_cast<std::size_t>(t * 1000 + round * 3571);
        const std::string n = "?n=" + std::to_string(size);
        const std::string body = content_of(size);
        c.send(get("later" + n) + get("stream" + n) + get("room" + n) +
               "PUT /t/echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) +
               "\r\n\r\n" + body + get("later" + n));
        for (int i = 0; i < 5; ++i) {
          const auto a = c.receive();
          if (a.status != 200 || a.body != body) ++wrong;
        }
      }
    });
  }
  for (auto& c : callers) c.join();
  BOOST_CHECK_EQUAL(wrong.load(), 0);
  BOOST_CHECK_EQUAL(subject->stats().by_class[2].load(), 4U * 30U * 5U);
}

BOOST_FIXTURE_TEST_CASE(a_body_that_fails_is_an_error_or_a_cut_never_a_whole_answer,
                        exchange_fixture) {
  exchange_caller first(subject->address());
  first.send(get("stream?n=100000&fail=0"));
  BOOST_CHECK_EQUAL(first.receive().status, 502);
  first.send(get("later?n=5"));  // the connection is of use still
  BOOST_CHECK_EQUAL(first.receive().body, content_of(5));
  exchange_caller later(subject->address());
  later.send(get("stream?n=100000&fail=50000"));
  const auto a = later.receive();
  BOOST_CHECK_EQUAL(a.status, 200);
  BOOST_CHECK(!a.whole);
}

BOOST_FIXTURE_TEST_CASE(head_of_a_stream_has_its_length_and_no_body, exchange_fixture) {
  exchange_caller c(subject->address());
  c.send("HEAD /t/stream?n=70000 HTTP/1.1\r\nHost: x\r\n\r\n" + get("later?n=3"));
  BOOST_CHECK_EQUAL(c.receive(true).status, 200);
  BOOST_CHECK_EQUAL(c.receive().body, content_of(3));
}

BOOST_FIXTURE_TEST_CASE(a_body_that_nobody_reads_does_not_become_a_request, exchange_fixture) {
  exchange_caller c(subject->address());
  const std::string inner = get("later?n=9");
  c.send("PUT /t/later?n=4 HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(inner.size()) +
         "\r\n\r\n" + inner + get("later?n=5"));
  BOOST_CHECK_EQUAL(c.receive().body, content_of(4));
  BOOST_CHECK_EQUAL(c.receive().body, content_of(5));
}

BOOST_FIXTURE_TEST_CASE(bodies_by_chunks_and_after_a_continue, exchange_fixture) {
  exchange_caller c(subject->address());
  c.send(
      "PUT /t/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: "
      "100-continue\r\n\r\n");
  BOOST_CHECK_EQUAL(c.receive().status, 100);
  c.send("5\r\nhello\r\n");
  c.send("6\r\n world\r\n0\r\n\r\n");
  BOOST_CHECK_EQUAL(c.receive().body, "hello world");
  c.send("PUT /t/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n");
  BOOST_CHECK_EQUAL(c.receive().status, 400);
  BOOST_CHECK_EQUAL(c.receive().status, 0);  // closed
}

BOOST_FIXTURE_TEST_CASE(answers_do_not_wait_for_the_body_of_a_later_request, exchange_fixture) {
  exchange_caller c(subject->address());
  c.send(get("later?n=5") + "PUT /t/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
  BOOST_CHECK_EQUAL(c.receive().body, content_of(5));
  c.send("cd");
  BOOST_CHECK_EQUAL(c.receive().body, "abcd");
}

BOOST_FIXTURE_TEST_CASE(an_exchange_that_is_let_go_closes_its_connection, exchange_fixture) {
  exchange_caller c(subject->address());
  c.send(get("drop"));
  BOOST_CHECK_EQUAL(c.receive().status, 0);
}

BOOST_FIXTURE_TEST_CASE(callers_that_leave_in_the_middle_harm_nobody, exchange_fixture) {
  for (int i = 0; i < 50; ++i) {
    exchange_caller c(subject->address());
    c.send(get("stream?n=3000000") + get("later?n=100"));
    if (i % 2 == 0) c.send("PUT /t/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc");
  }
  exchange_caller c(subject->address());
  c.send(get("stream?n=3000000"));
  BOOST_CHECK(c.receive().body == content_of(3'000'000));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::http
