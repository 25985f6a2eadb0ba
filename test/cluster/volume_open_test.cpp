// What is decided about volumes that are open, or sealed.
#include "cluster/volume_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>

namespace ssdfs::cluster::test {
namespace {

using kind = log_step::kind;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(volume_life_open, scene)

BOOST_AUTO_TEST_CASE(a_new_volume_is_made_on_all_members_then_ready) {
  info.next_key = 1;
  info.digest = {};
  auto d = run();
  BOOST_TEST(d.orders.size() == 2);
  BOOST_TEST((find(d, 1, order_kind::create) != nullptr));
  BOOST_TEST(!d.ready);
  report(0, replica_state::open, 1);
  d = run();
  BOOST_TEST(d.orders.size() == 1);
  BOOST_TEST(!d.ready);
  report(1, replica_state::open, 1);
  d = run();
  BOOST_TEST(d.orders.empty());
  BOOST_TEST(d.ready);
  BOOST_TEST((d.condition == volume_condition::open));
}

BOOST_AUTO_TEST_CASE(nothing_happens_before_the_record_is_committed) {
  in.life_committed = false;
  const auto d = run();
  BOOST_TEST(d.orders.empty());
  BOOST_TEST((d.step.what == kind::none));
  BOOST_TEST(!d.ready);
  BOOST_TEST((d.condition == volume_condition::waiting_for_log));
}

BOOST_AUTO_TEST_CASE(reasons_to_seal) {
  struct row {
    const char* name;
    std::function<void(scene&)> knob;
    seal_reason reason;
  };
  const std::vector<row> rows = {
      {"nothing", [](scene&) {}, seal_reason::none},
      {"operator", [](scene& s) { s.in.seal_requested = true; }, seal_reason::operator_request},
      {"start", [](scene& s) { s.in.opened_before_start = true; }, seal_reason::master_started},
      {"chain", [](scene& s) { s.in.chain_failed = true; }, seal_reason::member_failed},
      {"stale", [](scene& s) { s.silent(1, node_state::stale); }, seal_reason::member_failed},
      {"dead", [](scene& s) { s.silent(0, node_state::dead); }, seal_reason::member_failed},
      {"restarted", [](scene& s) { s.replicas[1].restarted = true; },
       seal_reason::member_restarted},
      {"about to stop", [](scene& s) { s.replicas[1].stopping = true; },
       seal_reason::member_restarted},
      {"lost", [](scene& s) { s.replicas[1].report.reset(); }, seal_reason::member_failed},
      {"damaged", [](scene& s) { s.report(1, replica_state::damaged, 1); },
       seal_reason::member_failed},
      {"sealed itself", [](scene& s) { s.report(0, replica_state::sealed, 1); },
       seal_reason::member_failed},
      {"full", [](scene& s) { s.info.granted_bytes = 995'000; }, seal_reason::full},
      {"full, but granted",
       [](scene& s) {
         s.info.granted_bytes = 995'000;
         s.in.grants_outstanding = true;
       },
       seal_reason::none},
      {"reclaim",
       [](scene& s) {
         s.in.reclaim_due = true;
         s.in.open_for_ms = 60'000;
       },
       seal_reason::reclaim},
      {"reclaim, but young", [](scene& s) { s.in.reclaim_due = true; }, seal_reason::none},
      {"a surplus replica",
       [](scene& s) {
         s.replicas.push_back(s.member(3));
         s.report(2, replica_state::sealed, 1);
         s.in.open_for_ms = 60'000;
       },
       seal_reason::reclaim},
      {"a surplus replica of a silent node",
       [](scene& s) {
         s.replicas.push_back(s.member(3));
         s.report(2, replica_state::sealed, 1);
         s.silent(2, node_state::stale);
         s.in.open_for_ms = 60'000;
       },
       seal_reason::none},
      {"narrow",
       [](scene& s) {
         s.info.replication = 3;
         s.in.more_members_possible = true;
       },
       seal_reason::degraded},
      {"narrow, no way to be wider", [](scene& s) { s.info.replication = 3; }, seal_reason::none},
  };
  for (const row& r : rows) {
    scene s;
    s.quiet(volume_state::open);
    r.knob(s);
    const auto d = s.run();
    BOOST_TEST((d.step.what == kind::seal) == (r.reason != seal_reason::none), r.name);
    BOOST_TEST((d.step.reason == r.reason), r.name);
    if (r.reason != seal_reason::none) BOOST_TEST(!d.ready, r.name);
  }
}

BOOST_AUTO_TEST_CASE(a_young_volume_is_looked_at_again_for_reclaim) {
  quiet(volume_state::open);
  in.reclaim_due = true;
  in.open_for_ms = 20'000;
  BOOST_TEST(run().again_in_ms == 40'000);
}

BOOST_AUTO_TEST_CASE(a_member_that_registers_again_holds_grants_back_but_seals_nothing) {
  quiet(volume_state::open);
  replicas[0].usable = false;
  replicas[0].report.reset();
  const auto d = run();
  BOOST_TEST((d.step.what == kind::none));
  BOOST_TEST(!d.ready);
}

BOOST_AUTO_TEST_CASE(reopening_orders_only_replicas_that_are_equal) {
  info.generation = 2;
  info.state = volume_state::open;
  report(0, replica_state::sealed, 1);
  report(1, replica_state::open, 2);
  auto d = run();
  BOOST_TEST((find(d, 1, order_kind::reopen) != nullptr));
  BOOST_TEST((d.step.what == kind::none));
  replicas[0].report->digest.sum = 1;
  d = run();
  BOOST_TEST((d.step.reason == seal_reason::member_failed));
  BOOST_TEST(d.orders.empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(volume_life_sealed, scene)

BOOST_AUTO_TEST_CASE(members_are_sealed_then_the_volume_is_closed) {
  quiet(volume_state::open);
  info.state = volume_state::sealed;
  auto d = run();
  BOOST_TEST(d.orders.size() == 2);
  BOOST_TEST((find(d, 1, order_kind::seal) != nullptr));
  BOOST_TEST((d.step.what == kind::none));
  report(0, replica_state::sealed, 1);
  report(1, replica_state::sealed, 1);
  replicas[1].report->length = 5'000;
  d = run();
  BOOST_TEST((d.step.what == kind::close));
  BOOST_TEST(d.step.length == 5'000);
}

BOOST_AUTO_TEST_CASE(grants_hold_the_close_back) {
  quiet(volume_state::sealed);
  in.grants_outstanding = true;
  const auto d = run();
  BOOST_TEST((d.step.what == kind::none));
  BOOST_TEST((d.condition == volume_condition::sealed_for_grants));
}

BOOST_AUTO_TEST_CASE(a_silent_member_is_waited_for_a_dead_one_is_taken_off) {
  quiet(volume_state::sealed);
  replicas[1].report.reset();
  silent(1, node_state::stale);
  BOOST_TEST((run().step.what == kind::none));
  silent(1, node_state::dead);
  const auto d = run();
  BOOST_TEST((d.step.what == kind::members));
  BOOST_TEST((d.step.members == std::vector<node_id>{node(1)}));
  BOOST_TEST(d.step.generation == 2);
}

BOOST_AUTO_TEST_CASE(nobody_is_taken_off_while_no_other_has_acked) {
  quiet(volume_state::sealed);
  report(0, replica_state::open, 1);
  replicas[1].report.reset();
  silent(1, node_state::dead);
  BOOST_TEST((run().step.what == kind::none));
}

BOOST_AUTO_TEST_CASE(repair_waits_for_safe_mode_and_network_faults) {
  quiet(volume_state::sealed);
  replicas[1].report.reset();
  silent(1, node_state::dead);
  in.safe_mode = true;
  BOOST_TEST((run().step.what == kind::none));
  in.safe_mode = false;
  in.mass_silence = true;
  BOOST_TEST((run().step.what == kind::none));
}

BOOST_AUTO_TEST_CASE(a_dead_member_that_acked_does_not_hold_the_close_back) {
  quiet(volume_state::sealed);
  silent(1, node_state::dead);
  BOOST_TEST((run().step.what == kind::close));
}

BOOST_AUTO_TEST_CASE(a_member_without_its_replica_is_taken_off) {
  quiet(volume_state::sealed);
  replicas[0].report.reset();
  const auto d = run();
  BOOST_TEST((d.step.what == kind::members));
  BOOST_TEST((d.step.members == std::vector<node_id>{node(2)}));
}

BOOST_AUTO_TEST_CASE(without_content_a_lost_replica_is_made_again) {
  quiet(volume_state::sealed);
  info.digest = {};
  replicas[0].report.reset();
  auto d = run();
  BOOST_TEST((d.step.what == kind::none));
  BOOST_TEST((find(d, 1, order_kind::create) != nullptr));
  in.grants_outstanding = true;  // a commit may still come
  d = run();
  BOOST_TEST((find(d, 1, order_kind::create) == nullptr));
}

/// Else it would stay as it is for ever: what is deleted is reclaimed only in closed volumes.
BOOST_AUTO_TEST_CASE(a_lost_replica_is_made_again_when_all_files_in_it_are_deleted) {
  quiet(volume_state::sealed);
  replicas[0].report.reset();
  replicas[1].report.reset();
  in.freed_chunks = 2;
  auto d = run();
  BOOST_TEST(d.orders.empty());
  BOOST_TEST((d.condition == volume_condition::sealed_without_copy));
  in.freed_chunks = 3;
  d = run();
  BOOST_TEST(find(d, 1, order_kind::create));
  BOOST_TEST(find(d, 2, order_kind::create));
  in.grants_outstanding = true;  // something may be committed yet
  BOOST_TEST(run().orders.empty());
}

BOOST_AUTO_TEST_CASE(a_member_of_an_older_generation_takes_the_new_one) {
  info.generation = 3;
  quiet(volume_state::sealed);
  report(1, replica_state::sealed, 2);
  auto d = run();
  const wanted_order* o = find(d, 2, order_kind::set_generation);
  BOOST_REQUIRE((o != nullptr));
  BOOST_TEST(o->generation == 3);
  report(1, replica_state::open, 2);  // sealed as what it is
  d = run();
  o = find(d, 2, order_kind::seal);
  BOOST_REQUIRE((o != nullptr));
  BOOST_TEST(o->generation == 2);
}

BOOST_AUTO_TEST_CASE(a_generation_that_the_log_never_gave_is_overtaken) {
  quiet(volume_state::sealed);
  report(1, replica_state::open, 4);
  const auto d = run();
  BOOST_TEST((d.step.what == kind::members));
  BOOST_TEST((d.step.members == info.members));
  BOOST_TEST(d.step.generation == 2);
}

BOOST_AUTO_TEST_CASE(when_all_members_are_lost_others_that_hold_it_take_their_place) {
  quiet(volume_state::sealed);
  replicas[0].report.reset();
  replicas[1].report.reset();
  silent(1, node_state::dead);
  replicas.push_back(member(3));
  report(2, replica_state::open, 1);
  const auto d = run();
  BOOST_TEST((d.step.what == kind::members));
  BOOST_TEST((d.step.members == std::vector<node_id>{node(3)}));
}

BOOST_AUTO_TEST_CASE(without_any_replica_it_waits) {
  quiet(volume_state::sealed);
  replicas[0].report.reset();
  replicas[1].report.reset();
  silent(0, node_state::dead);
  silent(1, node_state::dead);
  const auto d = run();
  BOOST_TEST((d.step.what == kind::none));
  BOOST_TEST((d.condition == volume_condition::sealed_without_copy));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
