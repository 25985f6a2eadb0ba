// The gateway and a master that is quicker than its callers.
#include "http/gateway.hpp"

#include "http/caller.hpp"
#include "io/clock.hpp"
#include "net/server.hpp"
#include "util/io_threads.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace ssdfs::http {
namespace {

namespace bhttp = boost::beast::http;

/// Knows of no file when it is asked, and removes whatever it is told to. But "/restless" is there:
/// for as many looks as it is told to, every second time with one byte, then empty.
class late_master final : public net::service {
 public:
  explicit late_master(boost::asio::io_context& io) {
    auto made = net::server::listen(io, *this, {.listen = "127.0.0.1:0"});
    BOOST_REQUIRE(made.has_value());
    server_ = std::move(*made);
    server_->start();
  }
  ~late_master() override { server_->stop(); }
  [[nodiscard]] std::string address() const { return server_->address(); }
  [[nodiscard]] int removals() const { return removals_; }
  void change_for(int looks) { changes_ = looks; }
  [[nodiscard]] int changes_left() const { return changes_; }

  result<wire::hello_reply> hello(const wire::hello_request&) override {
    wire::hello_reply reply;
    reply.protocol = wire::protocol_max;
    reply.role = wire::peer_role::master;
    reply.cluster = cluster_;
    reply.epoch = epoch_t(1);
    reply.session_ms = 30'000;
    return reply;
  }
  void handle(std::span<net::request> batch) override {
    for (net::request& r : batch) {
      if (r.code() == wire::opcode::lookup) {
        look(r);
      } else if (r.code() == wire::opcode::remove) {
        ++removals_;
        r.reply(wire::mutation_reply{});
      } else {
        r.fail(errc::unsupported);
      }
    }
  }

 private:
  void look(net::request& r) {
    wire::lookup_request asked;
    if (!r.decode(asked) || asked.path != "/restless") return r.fail(errc::not_found);
    wire::lookup_reply reply;
    reply.entry.type = 1;
    if (changes_ > 0) reply.entry.size = --changes_ % 2;
    r.reply(reply);
  }

  const cluster_id cluster_{io::random_uuid()};
  std::atomic<int> changes_{0};
  std::atomic<int> removals_{0};
  std::unique_ptr<net::server> server_;
};

class gateway_caller : public test_support::raw_caller {
 public:
  using raw_caller::raw_caller;
  unsigned ask(const std::string& method, const std::string& target, const std::string& fields) {
    send(method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
    boost::beast::flat_buffer buffer;
    bhttp::response_parser<bhttp::string_body> parser;
    bhttp::read(socket(), buffer, parser);
    return parser.get().result_int();
  }
};

struct gateway_fixture {
  gateway_fixture() {
    client_config config;
    config.masters = {master.address()};
    gateway_options options;
    options.write = true;
    subject = std::make_shared<gateway>(threads.context().get_executor(), config, options);
    auto bound = server::listen(threads.context(), "127.0.0.1:0", 10);
    BOOST_REQUIRE(bound.has_value());
    door = std::move(*bound);
    subject->route(*door);
    door->start();
  }
  ~gateway_fixture() {
    subject->begin_stop();
    door->stop();
  }
  test::io_threads threads;
  late_master master{threads.context()};
  std::shared_ptr<gateway> subject;
  std::unique_ptr<server> door;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gateway_conditions)

// The file is made between the look at the conditions and the removal: they were not looked at for
// that one.
BOOST_AUTO_TEST_CASE(a_conditional_delete_removes_only_what_was_found) {
  gateway_fixture f;
  gateway_caller c(f.door->address());
  BOOST_TEST(c.ask("DELETE", "/fs/a", "If-None-Match: *\r\n") == 404U);
  BOOST_TEST(c.ask("DELETE", "/fs/a", "If-None-Match: \"1\"\r\n") == 404U);
  BOOST_TEST(c.ask("DELETE", "/fs/a", "If-Match: \"1\"\r\n") == 412U);
  BOOST_TEST(f.master.removals() == 0);
  BOOST_TEST(c.ask("DELETE", "/fs/a", "") == 204U);
  BOOST_TEST(f.master.removals() == 1);
}

BOOST_AUTO_TEST_CASE(what_is_refused_by_its_words_never_reaches_the_master) {
  gateway_fixture f;
  gateway_caller c(f.door->address());
  BOOST_TEST(c.ask("DELETE", "/fs/a/", "") == 404U);
  BOOST_TEST(c.ask("DELETE", "/fs/a%2f", "") == 404U);
  BOOST_TEST(c.ask("DELETE", "/fs/a?versionId=1", "") == 400U);
  BOOST_TEST(c.ask("DELETE", "/fs/a", "X-Amz-Copy-Source: /b\r\n") == 501U);
  BOOST_TEST(c.ask("DELETE", "/fs/a", "Early-Data: 1\r\n") == 425U);
  BOOST_TEST(c.ask("PUT", "/fs/a", "") == 411U);
  BOOST_TEST(c.ask("PUT", "/fs/a/", "Content-Length: 0\r\n") == 400U);
  BOOST_TEST(c.ask("PUT", "/fs/", "Content-Length: 0\r\n") == 400U);
  BOOST_TEST(c.ask("PUT", "/fs/a", "Content-Length: 0\r\nContent-Encoding: br\r\n") == 415U);
  BOOST_TEST(c.ask("PUT", "/fs/a?append", "Content-Length: 0\r\n") == 400U);
  BOOST_TEST(c.ask("PATCH", "/fs/a", "Content-Length: 0\r\n") == 405U);
  BOOST_TEST(c.ask("OPTIONS", "/fs/a", "") == 204U);
  BOOST_TEST(c.ask("OPTIONS", "*", "") == 204U);
  BOOST_TEST(f.master.removals() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(gateway_reads)

// Whoever reads it gets another content than the one that was looked up for the answer's fields.
BOOST_AUTO_TEST_CASE(a_file_that_is_replaced_while_it_is_read_is_read_again) {
  gateway_fixture f;
  gateway_caller c(f.door->address());
  f.master.change_for(2 * 6);
  BOOST_TEST(c.ask("GET", "/fs/restless", "Cache-Control: no-cache\r\n") == 200U);
  BOOST_TEST(f.master.changes_left() == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_never_rests_is_refused_in_the_end) {
  gateway_fixture f;
  gateway_caller c(f.door->address());
  constexpr int for_ever = 2 * 1000;
  f.master.change_for(for_ever);
  BOOST_TEST(c.ask("GET", "/fs/restless", "Cache-Control: no-cache\r\n") == 503U);
  BOOST_TEST(f.master.changes_left() > for_ever / 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::http
