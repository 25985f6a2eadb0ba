// What is decided about closed volumes.
#include "cluster/volume_scene.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::cluster::test {
namespace {

using kind = log_step::kind;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(volume_life_closed, scene)

BOOST_AUTO_TEST_CASE(complete_needs_everything_to_be_equal) {
  quiet(volume_state::closed);
  const replica_report whole = *replicas[0].report;
  BOOST_TEST(is_complete(info, whole));
  const std::vector<std::function<void(replica_report&)>> flaws = {
      [](replica_report& r) { r.generation = 2; },
      [](replica_report& r) { r.state = replica_state::open; },
      [](replica_report& r) { r.state = replica_state::recovering; },
      [](replica_report& r) { r.removal_number = 1; },
      [](replica_report& r) { r.digest.sum ^= 1; },
      [](replica_report& r) { r.digest.count += 1; },
      [](replica_report& r) { r.bad_records = 1; },
  };
  for (const auto& flaw : flaws) {
    replica_report r = whole;
    flaw(r);
    BOOST_TEST(!is_complete(info, r));
  }
  info.state = volume_state::sealed;
  BOOST_TEST(!is_complete(info, whole));
}

BOOST_AUTO_TEST_CASE(a_whole_volume_is_healthy_and_reopened_on_demand) {
  quiet(volume_state::closed);
  auto d = run();
  BOOST_TEST((d.condition == volume_condition::healthy));
  BOOST_TEST(d.complete == 2);
  BOOST_TEST(d.reopenable);
  BOOST_TEST((d.step.what == kind::none));
  in.wanted_open = true;
  d = run();
  BOOST_TEST((d.step.what == kind::reopen));
  BOOST_TEST(d.step.generation == 2);
}

BOOST_AUTO_TEST_CASE(what_forbids_reopening) {
  const std::vector<std::pair<const char*, std::function<void(scene&)>>> rows = {
      {"reclaim", [](scene& s) { s.in.reclaim_due = true; }},
      {"busy", [](scene& s) { s.in.busy = true; }},
      {"no room", [](scene& s) { s.replicas[0].report->length = 990'000; }},
      {"differs", [](scene& s) { s.replicas[0].report->digest.sum = 0; }},
      {"silent", [](scene& s) { s.silent(1, node_state::stale); }},
      {"removing", [](scene& s) { s.info.removal_number = 1; }},
      {"dead bytes",
       [](scene& s) {
         s.replicas[0].report->dead_bytes = s.replicas[0].report->length = 4'000'000;
       }},
      {"narrow",
       [](scene& s) {
         s.info.replication = 3;
         s.in.more_members_possible = true;
       }},
  };
  for (const auto& [name, knob] : rows) {
    scene s;
    s.quiet(volume_state::closed);
    s.in.wanted_open = true;
    knob(s);
    const auto d = s.run();
    BOOST_TEST(!d.reopenable, name);
    BOOST_TEST((d.step.what != kind::reopen), name);
  }
}

BOOST_AUTO_TEST_CASE(removals_go_in_sequence) {
  quiet(volume_state::closed);
  info.removal_number = 3;
  replicas[0].report->removal_number = 1;
  replicas[1].report->removal_number = 2;
  in.first_pending_removal = 2;
  auto d = run();
  BOOST_REQUIRE((find(d, 1, order_kind::remove_keys) != nullptr));
  BOOST_TEST(find(d, 1, order_kind::remove_keys)->removal_number == 2);
  BOOST_TEST(find(d, 2, order_kind::remove_keys)->removal_number == 3);
  BOOST_TEST((d.condition == volume_condition::removing));
  in.first_pending_removal = 3;  // the batch that node 1 needs is forgotten
  d = run();
  BOOST_TEST((find(d, 1, order_kind::remove_keys) == nullptr));
  BOOST_TEST((find(d, 1, order_kind::reconcile) != nullptr));
  in.safe_mode = true;
  BOOST_TEST(run().orders.empty());
}

BOOST_AUTO_TEST_CASE(a_difference_is_reconciled_from_complete_copies_first) {
  info.members.push_back(node(3));
  info.replication = 3;
  replicas.push_back(member(3));
  quiet(volume_state::closed);
  replicas[0].report->digest.sum = 1;
  replicas[1].report->digest.sum = 2;
  const auto d = run();
  const wanted_order* o = find(d, 1, order_kind::reconcile);
  BOOST_REQUIRE((o != nullptr));
  BOOST_TEST((o->sources == std::vector<node_id>{node(3), node(2)}));
  BOOST_TEST((find(d, 2, order_kind::reconcile) != nullptr));
  BOOST_TEST((d.condition == volume_condition::comparing));
}

BOOST_AUTO_TEST_CASE(a_surplus_copy_goes_only_when_enough_complete_ones_stay) {
  quiet(volume_state::closed);
  replicas.push_back(member(3));
  report(2, replica_state::sealed, 1);
  BOOST_TEST((find(run(), 3, order_kind::drop) != nullptr));
  in.safe_mode = true;
  BOOST_TEST((find(run(), 3, order_kind::drop) == nullptr));
  in.safe_mode = false;
  replicas[0].report->digest.sum = 1;
  BOOST_TEST((find(run(), 3, order_kind::drop) == nullptr));
  report(0, replica_state::sealed, 1);
  silent(0, node_state::stale);  // complete when last heard, but is it still there?
  BOOST_TEST((find(run(), 3, order_kind::drop) == nullptr));
}

BOOST_AUTO_TEST_CASE(an_equal_copy_is_taken_in_where_one_is_lacking) {
  info.members = {node(1)};
  replicas = {member(1), member(2)};
  quiet(volume_state::closed);
  report(1, replica_state::sealed, 1);
  auto d = run();
  BOOST_TEST((d.step.what == kind::members));
  BOOST_TEST((d.step.members == std::vector<node_id>{node(1), node(2)}));
  replicas[1].drop_ordered = true;
  BOOST_TEST((run().step.what == kind::none));
  replicas[1].drop_ordered = false;
  replicas[1].report->digest.sum = 1;
  d = run();
  BOOST_TEST((d.step.what == kind::none));
  BOOST_TEST((find(d, 2, order_kind::reconcile) != nullptr));
}

BOOST_AUTO_TEST_CASE(a_dead_member_is_given_up_when_another_is_complete) {
  quiet(volume_state::closed);
  silent(1, node_state::dead);
  const auto d = run();
  BOOST_TEST((d.step.what == kind::members));
  BOOST_TEST((d.step.members == std::vector<node_id>{node(1)}));
  replicas[0].report->digest.sum = 1;
  BOOST_TEST((run().step.what == kind::none));
}

BOOST_AUTO_TEST_CASE(a_lost_replica_is_copied_back_in_place) {
  quiet(volume_state::closed);
  replicas[1].report.reset();
  auto d = run();
  const wanted_order* o = find(d, 2, order_kind::copy);
  BOOST_REQUIRE((o != nullptr));
  BOOST_TEST((o->sources == std::vector<node_id>{node(1)}));
  report(1, replica_state::recovering, 1);  // broken off, or still at it: the same order stands
  BOOST_TEST((find(run(), 2, order_kind::copy) != nullptr));
}

BOOST_AUTO_TEST_CASE(a_repair_target_gets_a_copy) {
  info.members = {node(1)};
  replicas = {member(1), member(3)};
  quiet(volume_state::closed);
  in.repair_target = node(3);
  BOOST_TEST((find(run(), 3, order_kind::copy) != nullptr));
  replicas[0].report->digest.sum = 1;  // no complete source
  BOOST_TEST((find(run(), 3, order_kind::copy) == nullptr));
}

BOOST_AUTO_TEST_CASE(a_damaged_outsider_is_copied_over_where_it_is_the_target) {
  info.members = {node(1)};
  replicas = {member(1), member(3)};
  quiet(volume_state::closed);
  report(1, replica_state::damaged, 1);
  BOOST_TEST((find(run(), 3, order_kind::copy) == nullptr));
  in.repair_target = node(3);
  BOOST_TEST((find(run(), 3, order_kind::copy) != nullptr));
}

BOOST_AUTO_TEST_CASE(a_move_copies_then_changes_members_then_drops) {
  quiet(volume_state::closed);
  replicas.push_back(member(3));
  in.repair_target = node(3);
  in.move_from = node(1);
  in.held_closed = true;
  // Nothing of it is there yet.
  auto d = run();
  BOOST_TEST_REQUIRE(find(d, 3, order_kind::copy) != nullptr);
  BOOST_TEST((d.step.what == kind::none));
  // A copy under way is no surplus.
  report(2, replica_state::recovering, info.generation);
  d = run();
  BOOST_TEST(find(d, 3, order_kind::drop) == nullptr);
  BOOST_TEST(find(d, 3, order_kind::copy) != nullptr);
  // One that differs is compared before it counts.
  report(2, replica_state::sealed, info.generation);
  replicas[2].report->digest.sum ^= 1;
  d = run();
  BOOST_TEST((d.step.what == kind::none));
  BOOST_TEST(find(d, 3, order_kind::reconcile) != nullptr);
  // An equal one takes the place; nothing is dropped with the same step.
  report(2, replica_state::sealed, info.generation);
  d = run();
  BOOST_TEST((d.step.what == kind::members));
  BOOST_TEST((d.step.members == std::vector<node_id>{node(3), node(2)}));
  BOOST_TEST(find(d, 1, order_kind::drop) == nullptr);
  // The source goes only when all members are complete at the new generation.
  std::swap(replicas[0], replicas[2]);
  info.members = {node(3), node(2)};
  info.generation += 1;
  d = run();
  BOOST_TEST(find(d, 1, order_kind::drop) == nullptr);
  BOOST_TEST(find(d, 3, order_kind::set_generation) != nullptr);
  replicas[0].report->generation = replicas[1].report->generation = info.generation;
  d = run();
  BOOST_TEST(find(d, 1, order_kind::drop) != nullptr);
  BOOST_TEST(find(d, 3, order_kind::drop) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_volume_on_a_parting_node_is_sealed_and_stays_closed) {
  quiet(volume_state::open);
  replicas[0].parting = true;
  BOOST_TEST((run().step.what == kind::seal));
  quiet(volume_state::closed);
  in.wanted_open = true;
  BOOST_TEST((run().step.what == kind::none));
  replicas[0].parting = false;
  BOOST_TEST((run().step.what == kind::reopen));
  in.held_closed = true;
  BOOST_TEST((run().step.what == kind::none));
}

BOOST_AUTO_TEST_CASE(compaction_takes_one_replica_at_a_time) {
  quiet(volume_state::closed);
  for (auto& r : replicas) {
    r.report->length = 8'000'000;
    r.report->dead_bytes = 3'000'000;
  }
  settings.volume_size = 100'000'000;
  auto d = run();
  BOOST_TEST(d.orders.size() == 1);
  BOOST_TEST((find(d, 1, order_kind::compact) != nullptr));
  replicas[0].report->dead_bytes = 0;
  d = run();
  BOOST_TEST((find(d, 2, order_kind::compact) != nullptr));
  replicas[0].report->digest.sum = 1;  // the volume is not whole
  BOOST_TEST((find(run(), 2, order_kind::compact) == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
