// Files as streams, in both directions.
#include "fixture.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <future>

namespace ssdfs::test {
namespace {

using kind = fault::kind;
using wire::opcode;

BOOST_FIXTURE_TEST_SUITE(client_streams, cluster_fixture)

BOOST_AUTO_TEST_CASE(written_in_odd_pieces_and_read_in_others) {
  const std::string data = pattern((17 << 20) + 12345);
  auto writer = client.open_write("/f").value();
  std::size_t at = 0;
  for (std::size_t step = 1; at < data.size(); step = step * 3 + 1) {
    const std::size_t n = std::min(step, data.size() - at);
    BOOST_REQUIRE(writer.write(boost::asio::buffer(data.data() + at, n)));
    at += n;
  }
  BOOST_TEST(writer.position() == data.size());
  BOOST_TEST(!cluster.files().contains("/f"));
  BOOST_REQUIRE(writer.commit());
  BOOST_TEST(cluster.files().at("/f").chunks.size() == 3U);

  auto reader = client.open_read("/f").value();
  BOOST_TEST(reader.size() == data.size());
  BOOST_TEST(reader.status().path == "/f");
  std::string out;
  std::string part(300001, '\0');
  for (;;) {
    const std::size_t n = reader.read_some(boost::asio::buffer(part)).value();
    if (n == 0) break;
    out.append(part, 0, n);
    BOOST_REQUIRE(reader.position() == out.size());
  }
  BOOST_TEST((out == data));
}

BOOST_AUTO_TEST_CASE(an_empty_stream_is_an_empty_file) {
  auto writer = client.open_write("/f").value();
  BOOST_REQUIRE(writer.commit());
  BOOST_TEST(cluster.files().at("/f").chunks.empty());
  auto reader = client.open_read("/f").value();
  std::string part(10, '\0');
  BOOST_TEST(reader.read_some(boost::asio::buffer(part)).value() == 0U);
}

BOOST_AUTO_TEST_CASE(seeks) {
  const std::string data = pattern(12 << 20);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  auto reader = client.open_read("/f", {.offset = 100}).value();
  std::string part(1000, '\0');
  const auto check = [&](std::uint64_t from) {
    const std::size_t n = reader.read(boost::asio::buffer(part)).value();
    BOOST_TEST((part.substr(0, n) == data.substr(from, 1000)));
    BOOST_TEST(reader.position() == from + n);
  };
  check(100);
  for (const std::uint64_t to : {5 << 20, 0, 10, (8 << 20) - 500, (12 << 20) - 100, 3, 6 << 20}) {
    reader.seek(to);
    check(to);
  }
  reader.seek(13 << 20);
  BOOST_TEST(reader.read(boost::asio::buffer(part)).value() == 0U);
  reader.seek(0);
  check(0);
}

BOOST_AUTO_TEST_CASE(a_seek_while_the_replicas_are_in_trouble) {
  const std::string data = pattern(6 << 20);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  cluster.set_rule([](const seen_request& r) {
    return r.code == opcode::read_chunk && r.number % 3 == 0 ? fault::refuse(errc::unavailable)
                                                             : fault{};
  });
  auto reader = client.open_read("/f").value();
  std::string part(100000, '\0');
  for (const std::uint64_t to : {0, 3 << 20, 1 << 20, 5 << 20, 2 << 20, 200000}) {
    reader.seek(to);
    const auto n = reader.read(boost::asio::buffer(part));
    BOOST_REQUIRE_MESSAGE(n, n.error().message());
    BOOST_TEST((part == data.substr(to, part.size())));
  }
}

BOOST_AUTO_TEST_CASE(without_a_commit_nothing_is_seen_and_nothing_is_held) {
  const std::string data = pattern(9 << 20);
  {
    auto writer = client.open_write("/f").value();
    BOOST_REQUIRE(writer.write(boost::asio::buffer(data)));
  }
  BOOST_TEST(client.stat("/f").error() == errc::not_found);
  BOOST_TEST(cluster.count("master", opcode::commit_file) == 0U);
}

BOOST_AUTO_TEST_CASE(an_existing_target_is_refused_at_once) {
  const std::string data = pattern(10);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  BOOST_TEST(client.open_write("/f").error() == errc::exists);
  BOOST_TEST(client.open_read("/g").error() == errc::not_found);
  auto writer = client.open_write("/f", overwriting()).value();
  BOOST_REQUIRE(writer.write(boost::asio::buffer("new", 3)));
  BOOST_TEST(writer.commit()->replaced);
  BOOST_TEST(client.get("/f")->text() == "new");
  BOOST_TEST(writer.commit().error() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_write_that_fails_is_told) {
  cluster.set_rule([](const seen_request& r) {
    return r.code == opcode::write_begin ? fault::refuse(errc::permission_denied) : fault{};
  });
  auto writer = client.open_write("/f").value();
  const std::string data = pattern(1 << 20);
  errc last{};
  for (int i = 0; i < 100 && last == errc{}; ++i) {
    const auto written = writer.write(boost::asio::buffer(data));
    if (!written) last = static_cast<errc>(written.error().value());
  }
  BOOST_TEST(last == errc::permission_denied);
  BOOST_TEST(writer.commit().error() == errc::permission_denied);
}

BOOST_AUTO_TEST_CASE(the_session_lives_while_the_source_pauses) {
  fake_cluster short_lived({.session_ms = 300});
  blocking_client other(config_for(short_lived));
  auto writer = other.open_write("/f").value();
  const std::string data = pattern(9 << 20);
  BOOST_REQUIRE(writer.write(boost::asio::buffer(data)));
  // A chunk is stored and waits for its commit: the connection is lost, and made again unasked.
  const auto hellos = [&] { return short_lived.hellos("master"); };
  const std::uint64_t before = hellos();
  short_lived.close_connections("master");
  await([&] { return hellos() > before; });
  BOOST_REQUIRE(writer.commit());
  BOOST_TEST((other.get("/f")->text() == data));
}

BOOST_AUTO_TEST_CASE(asio_algorithms_work_on_them) {
  const std::string data = pattern(3 << 20);
  client.async().async_open_write("/f", boost::asio::use_future).get();  // dropped: given up
  file_writer writer = client.async().async_open_write("/f", boost::asio::use_future).get();
  const std::array<boost::asio::const_buffer, 2> halves{
      boost::asio::buffer(data.data(), 1000),
      boost::asio::buffer(data.data() + 1000, data.size() - 1000)};
  BOOST_TEST(boost::asio::async_write(writer, halves, boost::asio::use_future).get() ==
             data.size());
  writer.async_commit(boost::asio::use_future).get();
  file_reader reader = client.async().async_open_read("/f", boost::asio::use_future).get();
  std::string out(data.size(), '\0');
  BOOST_TEST(
      boost::asio::async_read(reader, boost::asio::buffer(out), boost::asio::use_future).get() ==
      data.size());
  BOOST_TEST((out == data));
  boost::system::error_code ec;
  std::promise<std::size_t> end;
  reader.async_read_some(boost::asio::buffer(out), [&](boost::system::error_code e, std::size_t n) {
    ec = e;
    end.set_value(n);
  });
  BOOST_TEST(end.get_future().get() == 0U);
  BOOST_TEST((ec == boost::asio::error::eof));
}

BOOST_AUTO_TEST_CASE(destroying_a_reader_ends_its_read) {
  const std::string data = pattern(1 << 20);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  cluster.set_rule([](const seen_request& r) {
    return r.code == opcode::read_chunk ? fault::of(kind::drop_before) : fault{};
  });
  file_reader reader = client.async().async_open_read("/f", boost::asio::use_future).get();
  std::string out(100, '\0');
  std::promise<boost::system::error_code> done;
  reader.async_read_some(boost::asio::buffer(out),
                         [&](boost::system::error_code ec, std::size_t) { done.set_value(ec); });
  reader = file_reader();
  BOOST_TEST(done.get_future().get() == errc::aborted);
}

BOOST_AUTO_TEST_CASE(many_writers_share_the_memory) {
  client_config config = config_for(cluster);
  config.write_behind_bytes = 1 << 20;  // less than one chunk: they take turns
  config.read_ahead_bytes = 1 << 20;
  blocking_client other(config);
  const std::string data = pattern(10 << 20);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      const std::string path = "/f" + std::to_string(t);
      auto writer = other.open_write(path);
      if (writer && writer->write(boost::asio::buffer(data)) && writer->commit() &&
          other.get(path)->text() == data) {
        ++good;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  BOOST_TEST(good == 6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::test
