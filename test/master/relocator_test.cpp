#include "master/relocator.hpp"

#include "meta/commands.hpp"
#include "meta/queries.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

namespace ssdfs::master {
namespace {

node_id node(std::uint8_t number) {
  uuid id{};
  id.data[15] = number;
  return node_id(id);
}

/// A state with one open volume of each class, and a relocator whose actions change it.
struct scene {
  scene() {
    meta::context& c = context;
    c.now_ms = c.wall_ms = 1'000'000;
    uuid cluster{};
    cluster.data[0] = 1;
    apply(meta::make_start(state, {node(9), cluster_id(cluster), false}, c));
    for (std::uint8_t cls = 1; cls <= 3; ++cls) {
      std::vector<node_id> members;
      for (std::uint8_t n = 1; n <= cls; ++n) members.push_back(node(n));
      volumes.push_back(state.next_volume());
      apply(meta::make_add_volume(state, members, cls, c));
    }
  }
  void apply(result<meta::record> change) {
    BOOST_REQUIRE(change.has_value());
    BOOST_REQUIRE(state.apply(*change, 0).has_value());
  }
  /// A file of one chunk in the volume of a class.
  void store(const std::string& path, std::uint8_t cls) {
    const volume_id volume = volumes[cls - 1];
    auto given = meta::make_grant(state, {volume, 4, 1 << 20, client}, context);
    BOOST_REQUIRE(given.has_value());
    const auto first = std::get<meta::grant_record>(given->body).first;
    apply(std::move(given));
    const meta::chunk_claim chunk{volume, first, 100, 77, 1};
    meta::create_request q;
    q.session = client;
    q.path = path;
    q.size = 100;
    q.crc32c = 77;
    q.replication = cls;
    q.chunks = {&chunk, 1};
    auto made = meta::make_create(state, q, context);
    BOOST_REQUIRE(made.has_value());
    apply(made->change);
  }
  void set_class(const std::string& path, std::uint8_t cls) {
    meta::attributes_request q;
    q.path = path;
    q.mask = meta::attribute_replication;
    q.replication = cls;
    auto made = meta::make_set_attributes(state, q, context);
    BOOST_REQUIRE(made.has_value());
    apply(made->change);
  }
  relocator::actions actions() {
    relocator::actions a;
    a.grant = [this](std::uint8_t cls, std::uint64_t bytes) -> std::optional<relocator::right> {
      if (no_grants) return std::nullopt;
      auto given = meta::make_grant(state, {volumes[cls - 1], 2, bytes, mover}, context);
      BOOST_REQUIRE(given.has_value());
      const auto body = std::get<meta::grant_record>(given->body);
      apply(std::move(given));
      relocator::right r;
      r.volume = body.volume;
      r.generation = body.generation;
      r.first_key = r.next_key = body.first;
      r.end_key = body.first + body.count;
      r.bytes_left = bytes;
      r.replicas = {{node(1), "a:1"}, {node(2), "b:2"}};
      ++grants;
      return r;
    };
    a.end_grant = [this](const relocator::right& r) {
      apply(meta::make_end_grant(state, r.volume, r.first_key, context));
      --grants;
    };
    a.relocate = [this](const meta::relocate_request& q) -> result<void> {
      meta::relocate_request own = q;
      own.session = mover;
      auto change = meta::make_relocate(state, own, context);
      if (!change) return change.error();
      apply(std::move(change));
      return {};
    };
    a.readers = [](volume_id) { return std::vector<replica_address>{{node(3), "c:3"}}; };
    return a;
  }
  std::uint8_t class_of(const std::string& path) {
    const auto entry = meta::lookup(state, path, {});
    BOOST_REQUIRE(entry.has_value());
    std::vector<meta::chunk_record> chunks;
    meta::chunks_of(state, entry->entry, chunks);
    return state.volumes().find(chunks.front().volume)->info.replication;
  }
  void walk(relocator& r) {
    for (int i = 0; i < 100 && !r.walked(); ++i) (void)r.step();
    BOOST_REQUIRE(r.walked());
  }
  meta::state state;
  meta::context context;
  std::vector<volume_id> volumes;
  client_id client{node(50).value};
  client_id mover{node(51).value};
  int grants = 0;
  bool no_grants = false;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(relocations, scene)

BOOST_AUTO_TEST_CASE(a_changed_class_moves_the_chunk_and_frees_the_old_one) {
  store("/a", 2);
  store("/b", 2);
  relocator moves(state, actions());
  walk(moves);
  BOOST_TEST(moves.left() == 0U);
  set_class("/a", 3);
  moves.wanted("/a");
  const auto work = moves.take(10, 0);
  BOOST_TEST_REQUIRE(work.size() == 1U);
  BOOST_TEST(work[0].size == 100U);
  BOOST_TEST(work[0].crc32c == 77U);
  BOOST_TEST((work[0].from_volume == volumes[1]));
  BOOST_TEST((work[0].volume == volumes[2]));
  BOOST_TEST_REQUIRE(work[0].chain.size() == 2U);
  BOOST_TEST(work[0].chain[0].address == "a:1");
  BOOST_TEST(work[0].chain[1].address == "b:2");
  BOOST_TEST(work[0].sources.front().address == "c:3");
  BOOST_TEST(class_of("/a") == 2);  // readable where it was until the new copy is entered
  BOOST_TEST(moves.left() == 1U);
  BOOST_TEST(moves.take(10, 0).empty());
  moves.finish(work[0].id, true, 0);
  BOOST_TEST(class_of("/a") == 3);
  BOOST_TEST(class_of("/b") == 2);
  BOOST_TEST(moves.left() == 0U);
  BOOST_TEST(state.volumes().freed_count() == 1U);
  moves.upkeep(60'000);
  BOOST_TEST(grants == 0);  // nothing keeps the volume from being closed
}

BOOST_AUTO_TEST_CASE(a_new_master_finds_what_is_left) {
  for (int i = 0; i < 10; ++i) store("/f" + std::to_string(i), 2);
  for (int i = 0; i < 7; ++i) set_class("/f" + std::to_string(i), 1);
  relocator moves(state, actions());
  walk(moves);
  BOOST_TEST(moves.left() == 7U);
  std::set<std::uint64_t> ids;
  for (int round = 0; round < 10 && moves.left() > 0; ++round) {
    for (const auto& work : moves.take(3, 0)) {
      BOOST_TEST(ids.insert(work.id).second);
      moves.finish(work.id, true, 0);
    }
  }
  BOOST_TEST(moves.left() == 0U);
  for (int i = 0; i < 10; ++i) BOOST_TEST(class_of("/f" + std::to_string(i)) == (i < 7 ? 1 : 2));
  moves.upkeep(60'000);
  BOOST_TEST(grants == 0);
}

BOOST_AUTO_TEST_CASE(what_failed_or_was_forgotten_is_given_again_with_another_key) {
  store("/a", 2);
  relocator moves(state, actions());
  walk(moves);
  set_class("/a", 3);
  moves.wanted("/a");
  const auto first = moves.take(1, 0);
  BOOST_TEST_REQUIRE(first.size() == 1U);
  moves.finish(first[0].id, false, 0);
  BOOST_TEST(moves.take(1, 10).empty());  // after a pause
  const auto second = moves.take(1, 2'000);
  BOOST_TEST_REQUIRE(second.size() == 1U);
  BOOST_TEST(second[0].key != first[0].key);
  moves.upkeep(200'000);  // nobody has said what became of it
  const auto third = moves.take(1, 210'000);
  BOOST_TEST_REQUIRE(third.size() == 1U);
  BOOST_TEST(third[0].key != second[0].key);
  moves.finish(second[0].id, true, 210'000);  // too late: nothing happens
  BOOST_TEST(class_of("/a") == 2);
  moves.finish(third[0].id, true, 210'000);
  BOOST_TEST(class_of("/a") == 3);
}

BOOST_AUTO_TEST_CASE(a_file_that_changed_meanwhile_is_left_alone) {
  store("/a", 2);
  store("/gone", 2);
  relocator moves(state, actions());
  walk(moves);
  for (const char* path : {"/a", "/gone"}) {
    set_class(path, 3);
    moves.wanted(path);
  }
  const auto work = moves.take(10, 0);
  BOOST_TEST_REQUIRE(work.size() == 2U);
  set_class("/a", 2);  // taken back: the chunk is where it should be
  meta::remove_request q;
  q.path = "/gone";
  q.skip_trash = true;
  auto made = meta::make_remove(state, q, context);
  BOOST_REQUIRE(made.has_value());
  apply(made->change);
  for (const auto& w : work) moves.finish(w.id, true, 0);
  while (state.reclaim_step(100)) {
  }
  for (int i = 0; i < 5; ++i) {
    walk(moves);
    for (const auto& w : moves.take(10, 5'000 * i + 5'000)) moves.finish(w.id, true, 0);
  }
  BOOST_TEST(class_of("/a") == 2);
  BOOST_TEST(moves.left() == 0U);
}

BOOST_AUTO_TEST_CASE(without_a_volume_it_waits) {
  store("/a", 2);
  set_class("/a", 3);
  no_grants = true;
  relocator moves(state, actions());
  walk(moves);
  BOOST_TEST(moves.take(10, 0).empty());
  BOOST_TEST(moves.left() == 1U);
  no_grants = false;
  BOOST_TEST(moves.take(10, 500).empty());  // a second later
  BOOST_TEST(moves.take(10, 1'500).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::master
