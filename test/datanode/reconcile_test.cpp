// What a reconcile does with chunks that are not listed.
#include "datanode/node_fixture.hpp"
#include "wire/health_messages.hpp"

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

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
  order_result reconcile(std::size_t node) {
    master.set_live_chunks(volume, list);
    return order_to(node, {.kind = order_kind::reconcile,
                           .volume = volume,
                           .generation = 1,
                           .sources = {address_of(1 - node)}});
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

BOOST_AUTO_TEST_SUITE_END()
