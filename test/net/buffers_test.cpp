// The receiving and the sending half of a connection, without a server.
#include "net/input.hpp"
#include "net/output.hpp"
#include "net/raw_client.hpp"
#include "net/test_service.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>

using namespace ssdfs;
using namespace ssdfs::net;

namespace {

// Moves `data` into `in` in steps of at most `step`, taking frames as they come.
std::vector<std::string> feed(input& in, bytes_view data, std::size_t step,
                              std::vector<buffer_ref>* holds = nullptr) {
  std::vector<std::string> bodies;
  while (!data.empty()) {
    const bytes_span room = in.space();
    const std::size_t n = std::min({room.size(), data.size(), step});
    std::memcpy(room.data(), data.data(), n);
    in.received(n);
    data = data.subspan(n);
    for (;;) {
      const auto got = in.next();
      if (got.status != wire::decode_status::complete) break;
      bodies.emplace_back(as_chars(got.frame.body));
      if (holds != nullptr) holds->push_back(in.hold());
    }
  }
  return bodies;
}

std::vector<std::byte> frames_of(const std::vector<std::string>& bodies) {
  std::vector<std::byte> out;
  std::uint64_t id = 0;
  for (const std::string& body : bodies) {
    const auto f = test::frame_bytes(test::echo_request(1), ++id, {}, body);
    out.insert(out.end(), f.begin(), f.end());
  }
  return out;
}

struct socket_pair {
  int ends[2];
  socket_pair() {
    BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    const int small = 8192;
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  ~socket_pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string read_some() {
    char got[65536];
    const ssize_t n = ::recv(ends[1], got, sizeof got, MSG_DONTWAIT);
    return n > 0 ? std::string(got, static_cast<std::size_t>(n)) : std::string();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(input_slabs)

BOOST_AUTO_TEST_CASE(frames_come_out_whole_however_they_are_cut) {
  std::mt19937 random(7);
  std::vector<std::string> bodies;
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = i % 50 == 0 ? 300000 + random() % 500000 : random() % 9000;
    bodies.emplace_back(size, static_cast<char>('a' + i % 26));
  }
  const auto bytes = frames_of(bodies);
  for (const std::size_t step : {std::size_t{997}, std::size_t{65536}, std::size_t{1} << 22}) {
    input in;
    BOOST_TEST((feed(in, bytes, step) == bodies));
    BOOST_TEST(in.rest().empty());
    std::vector<buffer_ref> holds;
    input kept;
    BOOST_TEST((feed(kept, bytes, step, &holds) == bodies));
  }
}

BOOST_AUTO_TEST_CASE(kept_frames_stay_intact_while_more_arrives) {
  input in;
  std::vector<std::pair<buffer_ref, bytes_view>> kept;
  for (int i = 0; i < 2000; ++i) {
    const auto frame =
        test::frame_bytes(test::echo_request(1), 1, {}, std::string(3000, static_cast<char>(i)));
    const bytes_span room = in.space();
    BOOST_TEST_REQUIRE(room.size() >= frame.size());
    std::memcpy(room.data(), frame.data(), frame.size());
    in.received(frame.size());
    const auto got = in.next();
    BOOST_TEST_REQUIRE((got.status == wire::decode_status::complete));
    kept.emplace_back(in.hold(), got.frame.body);
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::string expected(3000, static_cast<char>(i));
    BOOST_TEST_REQUIRE(as_chars(kept[i].second) == expected);
  }
  BOOST_TEST(in.pins_more_than(4U << 20));
  kept.clear();
  BOOST_TEST(!in.pins_more_than(0));
}

BOOST_AUTO_TEST_CASE(a_connection_whose_frames_are_dropped_uses_one_slab) {
  input in;
  std::set<const std::byte*> slabs;
  const auto bytes = frames_of(std::vector<std::string>(8, std::string(4096, 'b')));
  for (int i = 0; i < 1000; ++i) {
    BOOST_TEST_REQUIRE(feed(in, bytes, bytes.size()).size() == 8U);
    if (i > 10) slabs.insert(in.hold()->data());
  }
  BOOST_TEST(slabs.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_claimed_length_takes_memory_only_as_its_bytes_arrive) {
  const auto frame =
      test::frame_bytes(test::echo_request(1), 1, {}, std::string(wire::max_body, 'b'));
  input in;
  std::size_t have = 0;
  while (have < frame.size()) {
    const bytes_span room = in.space();
    BOOST_TEST_REQUIRE(in.hold()->capacity() <= std::max<std::size_t>(input::big_slab, have * 4));
    const std::size_t n = std::min<std::size_t>({room.size(), 1000, frame.size() - have});
    std::memcpy(room.data(), frame.data() + have, n);
    in.received(n);
    have += n;
    const auto got = in.next();
    BOOST_TEST_REQUIRE((got.status == (have == frame.size() ? wire::decode_status::complete
                                                            : wire::decode_status::incomplete)));
  }
}

BOOST_AUTO_TEST_CASE(a_stream_of_large_frames_is_not_copied_from_slab_to_slab) {
  input in;
  const auto frame = test::frame_bytes(test::echo_request(1), 1, {}, std::string(400000, 'b'));
  feed(in, frame, frame.size());
  // The next one finds a slab that it fits wholly.
  BOOST_TEST(in.space().size() >= frame.size());
}

BOOST_AUTO_TEST_CASE(an_idle_connection_goes_back_to_a_small_slab) {
  input in;
  const auto burst = frames_of(std::vector<std::string>(64, std::string(4096, 'b')));
  for (int i = 0; i < 20; ++i) feed(in, burst, burst.size());
  BOOST_TEST(in.space().size() > input::small_slab);
  const auto tiny = frames_of({""});
  for (int i = 0; i < 5000; ++i) feed(in, tiny, tiny.size());
  BOOST_TEST(in.space().size() <= 2 * input::small_slab);
}

BOOST_AUTO_TEST_CASE(garbage_is_reported_and_can_be_thrown_away) {
  input in;
  const bytes_span room = in.space();
  std::memcpy(room.data(), "HELO example", 12);
  in.received(12);
  BOOST_TEST((in.next().status == wire::decode_status::bad_magic));
  BOOST_TEST(as_chars(in.rest()) == "HELO example");
  in.discard();
  BOOST_TEST(in.rest().empty());
  BOOST_TEST(!in.space().empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(output_batches)

BOOST_AUTO_TEST_CASE(what_is_queued_arrives_in_order_through_a_small_socket) {
  socket_pair pair;
  output out;
  std::mt19937 random(11);
  std::string expected;
  std::string arrived;
  const auto drain = [&](bool all) {
    do {
      if (!out.load()) break;
      const auto sent = out.send(pair.ends[0]);
      BOOST_TEST_REQUIRE((sent.state != output::status::failed));
      out.sent(sent.bytes);
      arrived += pair.read_some();
    } while (all);
  };
  for (std::uint32_t i = 0; i < 500; ++i) {
    const auto part = [&](char c) {
      const std::size_t sizes[] = {0, 100, 511, 512, 5000, 100000};
      return copy_bytes(as_bytes(std::string(sizes[random() % 6], c)));
    };
    shared_bytes first = part('f');
    shared_bytes second = part('s');
    wire::encode(test::echo_request(i), out.begin());
    wire::frame_header h;
    h.request_id = i;
    h.opcode = static_cast<std::uint16_t>(wire::opcode::read_chunk);
    const auto whole =
        test::frame_bytes(test::echo_request(i), i, {},
                          std::string(as_chars(first.view)) + std::string(as_chars(second.view)));
    expected += as_chars(whole);
    out.end(h, {std::move(first), std::move(second)});
    if (i % 40 == 0) drain(false);
  }
  drain(true);
  arrived += pair.read_some();
  BOOST_TEST(arrived.size() == expected.size());
  BOOST_TEST((arrived == expected));
  BOOST_TEST(out.unsent() == 0U);
  BOOST_TEST(out.idle());
}

BOOST_AUTO_TEST_CASE(an_abandoned_frame_leaves_nothing) {
  socket_pair pair;
  output out;
  wire::encode(test::echo_request(1), out.begin());
  out.abandon();
  BOOST_TEST(out.idle());
  BOOST_TEST(!out.load());
}

BOOST_AUTO_TEST_CASE(the_cluster_of_queued_frames_can_be_set_late) {
  socket_pair pair;
  output out;
  const cluster_id cluster(io::random_uuid());
  std::string expected;
  std::uint64_t id = 0;
  for (const std::size_t a : {0U, 10U, 600U}) {
    for (const std::size_t b : {0U, 10U, 600U}) {
      const std::string first(a, 'a');
      const std::string second(b, 'b');
      wire::encode(test::echo_request(1), out.begin());
      wire::frame_header h;
      h.opcode = static_cast<std::uint16_t>(wire::opcode::read_chunk);
      h.request_id = ++id;
      out.end(h, {copy_bytes(as_bytes(first)), copy_bytes(as_bytes(second))});
      expected += as_chars(test::frame_bytes(test::echo_request(1), id, cluster, first + second));
    }
  }
  out.set_cluster(cluster);
  BOOST_TEST_REQUIRE(out.load());
  BOOST_TEST((out.send(pair.ends[0]).state == output::status::done));
  BOOST_TEST((pair.read_some() == expected));
}

BOOST_AUTO_TEST_CASE(an_adopted_body_is_no_longer_its_owners) {
  socket_pair pair;
  output out;
  std::mutex mutex;
  std::string body(100000, 'x');
  wire::encode(test::echo_request(1), out.begin());
  out.end({}, {{as_bytes(body), {}}, {}, 42});
  BOOST_TEST_REQUIRE(out.load());
  BOOST_TEST((out.send(pair.ends[0]).state == output::status::blocked));
  out.adopt(42, mutex);
  body.assign(body.size(), 'y');
  std::string arrived = pair.read_some();
  while (out.send(pair.ends[0]).state == output::status::blocked) arrived += pair.read_some();
  arrived += pair.read_some();
  BOOST_TEST(arrived.find('y') == std::string::npos);
  BOOST_TEST(arrived.size() > 100000U);
}

BOOST_AUTO_TEST_CASE(a_closed_socket_is_an_error_and_dropping_forgets_all) {
  socket_pair pair;
  output out;
  std::mutex mutex;
  ::shutdown(pair.ends[0], SHUT_WR);
  const shared_bytes body = copy_bytes(as_bytes(std::string(5000, 'b')));
  wire::encode(test::echo_request(1), out.begin());
  out.end({}, {body});
  BOOST_TEST_REQUIRE(out.load());
  const auto sent = out.send(pair.ends[0]);
  BOOST_TEST((sent.state == output::status::failed));
  BOOST_TEST(sent.error == EPIPE);
  BOOST_TEST(!body.hold->unique());
  out.drop(mutex);
  BOOST_TEST(body.hold->unique());
  BOOST_TEST(out.unsent() == 0U);
  BOOST_TEST(!out.load());
}

BOOST_AUTO_TEST_SUITE_END()
