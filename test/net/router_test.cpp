// How a request finds its function, and what the compiler and a caller hear if it finds none.
#include "net/router.hpp"

#include "net/await.hpp"
#include "net/raw_client.hpp"
#include "net/test_service.hpp"

#include <boost/describe/class.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

using namespace ssdfs;

namespace {

// Answers some of a datanode's requests, with the help of a part.
struct reader_part {
  int reads = 0;
  void read_chunk(net::request r, const wire::read_chunk_request& m) {
    ++reads;
    r.reply(wire::read_chunk_reply{0, m.length});
  }
};

class routed_service final : public test::echo_service {
 public:
  void handle(std::span<net::request> batch) override {
    for (net::request& r : batch) {
      if (!answers::dispatch(r, *this, part)) {
        net::refuse_unsupported(r, wire::peer_role::datanode);
        BOOST_TEST(!r.pending());
      }
    }
  }
  void scrub(net::request r, const wire::scrub_request& m) {
    r.reply(wire::scrub_reply{.pass = m.begin ? 2U : 1U});
  }

  using answers = net::routes<&routed_service::scrub, &reader_part::read_chunk>;
  reader_part part;
};

struct routed_fixture {
  routed_fixture() {
    auto opened = net::server::listen(io.context(), service, {.listen = "127.0.0.1:0"});
    if (!opened) throw std::runtime_error(opened.error().message());
    server = std::move(*opened);
    server->start();
    channel = net::channel::make(io.context().get_executor(), server->address(),
                                 test::echo_fixture::channel_defaults());
  }
  ~routed_fixture() { server->stop(); }
  template <class Request>
  auto ask(const Request& m) {
    return net::awaited<Request>(*channel, m, 20'000).wait();
  }

  test::io_threads io;
  routed_service service;
  std::unique_ptr<net::server> server;
  std::shared_ptr<net::channel> channel;
};

// What should be a bool is neither 0 nor 1.
struct scrub_of_a_liar {
  static constexpr wire::opcode code = wire::opcode::scrub;
  std::uint8_t begin = 2;
};
BOOST_DESCRIBE_STRUCT(scrub_of_a_liar, (), (begin))

using boost::mp11::mp_list;
using all_of_datanode = net::unanswered<wire::servers::datanode>;

}  // namespace

BOOST_AUTO_TEST_SUITE(router)

BOOST_FIXTURE_TEST_CASE(a_request_reaches_the_function_with_its_message, routed_fixture) {
  const auto scrubbed = ask(wire::scrub_request{true});
  BOOST_TEST_REQUIRE(scrubbed.has_value());
  BOOST_TEST(scrubbed->message.pass == 2U);
  const auto read = ask(test::echo_request(5));
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST(read->message.chunk_size == 5U);
  BOOST_TEST(service.part.reads == 1);
}

BOOST_FIXTURE_TEST_CASE(what_nobody_takes_is_refused_with_who_would, routed_fixture) {
  const auto lookup = ask(wire::lookup_request{});
  BOOST_TEST_REQUIRE(lookup.has_error());
  BOOST_TEST((lookup.error() == errc::unsupported));
  BOOST_TEST(lookup.error().message().find("this is a datanode, not a master") !=
             std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_cannot_be_decoded_reaches_no_function, routed_fixture) {
  test::raw_client c(server->address());
  const cluster_id cluster = c.greet();
  c.send(scrub_of_a_liar{}, 7, cluster);
  const auto got = c.receive();
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(got->header.status == static_cast<int>(errc::protocol));
  BOOST_TEST(got->error().detail == "malformed scrub");
}

// What the static_assert of a role rests on.
BOOST_AUTO_TEST_CASE(a_forgotten_request_is_named_and_so_is_one_too_many) {
  using left = net::unanswered<wire::servers::datanode, routed_service::answers>;
  static_assert(!boost::mp11::mp_contains<left, wire::scrub_request>::value);
  static_assert(boost::mp11::mp_contains<left, wire::write_chunk_request>::value);
  static_assert(boost::mp11::mp_size<left>::value + 2 ==
                boost::mp11::mp_size<all_of_datanode>::value);
  static_assert(std::is_same_v<net::unexpected<wire::servers::backup, routed_service::answers>,
                               mp_list<wire::scrub_request, wire::read_chunk_request>>);
  BOOST_TEST(routed_service::answers::takes(wire::opcode::scrub));
  BOOST_TEST(!routed_service::answers::takes(wire::opcode::lookup));
}

BOOST_AUTO_TEST_SUITE_END()
