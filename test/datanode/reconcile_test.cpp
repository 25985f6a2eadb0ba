// What a reconcile does with chunks that are not listed, and says of those that nobody has.
#include "datanode/node_fixture.hpp"
#include "wire/health_messages.hpp"

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

constexpr auto unavailable = static_cast<std::uint16_t>(errc::unavailable);

struct sealed_pair : node_fixture {
  sealed_pair() : node_fixture(2) {
    for (chunk_key key = 1; key <= 4; ++key) BOOST_REQUIRE(write(key, content(key)));
    for (std::size_t i : {0u, 1u}) {
      require_done(i, {.kind = order_kind::seal, .volume = volume, .generation = 1});
    }
    list.generation = 1;
    list.settled_from = 1;
    list.settled_end = 3;
    list.settled_wait_ms = 3'600'000;
  }
  static byte_vector content(chunk_key key) { return random_bytes(5000 + key, key); }
  static wire::chunk_entry entry(chunk_key key) {
    const byte_vector bytes = content(key);
    return {key, static_cast<std::uint32_t>(bytes.size()), crc32c(bytes)};
  }
  static chunk_content named(chunk_key key) {
    const wire::chunk_entry e = entry(key);
    return {e.key, e.size, e.crc32c};
  }
  order_result reconcile(std::size_t node, bool with_source = true) {
    master.set_live_chunks(volume, list);
    order what{.kind = order_kind::reconcile, .volume = volume, .generation = 1};
    if (with_source) what.sources = {address_of(1 - node)};
    return order_to(node, what);
  }
  wire::replica_trouble trouble(std::size_t node) {
    const auto health = call(node, wire::replica_health_request{});
    BOOST_REQUIRE(health);
    return health->message.replicas.empty() ? wire::replica_trouble{}
                                            : health->message.replicas.front();
  }

  wire::live_chunks_reply list;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(reconcile)

BOOST_AUTO_TEST_CASE(only_what_the_log_cannot_account_for_waits_for_an_operator) {
  sealed_pair f;
  f.list.chunks = {f.entry(1)};
  // 2 was granted by a record that the log has; 3 and 4 were not.
  BOOST_TEST(f.reconcile(0).status == 0);
  wire::replica_trouble now = f.trouble(0);
  BOOST_TEST(now.orphans == 3U);
  BOOST_TEST(now.orphans_waiting == 2U);
  BOOST_TEST(now.orphans_wait);
  // The operator's word outlives the process.
  BOOST_REQUIRE(f.call(0, wire::repair_replica_request{f.volume, true}));
  f.nodes[0]->stop();
  f.nodes[0]->start();
  now = f.trouble(0);
  BOOST_TEST(now.orphans == 3U);
  BOOST_TEST(now.orphans_waiting == 0U);
}

BOOST_AUTO_TEST_CASE(what_neither_the_replica_nor_a_source_has_is_named) {
  sealed_pair f;
  f.list.chunks = {f.entry(1), f.entry(2), f.entry(3), f.entry(4), f.entry(9)};
  order_result said = f.reconcile(0);
  BOOST_TEST(said.status == unavailable);
  BOOST_TEST((said.absent == std::vector{f.named(9)}));
  // Without a source there is nobody else to ask.
  said = f.reconcile(0, false);
  BOOST_TEST((said.absent == std::vector{f.named(9)}));
  // One that does not answer may have it.
  f.nodes[1]->stop();
  said = f.reconcile(0);
  BOOST_TEST(said.status == unavailable);
  BOOST_TEST(said.absent.empty());
}

BOOST_AUTO_TEST_CASE(a_lost_chunk_that_is_here_is_kept_and_named) {
  sealed_pair f;
  // It had been set aside before.
  f.list.chunks = {f.entry(1), f.entry(2), f.entry(3)};
  BOOST_TEST(f.reconcile(0).status == 0);
  BOOST_TEST(f.trouble(0).orphans == 1U);
  f.list.lost = {f.entry(4), f.entry(9)};
  order_result said = f.reconcile(0);
  BOOST_TEST(said.status == unavailable);
  BOOST_TEST((said.found == std::vector{f.named(4)}));
  BOOST_TEST(f.trouble(0).orphans == 0U);
  // The master lists it again.
  f.list.chunks.push_back(f.entry(4));
  f.list.lost = {f.entry(9)};
  said = f.reconcile(0);
  BOOST_TEST(said.status == 0);
  BOOST_TEST(said.found.empty());
  f.require_everywhere(4, f.content(4));
}

BOOST_AUTO_TEST_SUITE_END()
