// A leader: when it may answer, whom it depends on, how its set changes, how it ends.
#include "cluster/leadership_stage.hpp"

#include <algorithm>

namespace ssdfs::leadership_stage {

BOOST_AUTO_TEST_SUITE(leadership_leading)

BOOST_AUTO_TEST_CASE(a_process_leads_only_by_a_compare_and_set_of_its_own_life) {
  stage s(own_log(), value(256, 1, {1}));
  s.pass(
      500);  // the register says that this member leads; its last process may have more on the way
  BOOST_TEST(!s.machine->may_show(s.now));
  BOOST_TEST((s.machine->role() == member_role::standby));
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((s.expected == 5));
  BOOST_TEST((v->epoch == epoch_t(257)));
  BOOST_TEST((v->insync == set({1})));
  s.pass(5'000);
  BOOST_TEST((s.machine->role() == member_role::standby));
  s.make(*v);
  BOOST_TEST((s.machine->role() == member_role::taking_over));
}

BOOST_AUTO_TEST_CASE(a_process_that_starts_counts_as_having_promised) {
  stage s(own_log(), value(256, 1, {1}));
  s.win();
  BOOST_TEST(!s.machine->may_show(s.now));  // START is durable, alone in the set, half a second old
  BOOST_TEST(s.count<act::start_serving>() == 0U);
  BOOST_TEST(s.count<act::committed>() == 0U);
  s.pass(600);
  BOOST_TEST(s.machine->may_show(s.now));
  BOOST_TEST(s.count<act::start_serving>() == 1U);
  BOOST_TEST((s.take<act::committed>()->upto == txid(11)));
}

BOOST_AUTO_TEST_CASE(what_a_leader_inherits_is_committed_by_all_before_anything_is_answered) {
  // Ten records, of which it was told that six are committed.
  stage s(log_of(reigns({{256, 1, 1}}), 10, 6), value(256, 1, {1, 2}));
  s.win();
  s.pass(200);
  stamp given = s.promise(2).given;
  BOOST_TEST(given.number != 0U);  // so that the standby hears of it at once
  log_history behind = s.history(2);
  behind.durable.last = txid(8);
  behind.reigns.pop_back();
  behind.durable.epoch = epoch_t(256);
  BOOST_TEST((s.compare(behind, 2).verdict == history_verdict::follow));
  s.machine->standby_matched(node(2), 102, txid(8), s.now);
  for (int i = 0; i < 5; ++i) {
    s.pass(200);
    given = s.promise(2, given).given;
  }
  BOOST_TEST((s.machine->committed() == txid(8)));
  BOOST_TEST(!s.machine->may_show(s.now));
  BOOST_TEST(s.count<act::start_serving>() == 0U);
  s.holds(2);
  BOOST_TEST((s.machine->committed() == txid(11)));
  BOOST_TEST(s.count<act::start_serving>() == 1U);
  BOOST_TEST(s.machine->may_show(s.now));
}

BOOST_AUTO_TEST_CASE(state_is_shown_while_every_required_standby_promises) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  s.serve(1'000, {2, 3});
  const time_ms until = s.machine->serve_until();
  BOOST_TEST(until > s.now);
  BOOST_TEST(s.machine->may_show(until - 1));
  BOOST_TEST(!s.machine->may_show(until));
}

BOOST_AUTO_TEST_CASE(
    a_promise_counts_from_when_its_stamp_was_given_for_the_stated_lease_less_a_tenth) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  const time_ms given_at = s.now;
  const stamp given = s.promise(2).given;
  s.pass(300);
  s.promise(2, given, 5'000);  // this standby's lease is another than the leader's
  BOOST_TEST(s.machine->serve_until() == given_at + 4'500);
}

BOOST_AUTO_TEST_CASE(stamps_of_another_reign_or_process_or_never_given_count_for_nothing) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.win();
  const stamp given = s.promise(2).given;
  s.match(2);
  s.pass(1'000);
  BOOST_TEST(!s.machine->may_show(s.now));
  const auto echo = [&](stamp e) {
    s.promise(2, e);
    return s.machine->may_show(s.now);
  };
  const stamp newest = s.promise(2).given;
  BOOST_TEST(!echo({epoch_t(256), newest.process, newest.number}));
  BOOST_TEST(!echo({newest.epoch, newest.process + 1, newest.number}));
  BOOST_TEST(!echo({newest.epoch, newest.process, newest.number + 50}));
  BOOST_TEST(!echo(given));  // given a second ago: it has run out
  BOOST_TEST(echo(newest));
}

BOOST_AUTO_TEST_CASE(promises_and_acknowledgements_count_only_from_a_log_that_matched) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.win();
  s.pass(700);
  stamp given = s.promise(2).given;
  s.promise(2, given);
  s.holds(2);
  BOOST_TEST((s.machine->committed() == txid(10)));
  BOOST_TEST(!s.machine->may_show(s.now));
  s.match(2);
  BOOST_TEST(!s.machine->may_show(s.now));  // what it had promised before does not count
  given = s.promise(2).given;
  s.promise(2, given);
  BOOST_TEST((s.machine->committed() == txid(11)));
  BOOST_TEST(s.machine->may_show(s.now));
}

BOOST_AUTO_TEST_CASE(
    one_that_joins_is_required_before_the_request_which_waits_for_its_acknowledgements) {
  stage s(own_log(), value(256, 1, {1}));
  s.lead({});
  stamp given = s.promise(2).given;
  s.match(2);
  s.log_grows();  // it lacks this one; alone, the leader has committed it
  BOOST_TEST((s.machine->committed() == txid(12)));
  given = s.promise(2, given).given;
  s.promise(2, given);
  s.pass(100);
  BOOST_TEST(!s.change().has_value());
  s.log_grows();
  BOOST_TEST((s.machine->committed() == txid(12)));  // it is required already
  s.holds(2);
  BOOST_TEST((s.machine->committed() == txid(13)));
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->insync == set({1, 2})));
  // No answer: it stays required, whatever old value is read.
  s.answer(change_outcome::unknown);
  s.log_grows();
  s.pass(100);
  BOOST_TEST((s.machine->committed() == txid(13)));
}

BOOST_AUTO_TEST_CASE(one_that_cannot_catch_up_stops_the_commits_for_half_a_second_at_most) {
  stage s(own_log(), value(256, 1, {1}));
  s.lead({});
  stamp given = s.promise(2).given;
  s.match(2);
  s.log_grows();
  s.promise(2, given);
  s.pass(50);
  s.log_grows();
  BOOST_TEST((s.machine->committed() == txid(12)));
  s.pass(600);
  BOOST_TEST((s.machine->committed() == txid(13)));
  BOOST_TEST(!s.change().has_value());
}

BOOST_AUTO_TEST_CASE(an_unknown_change_is_settled_by_a_write_and_not_by_reading_the_old_value) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  s.closes(2);
  s.pass(450);
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->insync == set({1})));
  s.answer(change_outcome::unknown);
  s.log_grows();
  s.pass(150);  // reads show the set with the standby
  BOOST_TEST((s.machine->committed() == txid(11)));
  s.pass(1'000);
  const auto again = s.change();
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST((again->insync == set({1})));
  BOOST_TEST((s.expected == 6));
  BOOST_TEST(again->nonce != v->nonce);
  BOOST_TEST((s.machine->committed() == txid(11)));
  // The first attempt is there.
  s.shown = *v;
  s.version = 7;
  s.answer(change_outcome::lost);
  s.pass(1'100);
  BOOST_TEST((s.machine->committed() == txid(12)));
}

BOOST_AUTO_TEST_CASE(a_closed_connection_a_missing_promise_or_an_old_record_removes_a_standby) {
  stage closed(own_log(), value(256, 1, {1, 2, 3}));
  closed.lead({2, 3});
  closed.closes(3);
  closed.serve(200, {2});
  BOOST_TEST(!closed.change().has_value());
  closed.serve(200, {2});
  BOOST_TEST((closed.change()->insync == set({1, 2})));

  stage silent(own_log(), value(256, 1, {1, 2, 3}));
  silent.lead({2, 3});
  silent.serve(900, {2});  // the promise of 3 has still a quarter of a lease: reads go on
  const auto v = silent.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->insync == set({1, 2})));

  stage behind(own_log(), value(256, 1, {1, 2, 3}));
  behind.lead({2, 3});
  behind.log_grows();
  for (int i = 0; i < 22; ++i) {
    behind.last_stamp[3] = behind.promise(3, behind.last_stamp[3]).given;
    behind.serve(100, {2});
  }
  BOOST_TEST((behind.change()->insync == set({1, 2})));
}

BOOST_AUTO_TEST_CASE(the_last_standby_may_lack_a_promise_for_a_second) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  s.pass(1'600);
  BOOST_TEST(!s.machine->may_show(s.now));
  BOOST_TEST(!s.change().has_value());
  s.pass(400);
  BOOST_TEST((s.change()->insync == set({1})));
}

BOOST_AUTO_TEST_CASE(a_process_that_was_stopped_does_not_take_its_standbys_for_silent) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  s.sleep(10'000);
  BOOST_TEST(!s.machine->may_show(s.now));
  s.pass(400);
  BOOST_TEST(!s.change().has_value());
  s.serve(600, {2});
  BOOST_TEST(!s.change().has_value());
  BOOST_TEST(s.machine->may_show(s.now));
}

BOOST_AUTO_TEST_CASE(a_leader_whose_strand_or_log_is_stuck_gives_no_stamps_and_changes_no_set) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  s.alive = false;
  s.serve(2'000, {2});
  BOOST_TEST(s.machine->may_show(s.now));
  s.serve(300, {2});
  BOOST_TEST(s.promise(2).given.number == 0U);
  s.closes(2);
  s.pass(1'000);
  BOOST_TEST(!s.change().has_value());
  s.machine->alive(s.now, s.now - 2'500);
  BOOST_TEST(s.promise(2).given.number == 0U);
  s.machine->alive(s.now, never);
  BOOST_TEST(s.promise(2).given.number != 0U);
}

BOOST_AUTO_TEST_CASE(
    a_standby_that_must_give_up_committed_records_leaves_the_set_before_it_is_told_to) {
  stage s(own_log(), value(512, 1, {1, 2, 3}));  // it won 512, and died before START
  s.lead({2, 3});
  log_history wrong = s.history(3);  // of a reign that this log does not have, begun at 5
  wrong.reigns = reigns({{256, 1, 1}});
  wrong.durable = {txid(12), epoch_t(512), 9};
  wrong.reigns.push_back({epoch_t(512), node(3), txid(5)});
  BOOST_TEST((s.compare(wrong, 3).verdict == history_verdict::wait));
  s.serve(100, {2});
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->insync == set({1, 2})));
  BOOST_TEST((s.compare(wrong, 3).verdict == history_verdict::wait));  // not confirmed yet
  s.make(*v);
  const auto told = s.compare(wrong, 3);
  BOOST_TEST((told.verdict == history_verdict::cut));
  BOOST_TEST((told.common == txid(4)));
}

BOOST_AUTO_TEST_CASE(a_member_of_the_set_that_shows_less_than_is_committed_leaves_it_at_once) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  s.closes(3);
  log_history old = s.history(3);
  old.reigns.pop_back();
  old.durable = {txid(4), epoch_t(256), 7};
  s.promise(3);
  BOOST_TEST((s.compare(old, 3).verdict == history_verdict::follow));
  s.machine->standby_matched(node(3), 103, txid(4), s.now);
  s.pass(50);
  BOOST_TEST((s.change()->insync == set({1, 2})));
}

BOOST_AUTO_TEST_CASE(a_member_that_showed_less_joins_again_for_good_when_it_has_caught_up) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  s.closes(3);
  log_history old = s.history(3);
  old.reigns.pop_back();
  old.durable = {txid(4), epoch_t(256), 7};
  s.promise(3);
  s.compare(old, 3);
  s.machine->standby_matched(node(3), 103, txid(4), s.now);
  s.pass(50);
  const auto out = s.change();
  BOOST_REQUIRE(out.has_value());
  s.make(*out);
  s.serve(500, {2, 3});
  const auto in = s.change();
  BOOST_REQUIRE(in.has_value());
  BOOST_TEST((in->insync == set({1, 2, 3})));
  s.make(*in);
  s.serve(500, {2, 3});
  BOOST_TEST(!s.change().has_value());
}

BOOST_AUTO_TEST_CASE(a_leader_that_lacks_what_another_knows_as_committed_steps_down) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.win();
  log_history more = s.history(2);
  more.reigns.pop_back();
  more.durable = {txid(15), epoch_t(256), 7};
  more.committed = txid(13);
  BOOST_TEST((s.compare(more, 2).verdict == history_verdict::refused));
  BOOST_TEST(s.take<act::remember_loss>()->lost);
  BOOST_TEST((s.take<act::step_down>()->reason == step_down_reason::lost_history));
  BOOST_TEST((s.machine->role() == member_role::ended));
}

BOOST_AUTO_TEST_CASE(a_leader_that_has_lost_history_and_has_nobody_else_serves_reads_only) {
  stage s(own_log(), value(256, 1, {1}));
  s.lead({});
  log_history more = s.history(2);
  more.reigns.pop_back();
  more.durable = {txid(15), epoch_t(256), 7};
  more.committed = txid(13);
  BOOST_TEST((s.compare(more, 2).verdict == history_verdict::refused));
  BOOST_TEST(s.count<act::serve_reads_only>() == 1U);
  BOOST_TEST(s.count<act::step_down>() == 0U);
  BOOST_TEST(s.promise(2).given.number == 0U);
  // The loss is accepted, which is a record of the log.
  s.mine.accepted = epoch_t(256);
  s.machine->log_is(s.mine, s.now);
  const auto told = s.compare(more, 2);
  BOOST_TEST((told.verdict == history_verdict::cut));
  BOOST_TEST((told.common == txid(10)));
  BOOST_TEST(told.loss_accepted);
}

BOOST_AUTO_TEST_CASE(a_higher_epoch_ends_a_leader_wherever_it_is_heard) {
  stage by_promise(own_log(), value(256, 1, {1, 2}));
  by_promise.lead({2});
  by_promise.epoch = epoch_t(512);
  BOOST_TEST((by_promise.promise(2).answer == promise_answer::not_leading));
  BOOST_TEST((by_promise.take<act::step_down>()->reason == step_down_reason::replaced));
  BOOST_TEST(!by_promise.machine->may_show(by_promise.now));

  stage by_register(own_log(), value(256, 1, {1, 2}));
  by_register.lead({2});
  by_register.shown = value(512, 2, {2});
  ++by_register.version;
  by_register.serve(1'100, {2});
  BOOST_TEST((by_register.take<act::step_down>()->hint == address(2)));
  by_register.log_grows();
  by_register.holds(2);
  BOOST_TEST(by_register.count<act::committed>() == 0U);  // it never answers again
}

BOOST_AUTO_TEST_CASE(with_the_register_away_leader_and_standbys_go_on_without_changes_of_the_set) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  s.answer_reads = false;
  s.away = true;
  s.serve(600'000, {2, 3});
  s.log_grows();
  s.holds(2);
  s.holds(3);
  BOOST_TEST(s.machine->may_show(s.now));
  BOOST_TEST((s.machine->committed() == s.mine.durable.last));
  BOOST_TEST(!s.machine->report(s.now).reaches_register);
  s.closes(3);
  s.serve(5'000, {2});
  BOOST_TEST(!s.change().has_value());
  BOOST_TEST(!s.machine->may_show(s.now));
}

BOOST_AUTO_TEST_CASE(
    a_leader_that_can_neither_serve_nor_reach_the_register_releases_a_standby_that_does) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  s.answer_reads = false;
  s.away = true;
  s.closes(3);
  s.serve(4'000, {2});
  BOOST_REQUIRE(s.count<act::stop_serving>() == 1U);
  s.machine->serving_stopped(s.now);
  BOOST_TEST((s.promise(2, s.last_stamp[2]).answer == promise_answer::released));
}

BOOST_AUTO_TEST_CASE(a_register_that_is_missing_is_put_back_by_its_leader_and_never_overwritten) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  s.answer_reads = false;
  s.missing = true;
  s.serve(1'500, {2});
  BOOST_TEST(s.machine->may_show(s.now));
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST(!s.expected.has_value());
  BOOST_TEST((v->insync == set({1, 2})));
  BOOST_TEST((v->epoch == epoch_t(257)));
}

BOOST_AUTO_TEST_CASE(
    a_register_that_was_put_back_is_written_anew_and_its_members_are_required_meanwhile) {
  stage s(own_log(), value(256, 1, {1}));
  s.lead({});
  s.shown = value(256, 3, {3, 1});
  s.version = 9;
  s.pass(1'200);
  BOOST_TEST(!s.machine->may_show(s.now));  // member 3 may take over by what is there
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((s.expected == 9));
  BOOST_TEST((v->epoch == epoch_t(257)));
  BOOST_TEST((v->insync == set({1})));
  s.make(*v);
  s.pass(100);
  BOOST_TEST(s.machine->may_show(s.now));
}

BOOST_AUTO_TEST_CASE(a_register_of_another_cluster_or_format_is_never_written) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  s.shown.cluster = cluster_id(uuid_of(99));
  ++s.version;
  s.closes(2);
  s.pass(5'000);
  BOOST_TEST(!s.change().has_value());
  BOOST_TEST(s.machine->report(s.now).problem.find("of cluster") != std::string::npos);
  BOOST_TEST((s.machine->role() == member_role::leader));
}

BOOST_AUTO_TEST_CASE(of_two_live_processes_with_one_identity_the_second_is_refused) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  promise_request clone;
  clone.from = address(2);
  clone.process = 77;
  clone.heard = s.epoch;
  BOOST_TEST((s.machine->promised(clone, 50, s.now).answer == promise_answer::duplicate));
  BOOST_TEST(s.machine->may_show(s.now));
  s.closes(2);  // the first has ended: a restart
  BOOST_TEST((s.machine->promised(clone, 51, s.now).answer == promise_answer::leads));
}

BOOST_AUTO_TEST_CASE(a_standby_that_is_about_to_end_leaves_the_set_first) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  s.leaving = true;
  s.promise(3);
  s.leaving = false;
  s.serve(100, {2});
  BOOST_TEST((s.change()->insync == set({1, 2})));
}

BOOST_AUTO_TEST_CASE(a_standby_that_is_slow_for_most_of_ten_seconds_goes_if_another_stays) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  for (int i = 0; i < 40 && s.count<act::change_register>() == 0; ++i) {
    s.log_grows();
    for (int j = 0; j < 3; ++j) {
      s.last_stamp[3] = s.promise(3, s.last_stamp[3]).given;
      s.serve(100, {2});
    }
    s.holds(3);
  }
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->insync == set({1, 2})));
  s.make(*v);
  s.serve(9'000, {2, 3});
  BOOST_TEST(!s.change().has_value());
  s.serve(4'000, {2, 3});
  BOOST_TEST((s.change()->insync == set({1, 2, 3})));
}

BOOST_AUTO_TEST_CASE(an_operator_keeps_a_member_out_until_it_is_let_in_again) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  BOOST_TEST(s.machine->keep_out(node(3), true, s.now).has_value());
  s.serve(100, {2, 3});
  const auto v = s.change();
  BOOST_REQUIRE(v.has_value());
  BOOST_TEST((v->insync == set({1, 2})));
  s.make(*v);
  s.serve(3'000, {2, 3});
  BOOST_TEST(!s.change().has_value());
  BOOST_TEST(s.machine->keep_out(node(3), false, s.now).has_value());
  s.serve(200, {2, 3});
  BOOST_TEST((s.change()->insync == set({1, 2, 3})));
  BOOST_TEST((s.machine->keep_out(node(9), true, s.now).error() == errc::unknown_node));
}

BOOST_AUTO_TEST_CASE(a_handover_stops_serving_voids_all_stamps_and_then_releases) {
  stage s(own_log(), value(256, 1, {1, 2, 3}));
  s.lead({2, 3});
  const stamp before = s.promise(3).given;
  BOOST_TEST(s.machine->hand_over(node(3), s.now).has_value());
  BOOST_TEST(s.count<act::hold_requests>() == 1U);
  s.log_grows();
  s.machine->requests_held(s.mine.durable.last, s.now);
  BOOST_TEST(s.count<act::stop_serving>() == 0U);  // it lacks the last record
  BOOST_TEST((s.promise(3).answer == promise_answer::leads));
  s.holds(2);
  s.holds(3);
  BOOST_TEST(s.count<act::stop_serving>() == 1U);
  BOOST_TEST(!s.machine->may_show(s.now));
  BOOST_TEST((s.promise(3).answer == promise_answer::leads));  // somebody may still answer
  s.machine->serving_stopped(s.now);
  const auto told = s.promise(3, before);
  BOOST_TEST((told.answer == promise_answer::released));
  BOOST_TEST(told.given.number >= before.number);
  const auto other = s.promise(2);
  BOOST_TEST((other.answer == promise_answer::leads));
  BOOST_TEST(other.given.number == 0U);
  BOOST_TEST((other.hint == address(3)));
  s.shown = value(512, 3, {2, 3});
  ++s.version;
  s.pass(100);
  const auto end = s.take<act::step_down>();
  BOOST_REQUIRE(end.has_value());
  BOOST_TEST((end->reason == step_down_reason::handed_over));
  BOOST_TEST((end->hint == address(3)));
}

BOOST_AUTO_TEST_CASE(a_handover_that_nobody_takes_goes_back_and_counts_later_stamps_only) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  const stamp before = s.promise(2).given;
  BOOST_TEST(s.machine->hand_over({}, s.now).has_value());
  s.machine->requests_held(s.mine.durable.last, s.now);
  s.machine->serving_stopped(s.now);
  s.promise(2, before, 5'000);  // would still run when the handover is given up
  s.pass(1'000);
  BOOST_TEST(s.count<act::resume_serving>() == 0U);
  s.pass(1'100);
  BOOST_TEST(s.count<act::resume_serving>() == 1U);
  BOOST_TEST(!s.machine->may_show(s.now));
  const stamp fresh = s.promise(2, before, 5'000).given;
  BOOST_TEST(!s.machine->may_show(s.now));
  s.promise(2, fresh);
  BOOST_TEST(s.machine->may_show(s.now));
}

BOOST_AUTO_TEST_CASE(a_leader_that_shall_end_hands_over_if_it_can) {
  stage with(own_log(), value(256, 1, {1, 2}));
  with.lead({2});
  with.machine->shutdown(with.now);
  BOOST_TEST(with.count<act::hold_requests>() == 1U);
  BOOST_TEST(with.count<act::may_exit>() == 0U);
  stage alone(own_log(), value(256, 1, {1}));
  alone.lead({});
  alone.machine->shutdown(alone.now);
  BOOST_TEST(alone.count<act::may_exit>() == 1U);
}

BOOST_AUTO_TEST_CASE(a_leader_whose_disk_is_nearly_full_hands_over_to_one_whose_is_not) {
  stage s(own_log(), value(256, 1, {1, 2}));
  s.lead({2});
  s.machine->reluctant(true);
  s.serve(100, {2});
  BOOST_TEST(s.count<act::hold_requests>() == 1U);
}

BOOST_AUTO_TEST_CASE(a_change_that_was_refused_leaves_the_other_possible_sets) {
  member_sets sets(node(1), set({1, 2}));
  sets.perhaps(set({1, 3}));     // the register was put back to this
  sets.perhaps(set({1, 2, 4}));  // and this one was about to join
  sets.refuse(set({1, 2, 4}));
  BOOST_TEST(!sets.required(node(4)));
  BOOST_TEST(sets.required(node(2)));
  BOOST_TEST(sets.required(node(3)));
  sets.refuse(set({1, 2}));  // what is confirmed stays
  BOOST_TEST(sets.required(node(2)));
  sets.nothing_else();
  BOOST_TEST(!sets.required(node(3)));
}

BOOST_AUTO_TEST_CASE(backups_that_must_hold_a_change_are_members_of_every_possible_set) {
  member_sets sets(node(1), set({1}));
  set_gate gate(1, txid(10));
  gate.durable_here(txid(12));
  gate.acknowledged(node(2), txid(12));
  gate.settle(sets);
  BOOST_TEST((gate.committed() == txid(10)));  // it may not lead
  sets.perhaps(set({1, 2}));
  gate.settle(sets);
  BOOST_TEST((gate.committed() == txid(10)));  // and perhaps it still may not
  sets.confirm(set({1, 2}));
  gate.settle(sets);
  BOOST_TEST((gate.committed() == txid(12)));
  sets.perhaps(set({1}));  // on its way out it is required, and counts no more
  gate.durable_here(txid(13));
  gate.acknowledged(node(2), txid(13));
  gate.settle(sets);
  BOOST_TEST((gate.committed() == txid(12)));
  BOOST_TEST(sets.required(node(2)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::leadership_stage
