#include "cluster/volume_life.hpp"

#include "cluster/fixtures.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

namespace ssdfs::cluster::test {
namespace {

using kind = log_step::kind;

/// A volume with two members, and knobs.
struct scene {
  scene() {
    info.id = volume(1);
    info.members = {node(1), node(2)};
    info.digest = {3, 300, 77};
    info.next_key = 10;
    replicas = {member(1), member(2)};
    settings.volume_size = 1'000'000;
    settings.min_grant_bytes = 10'000;
  }
  [[nodiscard]] replica_view member(std::uint8_t number) const {
    replica_view r;
    r.node = node(number);
    r.state = node_state::live;
    r.usable = true;
    return r;
  }
  void report(std::size_t at, replica_state state, generation_t generation) {
    replica_report r;
    r.id = info.id;
    r.generation = generation;
    r.state = state;
    r.length = 1'000;
    r.removal_number = info.removal_number;
    r.digest = info.digest;
    replicas[at].report = r;
  }
  void silent(std::size_t at, node_state state) {
    replicas[at].state = state;
    replicas[at].usable = false;
  }
  volume_decision run() {
    in.info = &info;
    in.replicas = replicas;
    return decide(in, settings);
  }
  /// All members as an untroubled volume of this state has them.
  void quiet(volume_state state) {
    info.state = state;
    for (std::size_t i = 0; i < info.members.size(); ++i) {
      report(i, state == volume_state::open ? replica_state::open : replica_state::sealed,
             info.generation);
    }
    in.was_ready = state == volume_state::open;
  }
  [[nodiscard]] static const wanted_order* find(const volume_decision& d, std::uint8_t number,
                                                order_kind what) {
    for (const wanted_order& o : d.orders) {
      if (o.node == node(number) && o.kind == what) return &o;
    }
    return nullptr;
  }
  volume_info info;
  std::vector<replica_view> replicas;
  volume_situation in;
  life_settings settings;
};

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

BOOST_AUTO_TEST_SUITE(volume_life_any)

/// Whatever the situation: the decision is made, is the same when made again, and keeps the rules
/// that protect data.
BOOST_AUTO_TEST_CASE(random_situations_keep_the_rules) {
  std::mt19937_64 random(42);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 50'000; ++round) {
    scene s;
    s.info.state = static_cast<volume_state>(1 + pick(3));
    s.info.replication = static_cast<std::uint8_t>(1 + pick(3));
    s.info.generation = static_cast<generation_t>(1 + pick(3));
    s.info.removal_number = pick(2);
    s.info.digest = pick(4) == 0 ? volume_digest{} : volume_digest{3, 300, 77};
    s.info.members.clear();
    s.replicas.clear();
    const std::size_t members = 1 + pick(3);
    const std::size_t all = members + pick(3);
    for (std::uint8_t i = 1; i <= all; ++i) {
      replica_view r = s.member(i);
      if (i <= members) s.info.members.push_back(node(i));
      r.state = static_cast<node_state>(pick(4) == 0 ? 1 + pick(2) : 0);
      r.usable = r.state == node_state::live && pick(8) != 0;
      r.restarted = pick(6) == 0;
      r.drop_ordered = pick(8) == 0;
      r.parting = pick(6) == 0;
      s.replicas.push_back(r);
      if (i > members || pick(6) != 0) {
        s.report(i - 1, static_cast<replica_state>(1 + pick(pick(3) == 0 ? 4 : 2)),
                 static_cast<generation_t>(1 + pick(3)));
        replica_report& report = *s.replicas[i - 1].report;
        report.removal_number = pick(2);
        report.dead_bytes = pick(5) == 0 ? 2'000'000 : 0;
        if (pick(4) == 0) report.digest.sum ^= 5;
      }
    }
    s.in.grants_outstanding = pick(3) == 0;
    s.in.was_ready = pick(2) == 0;
    s.in.opened_before_start = pick(6) == 0;
    s.in.chain_failed = pick(6) == 0;
    s.in.reclaim_due = pick(3) == 0;
    s.in.safe_mode = pick(4) == 0;
    s.in.mass_silence = pick(4) == 0;
    s.in.more_members_possible = pick(2) == 0;
    s.in.wanted_open = pick(2) == 0;
    s.in.busy = pick(5) == 0;
    s.in.first_pending_removal = pick(3);
    if (pick(3) == 0) s.in.repair_target = node(static_cast<std::uint8_t>(1 + pick(6)));
    if (pick(3) == 0) s.in.move_from = node(static_cast<std::uint8_t>(1 + pick(6)));
    s.in.held_closed = pick(4) == 0;

    const volume_decision d = s.run();
    const volume_decision again = s.run();
    BOOST_REQUIRE(d.step == again.step);
    BOOST_REQUIRE(d.orders == again.orders);

    std::uint32_t complete = 0;
    bool one_acked = false;
    for (std::size_t i = 0; i < members; ++i) {
      const replica_view& r = s.replicas[i];
      if (!r.report) continue;
      if (r.state == node_state::live && is_complete(s.info, *r.report)) ++complete;
      one_acked = one_acked || (r.report->state == replica_state::sealed &&
                                r.report->generation == s.info.generation);
    }
    for (const wanted_order& o : d.orders) {
      const auto at = std::find_if(s.replicas.begin(), s.replicas.end(),
                                   [&](const replica_view& r) { return r.node == o.node; });
      BOOST_REQUIRE((at != s.replicas.end() && at->usable));
      const bool member = static_cast<std::size_t>(at - s.replicas.begin()) < members;
      if (o.kind == order_kind::drop) {
        BOOST_REQUIRE(!member);
        BOOST_REQUIRE(complete >= s.info.replication);
      }
      const bool removes = o.kind == order_kind::drop || o.kind == order_kind::remove_keys ||
                           o.kind == order_kind::reconcile || o.kind == order_kind::compact;
      if (removes) {
        BOOST_REQUIRE(!s.in.safe_mode);
        BOOST_REQUIRE((s.info.state == volume_state::closed));
      }
      if (o.kind == order_kind::create) {
        const bool fresh = s.info.state == volume_state::open && !s.in.was_ready;
        const bool empty = s.info.digest.count == 0 && !s.in.grants_outstanding;
        BOOST_REQUIRE((fresh || empty));
      }
    }
    switch (d.step.what) {
      case kind::none: break;
      case kind::seal: BOOST_REQUIRE((s.info.state == volume_state::open)); break;
      case kind::close:
        BOOST_REQUIRE((s.info.state == volume_state::sealed));
        BOOST_REQUIRE(!s.in.grants_outstanding);
        break;
      case kind::reopen:
        BOOST_REQUIRE((s.info.state == volume_state::closed));
        BOOST_REQUIRE(complete == members);
        break;
      case kind::members: {
        BOOST_REQUIRE((s.info.state != volume_state::open));
        BOOST_REQUIRE(!d.step.members.empty());
        BOOST_REQUIRE(d.step.generation == s.info.generation + 1);
        bool outsider = false;
        for (const node_id n : d.step.members) {
          outsider = outsider || std::find(s.info.members.begin(), s.info.members.end(), n) ==
                                     s.info.members.end();
        }
        // A move changes one for one, and who comes has everything.
        if (outsider && d.step.members.size() == members) {
          for (std::size_t i = members; i < s.replicas.size(); ++i) {
            const replica_view& r = s.replicas[i];
            const bool comes = std::find(d.step.members.begin(), d.step.members.end(), r.node) !=
                               d.step.members.end();
            if (!comes || s.info.state != volume_state::closed) continue;
            BOOST_REQUIRE((r.report && !r.drop_ordered));
            BOOST_REQUIRE(r.report->digest == s.info.digest);
            BOOST_REQUIRE((r.report->state == replica_state::sealed));
          }
        }
        // Members go only when one stays that has everything.
        if (!outsider && d.step.members.size() < members) {
          BOOST_REQUIRE((s.info.state == volume_state::sealed ? one_acked : complete > 0));
        }
        break;
      }
    }
    if (d.ready) {
      BOOST_REQUIRE((s.info.state == volume_state::open));
      for (std::size_t i = 0; i < members; ++i) {
        const replica_view& r = s.replicas[i];
        BOOST_REQUIRE((r.usable && r.report && r.report->state == replica_state::open));
        BOOST_REQUIRE(r.report->generation == s.info.generation);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
