// A standby: whom it follows, what it promises, when it takes over, what it never does.
#include "cluster/leadership_stage.hpp"

#include <algorithm>

namespace ssdfs::leadership_stage {

namespace {

/// Follows member 2, which leads in epoch 256, with number 1 and 3 in the set.
struct follower : stage {
  explicit follower(leadership_config config = {}, register_value held = value(256, 2, {2, 1, 3}))
      : stage(followed_log(), std::move(held), std::move(config)) {
    pass(100);
    promise_answered(leads(2, 256, ++number, 10));
    BOOST_TEST((take<act::follow>()->leader == address(2)));
  }
  /// The leader answers for so long.
  void hear(std::int64_t ms) {
    for (const time_ms end = now + ms; now < end;) {
      pass(50);
      while (count<act::send_promise>() > 0) promise_answered(leads(2, 256, ++number, 10));
    }
  }
  /// Nothing of the leader is heard for so long.
  void hear_nothing(std::int64_t ms) {
    for (const time_ms end = now + ms; now < end;) {
      pass(50);
      while (count<act::send_promise>() > 0) promise_fails(promise_outcome::silent);
    }
  }
  void take_over() {
    hear_nothing(3'100);
    greetings(greeting_outcome::silent);
    pass(400);
  }
  std::uint64_t number = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(leadership_following)

BOOST_AUTO_TEST_CASE(each_stamp_is_echoed_once_and_each_echo_promises) {
  follower s;
  s.pass(200);
  const auto first = s.promise_answered(stage::leads(2, 256, 0));
  BOOST_TEST(first.echo.number == 1U);
  BOOST_TEST(first.lease_ms == 1'000U);
  s.pass(200);
  BOOST_TEST(s.promise_answered(stage::leads(2, 256, 2)).echo.number ==
             0U);  // nothing new was given
  s.pass(200);
  BOOST_TEST(s.promise_answered(stage::leads(2, 256, 2)).echo.number == 2U);
  s.pass(200);
  BOOST_TEST(s.promise_answered(stage::leads(2, 256, 2)).echo.number == 0U);
}

BOOST_AUTO_TEST_CASE(
    a_standby_takes_over_when_no_new_stamp_comes_and_answers_nothing_before_its_promise_ends) {
  follower s;
  s.hear(1'000);
  s.hear_nothing(2'800);
  BOOST_TEST(s.count<act::send_greeting>() == 0U);
  s.hear_nothing(400);
  BOOST_TEST(s.count<act::send_greeting>() == 2U);
  s.greetings(greeting_outcome::silent);
  s.pass(100);
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->epoch == epoch_t(512)));
  BOOST_TEST((v->leader == node(1)));
  BOOST_TEST((v->insync == set({1, 3})));
}

BOOST_AUTO_TEST_CASE(stamps_that_do_not_move_are_as_bad_as_none) {
  follower s;
  for (int i = 0; i < 17; ++i) {  // its sockets answer, its strand is stuck
    s.pass(200);
    while (s.count<act::send_promise>() > 0) s.promise_answered(stage::leads(2, 256, 0));
  }
  BOOST_TEST(s.count<act::send_greeting>() == 2U);
}

BOOST_AUTO_TEST_CASE(a_port_that_refuses_twice_is_a_dead_leader) {
  follower s;
  s.hear(500);
  s.pass(200);
  s.promise_fails(promise_outcome::closed);
  s.pass(150);
  s.promise_fails(promise_outcome::refused);
  BOOST_TEST(s.count<act::send_greeting>() == 0U);
  s.pass(150);
  s.promise_fails(promise_outcome::refused);
  s.pass(100);
  BOOST_TEST(s.count<act::send_greeting>() == 2U);
}

BOOST_AUTO_TEST_CASE(a_process_that_has_just_started_at_the_leaders_address_is_a_dead_leader_too) {
  follower s;
  s.hear(500);
  promise_reply fresh;
  fresh.answer = promise_answer::not_leading;
  fresh.epoch = epoch_t(256);
  fresh.process = 9;
  for (int i = 0; i < 2; ++i) {
    s.pass(200);
    s.promise_answered(fresh);
  }
  s.pass(100);
  BOOST_TEST(s.count<act::send_greeting>() == 2U);
}

BOOST_AUTO_TEST_CASE(members_take_over_in_the_order_of_the_set_and_the_reluctant_ones_last) {
  follower second({}, value(256, 2, {2, 3, 1}));
  second.hear_nothing(3'100);
  BOOST_TEST(second.count<act::send_greeting>() == 0U);
  second.hear_nothing(200);
  BOOST_TEST(second.count<act::send_greeting>() > 0U);
  follower behind;
  behind.machine->reluctant(true);
  behind.hear_nothing(3'900);
  BOOST_TEST(behind.count<act::send_greeting>() == 0U);
  behind.hear_nothing(400);
  BOOST_TEST(behind.count<act::send_greeting>() > 0U);
}

BOOST_AUTO_TEST_CASE(what_a_process_sleeps_through_is_no_silence_of_the_leader) {
  follower s;
  s.sleep(20'000);
  s.hear_nothing(2'500);
  BOOST_TEST(s.count<act::send_greeting>() == 0U);
  s.hear_nothing(800);
  BOOST_TEST(s.count<act::send_greeting>() > 0U);
}

BOOST_AUTO_TEST_CASE(only_an_eligible_member_of_the_set_takes_over) {
  follower outside({}, value(256, 2, {2, 3}));
  outside.take_over();
  BOOST_TEST(!outside.change().has_value());
  leadership_config off;
  off.eligible = false;
  follower ineligible(off);
  ineligible.take_over();
  BOOST_TEST(!ineligible.change().has_value());
}

BOOST_AUTO_TEST_CASE(a_log_that_has_lost_records_does_not_lead_before_it_has_matched) {
  leadership_config lost;
  lost.lost_history = true;
  follower s(lost);
  s.take_over();
  BOOST_TEST(!s.change().has_value());
  s.machine->log_matched(s.now);
  BOOST_TEST(!s.take<act::remember_loss>()->lost);
  s.pass(300);
  s.greetings(greeting_outcome::silent);
  s.pass(400);
  BOOST_TEST(s.change().has_value());
}

BOOST_AUTO_TEST_CASE(a_candidate_stands_back_if_one_knows_more_as_committed_or_a_later_epoch) {
  follower more;
  more.hear_nothing(3'100);
  member_greeting knows;
  knows.heard = epoch_t(256);
  knows.committed = txid(11);
  more.greetings(greeting_outcome::answered, knows);
  more.pass(400);
  BOOST_TEST(!more.change().has_value());
  BOOST_TEST(more.machine->report(more.now).problem.find("knows txid 11") != std::string::npos);

  follower later;
  later.hear_nothing(3'100);
  knows.heard = epoch_t(512);
  knows.committed = txid(10);
  later.greetings(greeting_outcome::answered, knows);
  later.pass(400);
  BOOST_TEST(!later.change().has_value());
}

BOOST_AUTO_TEST_CASE(members_whose_port_refuses_twice_are_left_out_of_the_set) {
  follower s;
  s.hear_nothing(3'100);
  s.greetings(greeting_outcome::refused);
  s.pass(150);
  s.greetings(greeting_outcome::refused);
  s.pass(100);
  BOOST_TEST((s.change()->insync == set({1})));
}

BOOST_AUTO_TEST_CASE(a_candidate_follows_on_until_it_knows_that_it_has_won) {
  follower s;
  s.take_over();
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  s.answer(change_outcome::unknown);
  // It was a false alarm: promises go on, and nothing is sent again.
  s.number = 10;
  s.hear(2'000);
  BOOST_TEST((s.machine->role() == member_role::standby));
  BOOST_TEST(!s.change().has_value());
  s.pass(200);
  BOOST_TEST(s.promise_answered(stage::leads(2, 256, 99)).echo.number != 0U);
  // The register shows that it was made after all.
  s.shown = *v;
  ++s.version;
  s.pass(1'100);
  BOOST_TEST((s.machine->role() == member_role::taking_over));
  s.forget();
  s.pass(1'000);
  BOOST_TEST(s.count<act::send_promise>() == 0U);  // no echo leaves any more
}

BOOST_AUTO_TEST_CASE(a_new_leader_waits_for_its_own_last_promise) {
  follower s({}, value(256, 2, {2, 1}));
  s.hear(1'000);
  s.pass(200);
  promise_reply release;
  release.answer = promise_answer::not_leading;
  s.promise_answered(release);
  s.pass(200);
  s.promise_answered(release);
  const time_ms promised = s.now;  // at most half a second ago
  s.pass(100);
  s.greetings(greeting_outcome::silent);
  s.pass(50);
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  s.make(*v);
  s.log_start();
  BOOST_TEST(!s.machine->may_show(s.now));
  s.pass(promised + 1'100 - s.now);
  BOOST_TEST(s.machine->may_show(s.now));
}

BOOST_AUTO_TEST_CASE(a_release_ends_the_promise_unless_a_later_stamp_was_echoed) {
  follower s({}, value(256, 2, {2, 1}));
  s.hear(600);
  s.pass(200);
  promise_reply release = stage::leads(2, 256, s.number);
  release.answer = promise_answer::released;
  s.promise_answered(release);
  s.pass(50);
  s.greetings(greeting_outcome::silent);
  s.pass(50);
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  s.make(*v);
  s.log_start();
  BOOST_TEST(s.machine->may_show(s.now));

  follower late({}, value(256, 2, {2, 1}));
  late.hear(600);
  late.pass(200);
  release.given.number = 1;  // of an attempt that was given up since
  late.promise_answered(release);
  late.pass(100);
  BOOST_TEST(late.count<act::send_greeting>() == 0U);
}

BOOST_AUTO_TEST_CASE(a_restart_goes_on_with_the_next_epoch_only_if_its_log_has_the_last_start) {
  // The register gave 512 to this member, which died before START was in its log.
  stage gap(log_of(reigns({{256, 1, 1}}), 10, 10), value(512, 1, {1}));
  gap.pass(500);
  BOOST_TEST((gap.change()->epoch == epoch_t(768)));
  stage same(log_of(reigns({{256, 2, 1}, {512, 1, 8}}), 10, 10), value(512, 1, {1}));
  same.pass(500);
  BOOST_TEST((same.change()->epoch == epoch_t(513)));
  stage others(log_of(reigns({{256, 2, 1}, {512, 2, 8}}), 10, 10), value(512, 1, {1}));
  others.pass(500);
  BOOST_TEST((others.change()->epoch == epoch_t(768)));
}

BOOST_AUTO_TEST_CASE(nobody_takes_over_from_a_register_that_shows_less_than_was_heard) {
  stage s(log_of(reigns({{512, 2, 1}}), 10, 10), value(256, 1, {1, 2}));
  s.pass(10'000);
  BOOST_TEST(!s.change().has_value());
  BOOST_TEST(s.machine->report(s.now).problem.find("epoch 512 is known") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_standby_never_makes_a_register) {
  stage s(followed_log(), value(256, 2, {2, 1}));
  s.answer_reads = false;
  s.missing = true;
  s.pass(20'000);
  BOOST_TEST(!s.change().has_value());
}

BOOST_AUTO_TEST_CASE(
    the_first_master_of_a_new_cluster_makes_the_register_and_only_with_an_empty_log) {
  leadership_config fresh;
  fresh.new_cluster = true;
  stage s({}, value(256, 2, {2}), fresh);
  s.answer_reads = false;
  s.missing = true;
  s.pass(200);
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST(!s.expected.has_value());
  BOOST_TEST((v->epoch == epoch_t(256)));
  BOOST_TEST((v->insync == set({1})));
  s.missing = false;
  s.answer_reads = true;
  s.shown = *v;
  s.version = 0;
  s.answer(change_outcome::done);
  s.log_start();
  s.pass(1'100);
  BOOST_TEST(s.machine->may_show(s.now));
  stage used(followed_log(), value(256, 2, {2}), fresh);
  used.answer_reads = false;
  used.missing = true;
  used.pass(5'000);
  BOOST_TEST(!used.change().has_value());
}

BOOST_AUTO_TEST_CASE(
    a_standby_gives_up_records_that_it_knows_as_committed_only_if_that_was_accepted) {
  follower s;
  history_answer a{history_verdict::cut, epoch_t(256), txid(8), false};
  s.machine->history_answered(a, s.now);
  BOOST_TEST(s.count<act::cut_log>() == 0U);
  a.loss_accepted = true;
  s.machine->history_answered(a, s.now);
  BOOST_TEST((s.take<act::cut_log>()->to == txid(8)));
  a.epoch = epoch_t(1);  // an old answer
  s.machine->history_answered(a, s.now);
  BOOST_TEST(s.count<act::cut_log>() == 0U);
}

BOOST_AUTO_TEST_CASE(a_process_that_was_refused_as_a_duplicate_leaves_the_takeover_to_the_other) {
  follower s;
  s.pass(200);
  promise_reply twice;
  twice.answer = promise_answer::duplicate;
  s.promise_answered(twice);
  s.take_over();
  BOOST_TEST(!s.change().has_value());
  s.hear_nothing(6'000);
  BOOST_TEST(s.count<act::send_greeting>() == 0U);
  // There was no other: the leader had missed the end of this one's last process.
  s.hear_nothing(1'000);
  BOOST_TEST(s.count<act::send_greeting>() > 0U);
}

BOOST_AUTO_TEST_CASE(without_the_register_a_standby_finds_the_leader_and_follows_it) {
  leadership_config config;
  config.seeds = {"m7", "m2"};
  stage s(followed_log(), value(256, 2, {2, 1}), config);
  s.answer_reads = false;
  s.away = true;
  s.pass(50);
  auto sent = s.take<act::send_promise>();
  BOOST_REQUIRE(sent.has_value());
  BOOST_TEST(sent->address == "m7");
  promise_reply hint;
  hint.answer = promise_answer::not_leading;
  hint.hint = address(2);
  s.machine->promise_answered(sent->id, hint, s.now);
  s.pass(200);
  sent = s.take<act::send_promise>();
  BOOST_REQUIRE(sent.has_value());
  BOOST_TEST(sent->address == "m2");
  BOOST_TEST(!sent->request.reaches_register);
  s.machine->promise_answered(sent->id, stage::leads(2, 256, 5), s.now);
  BOOST_TEST((s.take<act::follow>()->leader == address(2)));
}

BOOST_AUTO_TEST_CASE(a_leader_that_was_replaced_is_not_followed) {
  follower s;
  s.pass(200);
  s.promise_answered(stage::leads(3, 512, 1));
  s.forget();
  s.pass(200);
  s.promise_answered(stage::leads(2, 256, 50));
  BOOST_TEST(s.count<act::follow>() == 0U);
  s.pass(200);
  BOOST_TEST((s.take<act::send_promise>()->request.heard == epoch_t(512)));
}

BOOST_AUTO_TEST_CASE(the_leaders_times_hold_for_all) {
  follower s;
  promise_reply r = stage::leads(2, 256, 9);
  r.timing = {2'000, 9'000, 2'000};
  s.pass(200);
  s.promise_answered(r);
  s.pass(400);
  BOOST_TEST(s.promise_answered(r).lease_ms == 2'000U);
  s.hear_nothing(8'000);
  BOOST_TEST(s.count<act::send_greeting>() == 0U);
}

BOOST_AUTO_TEST_CASE(
    a_standby_that_shall_end_asks_to_leave_and_waits_for_it_at_most_three_seconds) {
  follower s;
  s.machine->shutdown(s.now);
  s.pass(50);
  promise_reply r = stage::leads(2, 256, 9);
  BOOST_TEST(s.promise_answered(r).leaving);
  BOOST_TEST(s.count<act::may_exit>() == 0U);
  r.in_sync = false;
  s.pass(200);
  s.promise_answered(r);
  BOOST_TEST(s.count<act::may_exit>() == 1U);
  follower alone;
  alone.machine->shutdown(alone.now);
  alone.pass(2'900);
  BOOST_TEST(alone.count<act::may_exit>() == 0U);
  alone.pass(200);
  BOOST_TEST(alone.count<act::may_exit>() == 1U);
}

BOOST_AUTO_TEST_CASE(an_operator_may_force_a_member_outside_of_the_set_once_the_leader_is_gone) {
  follower lives({}, value(256, 2, {2, 3}));
  BOOST_TEST(lives.machine->force().has_value());
  lives.hear_nothing(100);
  member_greeting leading;
  leading.leads = true;
  leading.heard = epoch_t(256);
  lives.greetings(greeting_outcome::answered, leading);
  lives.pass(400);
  BOOST_TEST(!lives.change().has_value());

  follower s({}, value(256, 2, {2, 3}));
  BOOST_TEST(s.machine->force().has_value());
  s.hear_nothing(100);
  s.greetings(greeting_outcome::silent);
  s.pass(400);
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->epoch == epoch_t(512)));
  BOOST_TEST((v->insync == set({1})));
  s.make(*v);
  BOOST_TEST((s.take<act::begin_reign>()->accepted == epoch_t(256)));
}

BOOST_AUTO_TEST_CASE(stale_reads_are_as_old_as_the_request_whose_answer_is_applied) {
  follower s;
  const auto first = s.machine->stale_as_of();  // its log holds the ten that were committed
  BOOST_REQUIRE(first.has_value());
  BOOST_TEST(*first >= s.now - 100);
  s.pass(250);
  const time_ms before = s.now;
  s.promise_answered(stage::leads(2, 256, 2, 12));
  BOOST_TEST((s.machine->stale_as_of() == first));
  s.machine->log_grew({txid(12), epoch_t(256), 7}, txid(12), txid(11), s.now);
  BOOST_TEST((s.machine->stale_as_of() == first));
  s.pass(500);
  s.machine->log_grew({txid(12), epoch_t(256), 7}, txid(12), txid(12), s.now);
  const auto second = s.machine->stale_as_of();
  BOOST_TEST(*second > *first);
  BOOST_TEST(*second <= before);
  // A leader that may not show state may have been replaced long ago.
  promise_reply unsure = stage::leads(2, 256, 3, 12);
  unsure.serving = false;
  s.promise_answered(unsure);
  BOOST_TEST((s.machine->stale_as_of() == second));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::leadership_stage
