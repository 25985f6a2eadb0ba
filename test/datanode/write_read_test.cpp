// Chunks through chains of real datanodes: what goes in comes out, everywhere, or an error does.
#include "datanode/node_fixture.hpp"

#include <algorithm>
#include <fstream>

using namespace ssdfs;
using namespace ssdfs::test;

BOOST_AUTO_TEST_SUITE(write_read)

BOOST_AUTO_TEST_CASE(small_chunks_of_all_sizes_reach_every_replica) {
  for (const std::size_t members : {1u, 2u, 3u}) {
    node_fixture f(members);
    chunk_key key = 1;
    for (const std::size_t size : {1u, 7u, 8u, 4096u, 65535u, 65536u, 65537u, 262143u, 262144u}) {
      const byte_vector content = random_bytes(size, size);
      const auto written = f.write(key, content);
      BOOST_REQUIRE_MESSAGE(written.has_value(), written.error().message());
      f.require_everywhere(key, content);
      ++key;
    }
  }
}

BOOST_AUTO_TEST_CASE(many_in_flight) {
  node_fixture f(3);
  constexpr chunk_key count = 500;
  std::vector<byte_vector> contents;
  std::vector<net::awaited<wire::write_chunk_request>> calls;
  for (chunk_key key = 1; key <= count; ++key) {
    contents.push_back(random_bytes(1 + key * 37 % 9000, key));
    calls.push_back(f.call_later(0, f.small_write(key, contents.back(), {}), contents.back()));
  }
  for (auto& c : calls) {
    const auto answer = c.wait();
    BOOST_REQUIRE_MESSAGE(answer.has_value(), answer.error().message());
  }
  for (chunk_key key = 1; key <= count; ++key) f.require_everywhere(key, contents[key - 1]);
}

BOOST_AUTO_TEST_CASE(large_chunks_come_in_pieces) {
  node_fixture f(2);
  chunk_key key = 1;
  for (const std::size_t size : {262145u, 1u << 20, (5u << 20) + 12345u}) {
    const byte_vector content = random_bytes(size, size);
    const auto written = f.write_large(key, content);
    BOOST_REQUIRE_MESSAGE(written.has_value(), written.error().message());
    f.require_everywhere(key, content);
    BOOST_TEST(f.write_large(key, content).has_value());  // a repeat of all of it
    ++key;
  }
}

BOOST_AUTO_TEST_CASE(ranges_are_exact) {
  node_fixture f(1);
  const byte_vector content = random_bytes(200'000, 5);
  BOOST_REQUIRE(f.write(1, content));
  for (const auto& [from, length] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {0, 1}, {1, 70'000}, {65'536, 65'536}, {65'535, 2}, {199'999, 1}, {100'000, 100'000}}) {
    const auto got = f.read(0, 1, content, from, length);
    BOOST_REQUIRE_MESSAGE(got.has_value(), got.error().message());
    BOOST_TEST(std::equal(got->begin(), got->end(), content.begin() + from,
                          content.begin() + from + length));
  }
  for (const auto& [from, length] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {0, 0}, {199'999, 2}, {200'000, 1}, {4'294'967'295u, 2}, {0, 2u << 20}}) {
    const auto got = f.read(0, 1, content, from, length);
    BOOST_REQUIRE(got.has_error());
    BOOST_TEST((got.error() == errc::invalid_argument));
  }
}

BOOST_AUTO_TEST_CASE(reads_are_bound_to_what_is_expected) {
  node_fixture f(1);
  const byte_vector content = random_bytes(5000, 1);
  const byte_vector other = random_bytes(5000, 2);
  BOOST_REQUIRE(f.write(1, content));
  BOOST_TEST((f.read(0, 1, other).error() == errc::checksum));
  BOOST_TEST((f.read(0, 2, content).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_key_names_one_content_for_ever) {
  node_fixture f(2);
  const byte_vector content = random_bytes(5000, 1);
  BOOST_REQUIRE(f.write(1, content));
  BOOST_TEST(f.write(1, content).has_value());
  BOOST_TEST((f.write(1, random_bytes(5000, 2)).error() == errc::key_conflict));
  BOOST_TEST((f.write(1, random_bytes(4999, 1)).error() == errc::key_conflict));
  f.require_everywhere(1, content);
}

BOOST_AUTO_TEST_CASE(bad_requests_are_refused) {
  node_fixture f(1);
  const byte_vector content = random_bytes(5000, 1);
  BOOST_TEST((f.write(1, content, {.crc_error = 1}).error() == errc::checksum));
  BOOST_TEST((f.write(1, random_bytes(100'000, 1), {.crc_error = 1}).error() == errc::checksum));
  BOOST_TEST((f.write(2, {}).error() == errc::invalid_argument));
  BOOST_TEST((f.write(2, random_bytes(262'145, 1)).error() == errc::invalid_argument));
  BOOST_TEST((f.write(2, content, {.chain = ""}).error() == errc::invalid_argument));
  BOOST_TEST((f.write(2, content, {.chain = "127.0.0.1:1"}).error() == errc::invalid_argument));
  auto elsewhere = f.small_write(2, content, {});
  elsewhere.volume = volume_id(77);
  BOOST_TEST((f.call(0, elsewhere, content).error() == errc::not_found));
  BOOST_TEST((f.call(0, wire::heartbeat_request{}).error() == errc::unsupported));
  BOOST_TEST(f.write(3, content).has_value());
}

BOOST_AUTO_TEST_CASE(a_write_reaches_the_members_and_no_others) {
  node_fixture f(3);
  f.tell(0, {f.address_of(0), f.address_of(1)});
  f.tell(1, {f.address_of(0), f.address_of(1)});
  const byte_vector content = random_bytes(5000, 1);
  const auto refused = [&](const std::string& chain, errc why) {
    const auto written = f.write(1, content, {.chain = chain});
    BOOST_TEST_REQUIRE(written.has_error());
    BOOST_TEST((written.error() == why), written.error().message());
  };
  // To others than the members, to fewer, in another order, and back to a node that had it already.
  const replica_address nobody{node_id(io::random_uuid()), "127.0.0.1:1"};
  refused(f.member(1), errc::stale_generation);
  refused(f.member(0), errc::stale_generation);
  refused(f.member(1) + "," + f.member(0), errc::stale_generation);
  refused(f.member(0) + "," + f.member(2), errc::stale_generation);
  refused(f.chain(), errc::stale_generation);
  refused(f.member(0) + "," + wire::chain_text({&nobody, 1}), errc::stale_generation);
  refused(f.member(0) + "," + f.member(0), errc::invalid_argument);
  // A writer begins at the first.
  const std::string both = f.member(0) + "," + f.member(1);
  auto middle = f.small_write(1, content, {.chain = both});
  const auto written = f.call(1, middle, content);
  BOOST_TEST_REQUIRE(written.has_error());
  BOOST_TEST((written.error() == errc::permission_denied));
  // The right members at a wrong address: it goes where the master said.
  const replica_address moved{f.nodes[1]->id(), f.nodes[2]->address()};
  BOOST_TEST(f.write(2, content, {.chain = f.member(0) + "," + wire::chain_text({&moved, 1})})
                 .has_value());
  BOOST_TEST(f.read(1, 2, content).has_value());
  for (const std::size_t node : {0U, 1U, 2U}) {
    BOOST_TEST((f.read(node, 1, content).error() == errc::not_found));
  }
  // Nothing of that was the fault of a member: the next report is about one that is.
  f.nodes[1]->stop();
  BOOST_TEST(f.write(3, content, {.chain = both}).has_error());
  BOOST_TEST((f.master.wait_failure(f.nodes[0]->id()).node == f.nodes[1]->id()));
}

BOOST_AUTO_TEST_CASE(where_another_node_answers_nothing_is_written) {
  node_fixture f(3);
  const byte_vector content = random_bytes(5000, 1);
  const replica_address elsewhere{f.nodes[1]->id(), f.nodes[2]->address()};
  f.tell(0, {f.address_of(0), elsewhere});
  const auto written = f.write(3, content, {.chain = f.member(0) + "," + f.member(1)});
  BOOST_TEST_REQUIRE(written.has_error());
  BOOST_TEST((written.error() == errc::wrong_node), written.error().message());
  BOOST_TEST((f.master.wait_failure(f.nodes[0]->id()).node == f.nodes[1]->id()));
  BOOST_TEST((f.read(2, 3, content).error() == errc::not_found));
  // Members that lie at one address are no two.
  const order_result twice =
      f.order_to(0, {.kind = order_kind::create,
                     .volume = f.volume,
                     .generation = 1,
                     .sources = {f.address_of(0), {f.nodes[1]->id(), f.nodes[0]->address()}}});
  BOOST_TEST(twice.status == static_cast<std::uint16_t>(errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_volume_whose_members_are_not_known_takes_nothing_and_is_sealed) {
  node_fixture f(1);
  const byte_vector content = random_bytes(5000, 1);
  BOOST_REQUIRE(f.write(1, content));
  f.nodes[0]->stop();
  f.nodes[0]->start();
  f.master.wait_registered(f.nodes[0]->id());
  BOOST_TEST((f.write(2, content).error() == errc::sealed));
  BOOST_TEST((f.master.wait_failure(f.nodes[0]->id()).node == f.nodes[0]->id()));
  f.tell(0, {f.address_of(0)});
  BOOST_TEST(f.write(2, content).has_value());
}

BOOST_AUTO_TEST_CASE(ack_one_answers_before_the_chain_and_the_chain_goes_on) {
  node_fixture f(2);
  const byte_vector content = random_bytes(5000, 1);
  BOOST_REQUIRE(f.write(1, content, {.ack = wire::ack_mode::one}));
  // The second replica gets it behind the answer: its report says when.
  f.master.wait_report(f.nodes[1]->id(), f.volume,
                       [](const auto& r) { return r.digest.count == 1; });
  f.require_everywhere(1, content);
}

BOOST_AUTO_TEST_CASE(ack_one_succeeds_with_a_dead_chain_which_is_reported) {
  node_fixture f(2);
  f.nodes[1]->stop();
  const byte_vector content = random_bytes(100, 1);
  BOOST_TEST(f.write(1, content, {.ack = wire::ack_mode::one}).has_value());
  BOOST_TEST((f.master.wait_failure(f.nodes[0]->id()).node == f.nodes[1]->id()));
}

BOOST_AUTO_TEST_CASE(a_failed_member_is_named_and_reported) {
  node_fixture f(3);
  const std::string dead = f.nodes[2]->address();
  f.nodes[2]->stop();
  const auto written = f.write(1, random_bytes(5000, 1));
  BOOST_REQUIRE(written.has_error());
  BOOST_TEST(written.error().hint == dead);
  const chain_failure told = f.master.wait_failure(f.nodes[1]->id());
  BOOST_TEST((told.node == f.nodes[2]->id()));
  BOOST_TEST(told.generation == 1u);
  BOOST_TEST((told.volume == f.volume));
}

BOOST_AUTO_TEST_CASE(bytes_damaged_on_disk_are_never_served) {
  node_fixture f(1);
  const byte_vector small = random_bytes(5000, 1);
  const byte_vector longer = random_bytes(200'000, 2);
  BOOST_REQUIRE(f.write(1, small));
  BOOST_REQUIRE(f.write(2, longer));
  {
    // Somewhere in the first chunk, and in the second block of the second.
    std::fstream file(f.nodes[0]->volume_path(f.volume),
                      std::ios::in | std::ios::out | std::ios::binary);
    for (const int at : {2000, 5000 + 100'000}) {
      file.seekg(at);
      const char was = static_cast<char>(file.get());
      file.seekp(at);
      file.put(static_cast<char>(was ^ 0x10));
    }
  }
  BOOST_TEST((f.read(0, 1, small).error() == errc::checksum));
  BOOST_TEST((f.read(0, 2, longer).error() == errc::checksum));
  BOOST_TEST(f.read(0, 2, longer, 0, 60'000).has_value());  // another block of it
  f.master.wait_report(f.nodes[0]->id(), f.volume,
                       [](const auto& r) { return r.bad_records == 2; });
}

BOOST_AUTO_TEST_CASE(the_index_is_listed_in_pages) {
  node_fixture f(1);
  const byte_vector content = random_bytes(100, 1);
  for (chunk_key key = 1; key <= 10; ++key) BOOST_REQUIRE(f.write(key, content));
  wire::replica_chunks_request m;
  m.volume = f.volume;
  m.limit = 4;
  std::vector<chunk_key> keys;
  for (bool more = true; more;) {
    const auto page = f.call(0, m);
    BOOST_REQUIRE(page.has_value());
    BOOST_TEST(page->message.generation == 1u);
    for (const auto& c : page->message.chunks) {
      BOOST_TEST(c.size == 100u);
      BOOST_TEST(c.crc32c == crc32c(content));
      keys.push_back(c.key);
    }
    more = page->message.more;
    m.from_key = keys.back() + 1;
  }
  const std::vector<chunk_key> all{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  BOOST_TEST(keys == all, boost::test_tools::per_element());
  m.limit = 0;
  BOOST_TEST((f.call(0, m).error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_and_reads_on) {
  node_fixture f(1, [](ssdfs::datanode::datanode_options& o) {
    o.data_dirs.front().capacity_bytes = 8 << 20;
  });
  const byte_vector content = random_bytes(200'000, 1);
  chunk_key key = 0;
  result<void> written;
  do {
    written = f.write(++key, content);
  } while (written && key < 100);
  BOOST_REQUIRE(written.has_error());
  BOOST_TEST((written.error() == errc::no_space));
  BOOST_TEST(key > 5u);
  BOOST_TEST((f.master.wait_failure(f.nodes[0]->id()).node == f.nodes[0]->id()));
  for (chunk_key k = 1; k < key; ++k) f.require_everywhere(k, content);
}

BOOST_AUTO_TEST_SUITE_END()
