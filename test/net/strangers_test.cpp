// What a server does with those who do not speak its protocol, or speak it wrongly.
#include "net/raw_client.hpp"
#include "net/test_service.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace ssdfs;
using namespace ssdfs::net;
using test::echo_fixture;
using test::raw_client;

namespace {

server_options impatient() {
  server_options o;
  o.handshake_timeout_ms = 200;
  o.frame_timeout_ms = 200;
  return o;
}

int status_of(const std::optional<raw_client::answer>& a) { return a ? a->header.status : -1; }
int number(errc e) { return static_cast<int>(e); }

// The server is still there for others.
void check_serves(echo_fixture& f) {
  const auto c = f.connect();
  const auto got = f.echo(*c, 1, "alive");
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(as_chars(got->body) == "alive");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(strangers)

BOOST_AUTO_TEST_CASE(another_protocol_gets_a_line_of_text) {
  echo_fixture f;
  raw_client c(f.server->address());
  c.send(as_bytes("GET / HTTP/1.1\r\nHost: pictures\r\n\r\n"));
  const std::string said = c.receive_all();
  BOOST_TEST(said.starts_with("ssdfs: this port speaks"));
  BOOST_TEST(said.ends_with("\r\n"));
  BOOST_TEST(f.service.greeted == 0);
  check_serves(f);
}

BOOST_AUTO_TEST_CASE(another_frame_version_gets_an_error_with_its_request_id) {
  echo_fixture f;
  raw_client c(f.server->address());
  auto hello = test::frame_bytes(wire::hello_request{}, 77, {});
  hello[4] = std::byte{9};
  c.send(hello);
  const auto got = c.receive();
  BOOST_TEST(status_of(got) == number(errc::version_mismatch));
  BOOST_TEST(got->header.request_id == 77U);
  BOOST_TEST(got->error().detail.find("frame version 1") != std::string::npos);
  BOOST_TEST(c.receive_all().empty());
}

BOOST_AUTO_TEST_CASE(no_protocol_version_in_common_is_told_with_both_ranges) {
  echo_fixture f;
  raw_client c(f.server->address());
  wire::hello_request hello;
  hello.protocol_min = 40;
  hello.protocol_max = 42;
  c.send(hello, 5, {});
  const auto got = c.receive();
  BOOST_TEST(status_of(got) == number(errc::version_mismatch));
  BOOST_TEST(got->error().detail.find("40 to 42") != std::string::npos);
  BOOST_TEST(c.receive_all().empty());
  BOOST_TEST(f.service.greeted == 0);
}

BOOST_AUTO_TEST_CASE(a_newer_caller_gets_the_newest_common_version) {
  echo_fixture f;
  raw_client c(f.server->address());
  wire::hello_request hello;
  hello.protocol_max = 900;
  c.send(hello, 5, {});
  const auto got = c.receive();
  wire::hello_reply says;
  BOOST_TEST_REQUIRE((got && wire::decode(got->message, says)));
  BOOST_TEST(says.protocol == wire::protocol_max);
}

BOOST_AUTO_TEST_CASE(a_request_before_hello_is_refused) {
  echo_fixture f;
  raw_client c(f.server->address());
  c.send(test::echo_request(1), 9, f.service.cluster);
  const auto got = c.receive();
  BOOST_TEST(status_of(got) == number(errc::protocol));
  BOOST_TEST(got->header.request_id == 9U);
  BOOST_TEST(c.receive_all().empty());
  BOOST_TEST(f.service.handled == 0U);
}

BOOST_AUTO_TEST_CASE(the_service_may_refuse_a_hello) {
  echo_fixture f;
  f.service.on_hello = [](const wire::hello_request&) -> result<wire::hello_reply> {
    return failure(errc::wrong_cluster, "not ours");
  };
  raw_client c(f.server->address());
  c.send(wire::hello_request{}, 1, {});
  const auto got = c.receive();
  BOOST_TEST(status_of(got) == number(errc::wrong_cluster));
  BOOST_TEST(got->error().detail == "not ours");
  BOOST_TEST(c.receive_all().empty());
  BOOST_TEST(f.service.ended == 0);
}

BOOST_AUTO_TEST_CASE(a_caller_of_another_cluster_is_refused_at_hello) {
  echo_fixture f;
  raw_client c(f.server->address());
  wire::hello_request hello;
  hello.cluster = cluster_id(io::random_uuid());
  c.send(hello, 1, hello.cluster);
  BOOST_TEST(status_of(c.receive()) == number(errc::wrong_cluster));
  BOOST_TEST(c.receive_all().empty());
  // The session decides; the role never hears of it.
  BOOST_TEST(f.service.greeted == 0);
  BOOST_TEST(f.service.ended == 0);
}

BOOST_AUTO_TEST_CASE(a_frame_of_another_cluster_is_refused_and_the_next_one_served) {
  echo_fixture f;
  raw_client c(f.server->address());
  const cluster_id right = c.greet();
  c.send(test::echo_request(1), 1, cluster_id(io::random_uuid()));
  BOOST_TEST(status_of(c.receive()) == number(errc::wrong_cluster));
  c.send(test::echo_request(2), 2, cluster_id{});
  BOOST_TEST(status_of(c.receive()) == number(errc::wrong_cluster));
  c.send(test::echo_request(3), 3, right);
  BOOST_TEST(status_of(c.receive()) == 0);
  BOOST_TEST(f.service.handled == 1U);
}

BOOST_AUTO_TEST_CASE(a_second_hello_and_a_reply_are_refused) {
  echo_fixture f;
  raw_client c(f.server->address());
  const cluster_id cluster = c.greet();
  c.send(wire::hello_request{}, 1, cluster);
  BOOST_TEST(status_of(c.receive()) == number(errc::protocol));
  auto reply = test::frame_bytes(test::echo_request(1), 2, cluster);
  wire::frame_header h = wire::read_header(reply.data());
  h.flags = wire::flag_reply;
  wire::encode_header(h, bytes_view(reply).subspan(wire::frame_header_size), reply.data());
  c.send(reply);
  BOOST_TEST(status_of(c.receive()) == number(errc::protocol));
  BOOST_TEST(c.receive_all().empty());
  BOOST_TEST(f.service.handled == 0U);
}

BOOST_AUTO_TEST_CASE(ping_and_statistics_need_no_service) {
  echo_fixture f;
  raw_client c(f.server->address());
  const cluster_id cluster = c.greet();
  c.send(wire::ping_request{}, 11, cluster);
  const auto pong = c.receive();
  BOOST_TEST(status_of(pong) == 0);
  BOOST_TEST(pong->header.request_id == 11U);
  c.send(wire::server_stats_request{}, 12, cluster);
  const auto got = c.receive();
  wire::server_stats_reply stats;
  BOOST_TEST_REQUIRE((got && wire::decode(got->message, stats)));
  BOOST_TEST(stats.process == static_cast<std::uint64_t>(::getpid()));
  BOOST_TEST(stats.resident_bytes > 1U << 20);
  BOOST_TEST(f.service.handled == 0U);
}

BOOST_AUTO_TEST_CASE(an_unknown_opcode_reaches_the_service) {
  echo_fixture f;
  raw_client c(f.server->address());
  const cluster_id cluster = c.greet();
  auto frame = test::frame_bytes(test::echo_request(1), 4, cluster);
  wire::frame_header h = wire::read_header(frame.data());
  h.opcode = 60000;
  wire::encode_header(h, bytes_view(frame).subspan(wire::frame_header_size), frame.data());
  c.send(frame);
  BOOST_TEST(status_of(c.receive()) == number(errc::unsupported));
}

BOOST_AUTO_TEST_CASE(a_damaged_frame_ends_the_connection) {
  echo_fixture f;
  raw_client c(f.server->address());
  const cluster_id cluster = c.greet();
  auto frame = test::frame_bytes(test::echo_request(1), 4, cluster);
  frame[wire::frame_header_size] ^= std::byte{1};
  c.send(frame);
  BOOST_TEST(status_of(c.receive()) == number(errc::protocol));
  BOOST_TEST(c.receive_all().empty());
  BOOST_TEST(f.service.handled == 0U);
  BOOST_TEST(test::eventually([&] { return f.service.ended == 1; }));
}

BOOST_AUTO_TEST_CASE(huge_lengths_are_refused_at_once) {
  echo_fixture f;
  for (const std::size_t field : {32U, 36U}) {
    raw_client c(f.server->address());
    const cluster_id cluster = c.greet();
    auto frame = test::frame_bytes(test::echo_request(1), 4, cluster);
    store_le<std::uint32_t>(frame.data() + field, 0xffffffffU);
    c.send(frame);
    BOOST_TEST(status_of(c.receive()) == number(errc::protocol));
    BOOST_TEST(c.receive_all().empty());
  }
  // Before hello even a length that the protocol allows is too much.
  raw_client c(f.server->address());
  auto hello = test::frame_bytes(wire::hello_request{}, 1, {});
  store_le<std::uint32_t>(hello.data() + 36, wire::max_body);
  c.send(bytes_view(hello).first(wire::frame_header_size));
  BOOST_TEST(status_of(c.receive()) == number(errc::protocol));
  check_serves(f);
}

BOOST_AUTO_TEST_CASE(half_a_hello_and_half_a_frame_run_out_of_time) {
  echo_fixture f(impatient());
  raw_client silent(f.server->address());
  raw_client half_hello(f.server->address());
  const auto hello = test::frame_bytes(wire::hello_request{}, 1, {});
  half_hello.send(bytes_view(hello).first(20));
  raw_client half_frame(f.server->address());
  const cluster_id cluster = half_frame.greet();
  const auto frame = test::frame_bytes(test::echo_request(1), 4, cluster, std::string(5000, 'b'));
  half_frame.send(bytes_view(frame).first(3000));
  check_serves(f);
  BOOST_TEST(silent.closed_silently());
  BOOST_TEST(half_hello.closed_silently());
  BOOST_TEST(half_frame.closed_silently());
}

BOOST_AUTO_TEST_CASE(a_slow_sender_is_cut_off_although_it_never_stops) {
  echo_fixture f(impatient());
  raw_client c(f.server->address());
  const cluster_id cluster = c.greet();
  const auto frame = test::frame_bytes(test::echo_request(1), 4, cluster, std::string(100000, 'b'));
  bool open = true;
  std::size_t sent = 0;
  while (open && sent < frame.size()) {
    open = c.send(bytes_view(frame).subspan(sent++, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  BOOST_TEST(!open);
  BOOST_TEST(f.service.handled == 0U);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed) {
  server_options o;
  o.idle_timeout_ms = 100;
  echo_fixture f(o);
  raw_client c(f.server->address());
  c.greet();
  BOOST_TEST(c.closed_silently());
  BOOST_TEST(test::eventually([&] { return f.service.ended == 1; }));
}

BOOST_AUTO_TEST_CASE(random_bytes_never_stop_the_server) {
  echo_fixture f;
  std::mt19937_64 random(20240607);
  for (int round = 0; round < 60; ++round) {
    raw_client c(f.server->address());
    const cluster_id cluster = round % 3 == 0 ? cluster_id{} : c.greet();
    std::vector<std::byte> noise;
    // Noise alone, noise behind the magic, noise behind a valid frame.
    if (round % 3 == 1) noise = test::frame_bytes(test::echo_request(1), 1, cluster);
    if (round % 3 == 2)
      noise = {std::byte{0x53}, std::byte{0x44}, std::byte{0x46}, std::byte{0x31}, std::byte{1}};
    for (std::size_t n = 200 + random() % 50000; n > 0; --n) {
      noise.push_back(static_cast<std::byte>(random()));
    }
    c.send(noise);
    c.receive_all();
  }
  check_serves(f);
}

BOOST_AUTO_TEST_CASE(connections_over_the_limit_are_closed) {
  server_options o;
  o.max_connections = 2;
  echo_fixture f(o);
  raw_client a(f.server->address());
  a.greet();
  {
    raw_client b(f.server->address());
    b.greet();
    raw_client c(f.server->address());
    BOOST_TEST(c.closed_silently());
  }
  BOOST_TEST(test::eventually([&] { return f.service.ended == 1; }));
  raw_client d(f.server->address());
  BOOST_CHECK_NO_THROW(d.greet());
}

BOOST_AUTO_TEST_SUITE_END()
