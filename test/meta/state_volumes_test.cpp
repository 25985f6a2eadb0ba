// The life of volumes, grants, chunks and reigns in the replayed state.
#include "base/crc32c.hpp"
#include "meta/state_util.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::meta {
namespace {

using test::require_error;
using test::state_rig;
using test::test_client;
using test::test_cluster;
using test::test_node;

}  // namespace

BOOST_AUTO_TEST_SUITE(state_volumes)

BOOST_AUTO_TEST_CASE(a_key_is_committed_at_most_once) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v, 200);
  const std::uint32_t crc = 9;
  const chunk_claim twice[] = {{v, key, 5, crc, 1}, {v, key, 5, crc, 1}};
  create_request q;
  q.session = test_client(1);
  q.path = "/twice";
  q.size = 10;
  q.crc32c = crc32c_combine(crc, crc, 5);
  q.chunks = twice;
  require_error(make_create(rig.state(), q, rig.context()), errc::invalid_argument);
  for (std::uint32_t i = 0; i < 200; ++i) {
    BOOST_REQUIRE(rig.create("/f" + std::to_string(i), v, key + i).has_value());
  }
  for (std::uint32_t i = 0; i < 200; ++i) {
    require_error(rig.create("/again", v, key + i), errc::key_conflict);
  }
  // Not even after the file that had it is gone and the grant has ended.
  BOOST_REQUIRE(rig.remove("/f7", false, true).has_value());
  require_error(rig.create("/again", v, key + 7), errc::key_conflict);
  rig.end_grant(v, key);
  require_error(rig.create("/again", v, key + 7), errc::regrant);
}

BOOST_AUTO_TEST_CASE(a_commit_names_only_chunks_of_its_own_sessions_grants) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  const chunk_claim chunks[] = {{v, key, 10, 5, 1}, {v, key + 1, 10, 5, 1}};
  create_request q;
  q.path = "/taken";
  q.size = 10;
  q.crc32c = 5;
  q.chunks = {chunks, 1};
  for (const client_id& stranger : {test_client(2), client_id()}) {
    q.session = stranger;
    require_error(make_create(rig.state(), q, rig.context()), errc::permission_denied);
  }
  // Nor one beside its own.
  rig.log_record(make_grant(rig.state(), {v, 4, 100, test_client(2)}, rig.context()));
  const chunk_claim mixed[] = {{v, key + 16, 10, 5, 1}, chunks[0]};
  q.session = test_client(2);
  q.size = 20;
  q.crc32c = crc32c_combine(5, 5, 10);
  q.chunks = mixed;
  require_error(make_create(rig.state(), q, rig.context()), errc::permission_denied);
  BOOST_TEST(rig.state().volumes().find(v)->info.digest.count == 0U);
  BOOST_TEST(rig.create("/mine", v, key).has_value());
}

BOOST_AUTO_TEST_CASE(commits_are_accepted_while_sealed_and_refused_once_closed) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  rig.log_record(make_seal(rig.state(), v, seal_reason::member_failed, rig.context()));
  require_error(make_grant(rig.state(), {v, 1, 1, {}}, rig.context()), errc::sealed);
  BOOST_REQUIRE(rig.create("/a", v, key).has_value());
  require_error(make_close(rig.state(), v, 0, rig.context()), errc::busy);
  rig.end_grant(v, key);
  rig.log_record(make_close(rig.state(), v, 512, rig.context()));
  require_error(rig.create("/b", v, key + 1), errc::regrant);
  rig.log_record(make_reopen(rig.state(), v, rig.context()));
  const volume_info& info = rig.state().volumes().find(v)->info;
  BOOST_TEST(info.generation == 2U);
  BOOST_TEST(info.length == 512U);
  BOOST_TEST(info.granted_bytes == 512U);
  const chunk_key next = rig.grant(v);
  BOOST_TEST(next == key + 16);
  BOOST_REQUIRE(rig.create("/b", v, next).has_value());
}

BOOST_AUTO_TEST_CASE(a_grant_stays_valid_across_a_change_of_members) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  rig.log_record(make_seal(rig.state(), v, seal_reason::member_failed, rig.context()));
  const node_id members[] = {test_node(12)};
  rig.log_record(make_members(rig.state(), v, members, rig.context()));
  chunk_claim chunk{v, key, 10, 5, 1};
  create_request q;
  q.session = test_client(1);
  q.path = "/g";
  q.size = 10;
  q.crc32c = 5;
  q.chunks = {&chunk, 1};
  BOOST_TEST(rig.finish(make_create(rig.state(), q, rig.context())).has_value());
}

BOOST_AUTO_TEST_CASE(overwriting_frees_the_old_chunks) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  BOOST_REQUIRE(rig.create("/a", v, key).has_value());
  auto replaced = rig.create("/a", v, key + 1, 50, true);
  BOOST_REQUIRE(replaced.has_value());
  BOOST_TEST(replaced->replaced);
  const volume_entry& entry = *rig.state().volumes().find(v);
  BOOST_REQUIRE(entry.freed.size() == 1U);
  BOOST_TEST(entry.freed.front().key == key);
  BOOST_TEST(entry.info.digest.count == 2U);
}

BOOST_AUTO_TEST_CASE(reclaim_waits_for_grace_and_close_and_numbers_its_batches) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  for (std::uint32_t i = 0; i < 5; ++i) {
    BOOST_REQUIRE(rig.create("/d/" + std::to_string(i), v, key + i).has_value());
  }
  BOOST_REQUIRE(rig.remove("/d", true, true).has_value());
  BOOST_TEST(!rig.exists("/d"));
  while (rig.state().reclaim_step(1)) {
  }
  BOOST_TEST(rig.state().volumes().find(v)->freed.size() == 5U);
  rig.advance(rig.context().delete_grace_ms + 2000);
  auto open = make_reclaim(rig.state(), v, rig.context());
  BOOST_REQUIRE(open.has_value());
  BOOST_TEST(!open->has_value());
  rig.close(v);

  rig.context().max_reclaim_keys = 3;
  for (std::uint64_t number = 1; number <= 2; ++number) {
    auto reclaim = make_reclaim(rig.state(), v, rig.context());
    BOOST_REQUIRE(reclaim.has_value() && reclaim->has_value());
    rig.log_record(std::move(**reclaim));
    BOOST_TEST(rig.state().volumes().find(v)->info.removal_number == number);
  }
  const volume_entry& entry = *rig.state().volumes().find(v);
  BOOST_TEST((entry.info.digest == volume_digest{}));
  BOOST_TEST(entry.freed_bytes == 0U);
  BOOST_REQUIRE(entry.removals.size() == 2U);
  BOOST_TEST(entry.removals[1].keys.size() == 2U);
  require_error(make_reopen(rig.state(), v, rig.context()), errc::busy);

  // Replay frees the removed directory only when the RECLAIM asks for it.
  auto twin = rig.replay();
  BOOST_TEST(twin->digest() == rig.state().digest());
  rig.state().confirm_removals(rig.state().volumes().slot_of(v), 2);
  BOOST_TEST(make_reopen(rig.state(), v, rig.context()).has_value());
}

BOOST_AUTO_TEST_CASE(a_chunk_inside_its_grace_is_not_reclaimed) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  BOOST_REQUIRE(rig.create("/a", v, key).has_value());
  BOOST_REQUIRE(rig.remove("/a", false, true).has_value());
  rig.close(v);
  rig.advance(rig.context().delete_grace_ms);
  BOOST_TEST(!make_reclaim(rig.state(), v, rig.context())->has_value());
  rig.advance(1000);
  BOOST_TEST(make_reclaim(rig.state(), v, rig.context())->has_value());
}

namespace {

// What state_rig's files of one chunk hold.
stored_chunk chunk_of(chunk_key key, std::uint32_t size = 100) {
  return {key, size, crc_value(size * 7)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_lost_chunk_leaves_the_digest_until_it_turns_up_or_its_file_goes) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  for (std::uint32_t i = 0; i < 3; ++i) {
    BOOST_REQUIRE(rig.create("/" + std::to_string(i), v, key + i).has_value());
  }
  const stored_chunk lost[] = {chunk_of(key), chunk_of(key + 1)};
  require_error(make_lost(rig.state(), v, lost, rig.context()), errc::sealed);
  rig.close(v);
  rig.log_record(make_lost(rig.state(), v, lost, rig.context()));
  const volume_table& volumes = rig.state().volumes();
  volume_digest left;
  left.add(key + 2, 100, 700);
  BOOST_TEST((volumes.find(v)->info.digest == left));
  BOOST_TEST(volumes.lost_count() == 2U);
  BOOST_TEST(volumes.is_lost(v, key));
  BOOST_TEST(!volumes.is_lost(v, key + 2));
  require_error(make_lost(rig.state(), v, lost, rig.context()), errc::precondition);
  // A file that goes takes its lost chunk along: there is nothing to remove.
  BOOST_REQUIRE(rig.remove("/1", false, true).has_value());
  BOOST_TEST(volumes.lost_count() == 1U);
  BOOST_TEST(volumes.freed_count() == 0U);
  // Found: only as it was, and only once.
  const stored_chunk other[] = {chunk_of(key, 99), chunk_of(key + 2)};
  require_error(make_found(rig.state(), v, other, rig.context()), errc::precondition);
  rig.log_record(make_found(rig.state(), v, lost, rig.context()));
  left.add(key, 100, 700);
  BOOST_TEST((volumes.find(v)->info.digest == left));
  BOOST_TEST(volumes.lost_count() == 0U);
  require_error(make_found(rig.state(), v, lost, rig.context()), errc::precondition);
  BOOST_REQUIRE(rig.remove("/0", false, true).has_value());
  BOOST_TEST(volumes.freed_count() == 1U);
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

BOOST_AUTO_TEST_CASE(what_waits_for_its_removal_is_not_lost) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  BOOST_REQUIRE(rig.create("/a", v, key).has_value());
  BOOST_REQUIRE(rig.remove("/a", false, true).has_value());
  rig.close(v);
  const stored_chunk lost[] = {chunk_of(key)};
  require_error(make_lost(rig.state(), v, lost, rig.context()), errc::precondition);
}

// Live, the chunks of a removed directory are freed bit by bit; in replay at another time.
BOOST_AUTO_TEST_CASE(a_lost_chunk_of_a_removed_directory_is_gone_in_either_order) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  BOOST_REQUIRE(rig.create("/d/a", v, key).has_value());
  BOOST_REQUIRE(rig.create("/d/b", v, key + 1).has_value());
  rig.close(v);
  BOOST_REQUIRE(rig.remove("/d", true, true).has_value());
  const stored_chunk lost[] = {chunk_of(key)};
  rig.log_record(make_lost(rig.state(), v, lost, rig.context()));
  const auto drain = [](state& s) {
    while (s.reclaim_step(1)) {
    }
  };
  const std::size_t before = rig.log().size();
  drain(rig.state());
  BOOST_TEST(rig.state().volumes().lost_count() == 0U);
  BOOST_TEST(rig.state().volumes().freed_count() == 1U);
  BOOST_TEST(before == rig.log().size());
  // Another state had freed the chunk before it heard that it is lost.
  auto twin = rig.replay();
  drain(*twin);
  BOOST_TEST(twin->volumes().lost_count() == 0U);
  BOOST_TEST(twin->volumes().freed_count() == 1U);
  BOOST_TEST(twin->digest() == rig.state().digest());
}

BOOST_AUTO_TEST_CASE(relocation_is_a_compare_and_set) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const volume_id w = rig.add_volume();
  const chunk_key key = rig.grant(v);
  const chunk_key target = rig.grant(w);
  BOOST_REQUIRE(rig.create("/a", v, key, 10).has_value());
  relocate_request q{"/a", 0, {v, key, 10, crc_value(70)}, {w, target, 10, 70, 1}, test_client(2)};
  require_error(make_relocate(rig.state(), q, rig.context()), errc::permission_denied);
  q.session = test_client(1);
  rig.log_record(make_relocate(rig.state(), q, rig.context()));
  require_error(make_relocate(rig.state(), q, rig.context()), errc::changed);
  BOOST_TEST(rig.state().volumes().find(w)->info.digest.count == 1U);
  BOOST_TEST(rig.state().volumes().find(v)->freed.size() == 1U);
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

BOOST_AUTO_TEST_CASE(epochs_clusters_nodes_and_marks) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  BOOST_TEST(v == volume_id(std::uint64_t{1} << 32 | 1));
  rig.start();
  BOOST_TEST(rig.state().epoch() == epoch_t(2));
  BOOST_TEST(rig.add_volume() == volume_id(std::uint64_t{2} << 32 | 1));
  rig.log_record(make_start(rig.state(), {test_node(2), test_cluster(), true}, rig.context()));
  BOOST_TEST(rig.state().epoch() == epoch_t(256));
  require_error(make_start(rig.state(), {test_node(2), test_cluster(9)}, rig.context()),
                errc::wrong_cluster);
  BOOST_TEST(rig.state().epoch_of(ssdfs::txid(2)) == epoch_t(1));
  BOOST_TEST(rig.state().epoch_of(ssdfs::txid(3)) == epoch_t(2));

  rig.log_record(
      make_node(rig.state(), test_node(4), {node_decision::maintenance, 99}, rig.context()));
  BOOST_TEST((rig.state().nodes().at(test_node(4)) == node_entry{node_decision::maintenance, 99}));
  rig.log_record(make_mark(rig.state(), rig.context()));
  rig.log_record(make_node(rig.state(), test_node(4), {}, rig.context()));
  BOOST_TEST(rig.state().nodes().empty());
  BOOST_TEST(rig.replay()->digest() == rig.state().digest());

  record wrong = make_mark(rig.state(), rig.context());
  std::get<mark_record>(wrong.body).digest.value ^= 1;
  auto diverged = rig.state().apply(wrong, 0);
  require_error(diverged, errc::damaged);
}

BOOST_AUTO_TEST_CASE(a_rebalance_is_what_was_asked_for_last) {
  state_rig rig;
  const auto log = [&](rebalance_phase phase, std::uint32_t permille) {
    rig.log_record(make_rebalance(rig.state(), {phase, permille}, rig.context()));
    BOOST_TEST((rig.state().rebalance() == rebalance_entry{phase, permille}));
    rig.log_record(make_mark(rig.state(), rig.context()));
  };
  const auto refused = [&](rebalance_phase phase, std::uint32_t permille, errc why) {
    require_error(make_rebalance(rig.state(), {phase, permille}, rig.context()), why);
  };
  const std::uint64_t before = rig.state().digest();
  for (const auto phase : {rebalance_phase::paused, rebalance_phase::done}) {
    refused(phase, 100, errc::precondition);
  }
  refused(rebalance_phase::running, 0, errc::invalid_argument);
  refused(rebalance_phase::running, 1001, errc::invalid_argument);
  refused(rebalance_phase::none, 0, errc::invalid_argument);
  log(rebalance_phase::running, 100);
  BOOST_TEST(rig.state().digest() != before);
  log(rebalance_phase::paused, 100);
  const std::uint64_t paused = rig.state().digest();
  log(rebalance_phase::running, 1);
  log(rebalance_phase::done, 1);
  refused(rebalance_phase::stopped, 1, errc::precondition);
  log(rebalance_phase::running, 100);
  log(rebalance_phase::paused, 100);
  BOOST_TEST(rig.state().digest() == paused);
  log(rebalance_phase::stopped, 100);
  // A new reign changes nothing about it.
  log(rebalance_phase::running, 1000);
  rig.start();
  BOOST_TEST(rig.state().rebalance().active());
  const auto twin = rig.replay();
  BOOST_TEST(twin->digest() == rig.state().digest());
  BOOST_TEST((twin->rebalance() == rig.state().rebalance()));
}

BOOST_AUTO_TEST_CASE(a_rebalance_that_does_not_fit_is_a_divergence) {
  const auto refused = [](state_rig& rig, rebalance_record body) {
    record r;
    r.txid = rig.state().last_txid().next();
    r.time_ms = rig.state().log_time_ms();
    r.body = body;
    require_error(rig.state().apply(r, 0), errc::damaged);
  };
  state_rig rig;
  refused(rig, {});
  refused(rig, {rebalance_phase::paused, 100});
  refused(rig, {rebalance_phase::done, 100});
  refused(rig, {rebalance_phase::running, 0});
  refused(rig, {rebalance_phase::running, 1001});
  BOOST_TEST((rig.state().rebalance() == rebalance_entry{}));
}

// A log of version 1: its START says nothing of a format. Its MARK has the digest of the image that
// was the example of version 1.
BOOST_AUTO_TEST_CASE(a_log_of_version_1_goes_on_as_one_of_version_2) {
  const std::string_view old[] = {
      R"({"txid":"1","op":"START","time":1700000000000,"epoch":1,)"
      R"("leader":"00000000-0000-0000-0000-000000000001",)"
      R"("cluster":"aa000000-0000-0000-0000-000000000001","crc":"57db967e"})",
      R"({"txid":"2","op":"CREATE","time":1700000000000,"path":"/a","mtime":1700000000000,)"
      R"("replication":2,"owner":"root","group":"root","crc":"cf3b5a04"})",
      R"({"txid":"3","op":"MARK","time":1700000000000,"files":1,"digest":"1f758e545c712540",)"
      R"("crc":"c230ea43"})"};
  state s;
  line_parser parser;
  record r;
  for (const std::string_view line : old) {
    const auto crc = parser.parse(line, s.chain(), r);
    BOOST_REQUIRE_MESSAGE(crc.has_value(), test::why(crc));
    const auto applied = s.apply(r, *crc);
    BOOST_REQUIRE_MESSAGE(applied.has_value(), test::why(applied));
  }
  context c;
  c.now_ms = s.log_time_ms();
  const auto started = make_start(s, {test::test_node(1), test::test_cluster()}, c);
  BOOST_REQUIRE(started.has_value());
  BOOST_TEST(std::get<start_record>(started->body).format == edits_format_version);
  BOOST_TEST(s.apply(*started, 0).has_value());
  const auto asked = make_rebalance(s, {rebalance_phase::running, 100}, c);
  BOOST_REQUIRE(asked.has_value());
  BOOST_TEST(s.apply(*asked, 0).has_value());
}

BOOST_AUTO_TEST_CASE(misfits_are_reported_with_their_txid) {
  state_rig rig;
  record r;
  r.txid = rig.state().last_txid().next();
  r.time_ms = rig.state().log_time_ms();
  r.body = delete_record{"/nothing"};
  auto done = rig.state().apply(r, 0);
  require_error(done, errc::damaged);
  BOOST_TEST(done.error().message().find("txid 2: DELETE") != std::string::npos);
  r.body = start_record{epoch_t(9), {}, test_cluster(), ssdfs::txid(1), 99};
  require_error(rig.state().apply(r, 0), errc::unsupported);
  r.txid = r.txid.next();
  require_error(rig.state().apply(r, 0), errc::damaged);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
