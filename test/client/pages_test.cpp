// Files with more chunks than one message names: pages of lookups and of commits.
#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

namespace ssdfs::test {
namespace {

using kind = fault::kind;
using wire::opcode;

constexpr std::uint32_t chunk = 1U << 10;

// Lookups of five chunks a page.
struct pages_fixture : cluster_fixture {
  pages_fixture() : cluster_fixture({.chunk_size = chunk, .chunk_page = 5}) {}

  void write(const std::string& path, const std::string& data, put_options options = {}) {
    auto writer = client.open_write(path, std::move(options));
    BOOST_REQUIRE(writer);
    BOOST_REQUIRE(writer->write(boost::asio::buffer(data)));
    const auto done = writer->commit();
    BOOST_REQUIRE_MESSAGE(done, done.error().message());
  }
  std::string part_of(const std::string& path, std::uint64_t from, std::uint64_t length) {
    get_options options;
    options.offset = from;
    options.length = length;
    const auto got = client.get(path, options);
    return got ? std::string(got->text()) : got.error().message();
  }
};

BOOST_FIXTURE_TEST_SUITE(client_pages, pages_fixture)

BOOST_AUTO_TEST_CASE(a_file_of_several_pages_is_read_whole_and_in_parts) {
  const std::string data = pattern(23 * chunk + 7);
  write("/f", data);
  BOOST_TEST(cluster.files().at("/f").chunks.size() == 24U);
  BOOST_TEST((client.get("/f")->text() == data));
  for (const std::uint64_t from : {0UL, 4 * 1024UL, 5 * 1024UL - 1, 5 * 1024UL, 19 * 1024UL + 5}) {
    for (const std::uint64_t length : {1UL, 1025UL, 6 * 1024UL, 40 * 1024UL}) {
      BOOST_TEST((part_of("/f", from, length) == data.substr(from, length)), from << ' ' << length);
    }
  }
  BOOST_TEST(part_of("/f", data.size(), 5).empty());
  BOOST_TEST(part_of("/f", data.size() + 9000, 5).empty());
}

BOOST_AUTO_TEST_CASE(a_reader_seeks_among_pages) {
  const std::string data = pattern(23 * chunk + 7);
  write("/f", data);
  auto reader = client.open_read("/f", {.offset = 11 * chunk}).value();
  std::string part(2 * chunk, '\0');
  for (const std::uint64_t at : {11UL * chunk, 3UL * chunk, 22UL * chunk, 9UL * chunk + 100, 0UL}) {
    reader.seek(at);
    std::size_t have = 0;
    while (have < part.size()) {
      const auto n = reader.read_some(boost::asio::buffer(part.data() + have, part.size() - have));
      BOOST_REQUIRE_MESSAGE(n, n.error().message());
      if (*n == 0) break;
      have += *n;
    }
    BOOST_TEST((part.substr(0, have) == data.substr(at, part.size())), at);
  }
}

BOOST_AUTO_TEST_CASE(stat_has_all_chunks_or_the_page_that_is_asked_for) {
  const std::string data = pattern(23 * chunk + 7);
  write("/f", data);
  stat_options options;
  options.chunks = true;
  const auto all = client.stat("/f", options).value();
  BOOST_REQUIRE_EQUAL(all.chunks.size(), 24U);
  BOOST_TEST(all.chunks_at == 0U);
  BOOST_TEST(all.chunks.back().size == 7U);
  BOOST_TEST(all.chunks.back().nodes.size() == 2U);
  options.chunk_limit = 1;
  options.chunks_at = 17 * chunk + 3;
  const auto one = client.stat("/f", options).value();
  BOOST_REQUIRE_EQUAL(one.chunks.size(), 1U);
  BOOST_TEST(one.chunks[0].key == all.chunks[17].key);
  BOOST_TEST(one.chunks_at == 17 * chunk);
  options.chunks_at = data.size();
  BOOST_TEST(client.stat("/f", options)->chunks.empty());
}

BOOST_AUTO_TEST_CASE(pages_of_two_contents_are_not_mixed) {
  const std::string data = pattern(23 * chunk, 1);
  write("/f", data);
  auto reader = client.open_read("/f").value();
  std::string part(chunk, '\0');
  BOOST_REQUIRE(reader.read_some(boost::asio::buffer(part)));
  write("/f", pattern(23 * chunk, 2), overwriting());
  boost::system::error_code ended;
  for (int i = 0; i < 30 && !ended; ++i) {
    const auto n = reader.read_some(boost::asio::buffer(part));
    if (!n) ended = n.error();
  }
  BOOST_TEST((ended == errc::changed), ended.message());
}

BOOST_AUTO_TEST_CASE(blocks_that_fail_are_asked_for_anew_with_their_page) {
  const std::string data = pattern(23 * chunk + 7);
  write("/f", data);
  // Every third read fails everywhere for a while, so blocks of several pages have to be repeated.
  cluster.set_rule([](const seen_request& r) {
    const bool fails = r.code == opcode::read_chunk && r.number % 3 != 0 && r.number < 40;
    return fails ? fault::refuse(errc::not_found) : fault{};
  });
  BOOST_TEST((client.get("/f")->text() == data));
}

BOOST_AUTO_TEST_CASE(what_no_file_can_have_is_refused_before_the_first_byte) {
  put_options options;
  options.size = max_file_bytes + 1;
  diagnostics diag;
  options.diag = &diag;
  const auto refused = client.open_write("/f", options);
  BOOST_TEST((refused.error() == errc::too_large));
  BOOST_TEST(diag.message.find("50000 chunks of 64.0 MiB") != std::string::npos, diag.message);
  BOOST_TEST(diag.attempts == 0U);
  BOOST_TEST(cluster.hellos("master") == 0U);
  options.size = max_file_bytes;
  BOOST_TEST(client.open_write("/f", options).has_value());
}

BOOST_AUTO_TEST_CASE(a_known_length_makes_chunks_long_enough) {
  put_options options;
  options.size = std::uint64_t{max_file_chunks} * chunk + 1;
  write("/f", pattern(5 * chunk), options);
  BOOST_TEST(cluster.files().at("/f").chunks.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_commit_goes_in_pages_and_begins_again_when_they_are_lost) {
  const std::string data = pattern(std::size_t{2 * wire::chunk_page + 1} * chunk);
  std::uint64_t pages = 0;
  cluster.set_rule([&](const seen_request& r) {
    if (r.code == opcode::commit_chunks && ++pages == 2) return fault::of(kind::drop_after);
    if (r.code == opcode::commit_file && r.number == 1) return fault::refuse(errc::busy);
    if (r.code == opcode::commit_file && r.number == 2) return fault::of(kind::drop_after);
    return fault{};
  });
  write("/f", data);
  BOOST_TEST(cluster.files().at("/f").chunks.size() == 2 * wire::chunk_page + 1);
  BOOST_TEST(cluster.repetitions() == 1U);  // the third commit got the answer of the second
  BOOST_TEST(pages == 8U);
  const auto got = client.get("/f");
  BOOST_REQUIRE(got);
  BOOST_TEST((got->text() == data));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::test
