#include "cluster/registry.hpp"

#include "cluster/fixtures.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::cluster::test {
namespace {

constexpr epoch_t epoch(7);

struct table {
  table()
      : nodes({1'000, 5'000, 60'000, 30'000},
              {{epoch_t(5), node(100), txid(1)}, {epoch, node(101), txid(50)}}, 0) {}
  void join(std::uint8_t number, std::uint64_t incarnation, connection_number connection,
            time_ms now) {
    BOOST_REQUIRE(nodes.register_node(registration(number, incarnation), connection, now));
    BOOST_REQUIRE(nodes.page_received(last_page(number, incarnation), connection, now).value());
  }
  result<registry::beat> beat(std::uint8_t number, std::uint64_t incarnation,
                              connection_number connection, std::uint64_t count, time_ms now) {
    node_heartbeat h;
    h.node = node(number);
    h.incarnation = incarnation;
    h.epoch = epoch;
    h.number = count;
    return nodes.heartbeat(h, connection, now);
  }
  void run_until(time_ms end) {
    for (; clock < end; clock += 500) nodes.tick(clock);
    nodes.tick(end);
  }
  [[nodiscard]] node_state state(std::uint8_t number) const {
    return nodes.find(node(number))->state;
  }
  registry nodes;
  time_ms clock = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(registry_table, table)

BOOST_AUTO_TEST_CASE(a_node_is_usable_after_its_last_page) {
  BOOST_REQUIRE(nodes.register_node(registration(1), 1, 0));
  BOOST_TEST(!nodes.find(node(1))->usable());
  volume_page page = last_page(1, 1);
  page.last = false;
  BOOST_TEST(!nodes.page_received(page, 1, 1).value());
  BOOST_TEST(!nodes.find(node(1))->usable());
  page.page = 1;
  page.last = true;
  BOOST_TEST(nodes.page_received(page, 1, 1).value());
  BOOST_TEST(nodes.find(node(1))->usable());
  BOOST_TEST(nodes.usable_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_page_out_of_order_asks_to_register) {
  BOOST_REQUIRE(nodes.register_node(registration(1), 1, 0));
  volume_page page = last_page(1, 1);
  page.page = 1;
  BOOST_TEST((nodes.page_received(page, 1, 1).error() == errc::unknown_node));
}

BOOST_AUTO_TEST_CASE(a_registration_without_identity_is_refused) {
  node_registration r = registration(1);
  r.node = {};
  BOOST_TEST((nodes.register_node(r, 1, 0).error() == errc::invalid_argument));
  r = registration(1);
  r.name.assign(5'000, 'x');
  BOOST_TEST((nodes.register_node(r, 1, 0).error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(the_later_of_two_live_processes_is_refused_and_both_are_named) {
  join(1, 1, 1, 0);
  const auto second = nodes.register_node(registration(1, 2), 2, 100);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error() == errc::duplicate_node));
  BOOST_TEST(second.error().detail.find("incarnation 1") != std::string::npos);
  BOOST_TEST(second.error().detail.find("incarnation 2") != std::string::npos);
  BOOST_TEST(nodes.find(node(1))->incarnation == 1);
}

BOOST_AUTO_TEST_CASE(the_later_of_two_live_nodes_with_one_address_is_refused_and_both_are_named) {
  join(1, 1, 1, 0);
  node_registration copied = registration(2);
  copied.address = registration(1).address;
  const auto second = nodes.register_node(copied, 2, 100);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error() == errc::duplicate_node));
  for (const std::string& named : {copied.address, to_string(node(1)), to_string(node(2))}) {
    BOOST_TEST(second.error().detail.find(named) != std::string::npos, second.error().detail);
  }
  BOOST_TEST(nodes.find(node(2)) == nullptr);
  BOOST_TEST(nodes.find(node(1))->usable());
  // The first has gone: now the address is free.
  nodes.connection_closed(node(1), 1);
  BOOST_TEST(nodes.register_node(copied, 3, 200).has_value());
  // When it comes back at the same address, it is the later one.
  BOOST_TEST((nodes.register_node(registration(1, 2), 4, 300).error() == errc::duplicate_node));
}

BOOST_AUTO_TEST_CASE(a_silent_node_keeps_its_address_until_it_is_stale) {
  join(1, 1, 1, 0);
  node_registration copied = registration(2);
  copied.address = registration(1).address;
  BOOST_TEST((nodes.register_node(copied, 2, 4'999).error() == errc::duplicate_node));
  BOOST_TEST(nodes.register_node(copied, 3, 5'000).has_value());
}

BOOST_AUTO_TEST_CASE(a_loopback_node_gets_nothing_while_others_are_elsewhere) {
  node_registration local = registration(1);
  local.address = "127.0.0.1:9610";
  BOOST_REQUIRE(nodes.register_node(local, 1, 0));
  BOOST_REQUIRE(nodes.page_received(last_page(1, 1), 1, 0).value());
  node_registration also_local = registration(2);
  also_local.address = "localhost:9612";
  BOOST_REQUIRE(nodes.register_node(also_local, 2, 0));
  BOOST_TEST(nodes.find(node(1))->takes_data());  // a cluster of one machine
  BOOST_TEST(nodes.notice_for(node(1)).empty());
  static_cast<void>(nodes.take_changed());

  join(3, 1, 3, 100);
  BOOST_TEST(!nodes.find(node(1))->takes_data());
  BOOST_TEST(nodes.find(node(1))->usable());  // what is there can be read
  BOOST_TEST(standing_of(*nodes.find(node(1))) == "unreachable");
  BOOST_TEST(nodes.notice_for(node(1)).find("127.0.0.1:9610") != std::string::npos);
  BOOST_TEST(nodes.notice_for(node(2)).find("--advertise") != std::string::npos);
  BOOST_TEST(nodes.notice_for(node(3)).empty());
  BOOST_TEST(nodes.take_changed().size() == 3U);
  BOOST_TEST(nodes.staying_count() == 1U);

  // With an address of its own it is like all others.
  local.address = "host1:9610";
  local.incarnation = 2;
  nodes.connection_closed(node(1), 1);
  BOOST_REQUIRE(nodes.register_node(local, 4, 200));
  BOOST_TEST(!nodes.find(node(1))->apart);
  BOOST_TEST(nodes.find(node(2))->apart);
}

BOOST_AUTO_TEST_CASE(racks_have_one_name) {
  BOOST_TEST(normal_rack("") == "/default");
  BOOST_TEST(normal_rack("/") == "/default");
  BOOST_TEST(normal_rack("/default") == "/default");
  BOOST_TEST(normal_rack("/a/") == "/a");
  BOOST_TEST(normal_rack("a") == "a");
  BOOST_REQUIRE(nodes.register_node(registration(1, 1, ""), 1, 0));
  BOOST_TEST(nodes.find(node(1))->rack == "/default");
}

BOOST_AUTO_TEST_CASE(a_restarted_node_gets_in_when_its_old_connection_ended) {
  join(1, 1, 1, 0);
  nodes.connection_closed(node(1), 1);
  BOOST_TEST(!nodes.find(node(1))->usable());
  join(1, 2, 2, 100);
  BOOST_TEST(nodes.find(node(1))->incarnation == 2);
}

BOOST_AUTO_TEST_CASE(a_restarted_node_gets_in_when_the_old_process_is_stale) {
  join(1, 1, 1, 0);
  BOOST_TEST((nodes.register_node(registration(1, 2), 2, 4'999).error() == errc::duplicate_node));
  BOOST_TEST(nodes.register_node(registration(1, 2), 3, 5'000).has_value());
}

BOOST_AUTO_TEST_CASE(the_end_of_an_older_connection_means_nothing) {
  join(1, 1, 1, 0);
  join(1, 1, 2, 100);
  nodes.connection_closed(node(1), 1);
  BOOST_TEST(nodes.find(node(1))->connected);
}

BOOST_AUTO_TEST_CASE(what_comes_late_on_an_older_connection_is_refused) {
  join(1, 1, 1, 0);
  join(1, 1, 2, 100);
  BOOST_TEST((nodes.register_node(registration(1), 1, 200).error() == errc::connection));
  BOOST_TEST((beat(1, 1, 1, 1, 200).error() == errc::unknown_node));
  BOOST_TEST((beat(1, 1, 2, 1, 200).value() == registry::beat::fresh));
}

BOOST_AUTO_TEST_CASE(heartbeats_are_numbered) {
  join(1, 1, 1, 0);
  BOOST_TEST((beat(1, 1, 1, 1, 10).value() == registry::beat::fresh));
  BOOST_TEST((beat(1, 1, 1, 1, 20).value() == registry::beat::duplicate));
  BOOST_TEST((beat(1, 1, 1, 2, 30).value() == registry::beat::fresh));
  BOOST_TEST((beat(1, 1, 1, 4, 40).error() == errc::unknown_node));
  BOOST_TEST((beat(1, 2, 1, 3, 50).error() == errc::unknown_node));
  BOOST_TEST((beat(9, 1, 1, 1, 60).error() == errc::unknown_node));
}

BOOST_AUTO_TEST_CASE(a_heartbeat_of_another_epoch_asks_to_register) {
  join(1, 1, 1, 0);
  node_heartbeat h;
  h.node = node(1);
  h.incarnation = 1;
  h.number = 1;
  h.epoch = epoch_t(5);
  BOOST_TEST((nodes.heartbeat(h, 1, 10).error() == errc::unknown_node));
}

BOOST_AUTO_TEST_CASE(a_silent_node_is_stale_then_dead_then_live_again) {
  for (std::uint8_t n = 1; n <= 3; ++n) join(n, 1, n, 0);
  std::uint64_t count = 0;
  for (time_ms now = 0; now <= 70'000; now += 500) {
    if (now % 1'000 == 0) {
      ++count;
      BOOST_REQUIRE(beat(2, 1, 2, count, now));
      BOOST_REQUIRE(beat(3, 1, 3, count, now));
    }
    nodes.tick(now);
    const node_state expected = now < 5'000    ? node_state::live
                                : now < 60'000 ? node_state::stale
                                               : node_state::dead;
    BOOST_REQUIRE((state(1) == expected));
  }
  BOOST_TEST((beat(1, 1, 1, 1, 70'100).value() == registry::beat::fresh));
  BOOST_TEST((state(1) == node_state::live));
}

BOOST_AUTO_TEST_CASE(a_gap_in_the_ticks_restarts_all_timers) {
  join(1, 1, 1, 0);
  nodes.tick(500);
  nodes.tick(40'000);  // this process slept
  BOOST_TEST((state(1) == node_state::live));
  clock = 40'000;
  run_until(44'500);
  BOOST_TEST((state(1) == node_state::live));
  run_until(45'500);
  BOOST_TEST((state(1) == node_state::stale));
}

BOOST_AUTO_TEST_CASE(a_node_of_the_log_that_does_not_register_dies) {
  for (std::uint8_t n = 1; n <= 3; ++n) nodes.expect(node(n), 0);
  join(1, 1, 1, 0);
  join(2, 1, 2, 0);
  std::uint64_t count = 0;
  for (time_ms now = 0; now <= 61'000; now += 500) {
    ++count;
    BOOST_REQUIRE(beat(1, 1, 1, count, now));
    BOOST_REQUIRE(beat(2, 1, 2, count, now));
    nodes.tick(now);
  }
  BOOST_TEST((state(3) == node_state::dead));
}

BOOST_AUTO_TEST_CASE(many_silent_nodes_are_a_network_fault) {
  for (std::uint8_t n = 1; n <= 4; ++n) join(n, 1, n, 0);
  std::uint64_t count = 0;
  bool held = false;
  for (time_ms now = 0; now <= 80'000; now += 500) {
    ++count;
    BOOST_REQUIRE(beat(1, 1, 1, count, now));
    BOOST_REQUIRE(beat(2, 1, 2, count, now));
    nodes.tick(now);
    held = held || nodes.mass_silence();
    // Silent since 0, a fault since 5 s: held back until 35 s have passed since, dead by silence.
    if (now < 60'000) BOOST_REQUIRE((state(3) != node_state::dead));
  }
  BOOST_TEST(held);
  BOOST_TEST((state(3) == node_state::dead));
  BOOST_TEST(!nodes.mass_silence());
}

BOOST_AUTO_TEST_CASE(maintenance_excuses_silence_until_it_ends) {
  for (std::uint8_t n = 1; n <= 3; ++n) join(n, 1, n, 0);
  nodes.set_wish(node(1), node_wish::maintenance, 0);
  std::uint64_t count = 0;
  for (time_ms now = 0; now <= 270'000; now += 500) {
    ++count;
    BOOST_REQUIRE(beat(2, 1, 2, count, now));
    BOOST_REQUIRE(beat(3, 1, 3, count, now));
    nodes.tick(now);
    if (now == 200'000) nodes.set_wish(node(1), node_wish::normal, now);
    const node_state expected = now < 5'000     ? node_state::live
                                : now < 260'000 ? node_state::stale
                                                : node_state::dead;
    BOOST_REQUIRE((state(1) == expected));
    const bool excused = now < 200'000;
    BOOST_REQUIRE((standing_of(*nodes.find(node(1))) == "maintenance") == excused);
  }
}

BOOST_AUTO_TEST_CASE(nodes_in_maintenance_are_no_network_fault) {
  for (std::uint8_t n = 1; n <= 4; ++n) join(n, 1, n, 0);
  for (const std::uint8_t n : {1, 2}) nodes.set_wish(node(n), node_wish::maintenance, 0);
  BOOST_TEST(nodes.usable_count() == 2U);
  std::uint64_t count = 0;
  for (time_ms now = 0; now <= 20'000; now += 500) {
    ++count;
    BOOST_REQUIRE(beat(3, 1, 3, count, now));
    BOOST_REQUIRE(beat(4, 1, 4, count, now));
    nodes.tick(now);
    BOOST_REQUIRE(!nodes.mass_silence());
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_leaves_is_decommissioned_when_it_is_empty) {
  join(1, 1, 1, 0);
  nodes.set_wish(node(1), node_wish::leaving, 0);
  BOOST_TEST(standing_of(*nodes.find(node(1))) == "decommissioning");
  BOOST_TEST(!nodes.find(node(1))->takes_data());
  BOOST_TEST(nodes.find(node(1))->usable());
  nodes.set_emptied(node(1), true);
  BOOST_TEST(standing_of(*nodes.find(node(1))) == "decommissioned");
  nodes.set_wish(node(1), node_wish::normal, 0);
  BOOST_TEST(standing_of(*nodes.find(node(1))) == "live");
}

BOOST_AUTO_TEST_CASE(a_node_that_is_about_to_stop_takes_nothing_new_until_it_is_back) {
  join(1, 1, 1, 0);
  node_heartbeat last;
  last.node = node(1);
  last.incarnation = 1;
  last.epoch = epoch;
  last.number = 1;
  last.stopping = true;
  (void)nodes.take_changed();
  BOOST_REQUIRE(nodes.heartbeat(last, 1, 100));
  BOOST_TEST(nodes.take_changed() == std::vector{node(1)});
  const node_view* view = nodes.find(node(1));
  BOOST_TEST(view->usable());  // what it has is read and sealed
  BOOST_TEST(!view->takes_data());
  BOOST_TEST(standing_of(*view) == "stopping");
  nodes.connection_closed(node(1), 1);
  run_until(6'000);
  BOOST_TEST(standing_of(*view) == "stale");
  join(1, 2, 2, 6'100);
  BOOST_TEST(view->takes_data());
  BOOST_TEST(standing_of(*view) == "live");
}

BOOST_AUTO_TEST_CASE(an_operator_ends_the_wait) {
  registry slow({1'000, 5'000, 10'000, 1'000'000}, {}, 0);
  for (std::uint8_t n = 1; n <= 2; ++n) slow.expect(node(n), 0);
  for (time_ms now = 0; now <= 20'000; now += 500) slow.tick(now);
  BOOST_TEST(slow.mass_silence());
  BOOST_TEST((slow.find(node(1))->state == node_state::stale));
  slow.accept_silence();
  slow.tick(20'500);
  BOOST_TEST((slow.find(node(1))->state == node_state::dead));
}

BOOST_AUTO_TEST_CASE(a_higher_epoch_deposes) {
  node_registration r = registration(1);
  r.highest = {epoch_t(9), node(102), txid(70)};
  BOOST_REQUIRE(nodes.register_node(r, 1, 0));
  BOOST_REQUIRE(nodes.deposed_by().has_value());
  BOOST_TEST((nodes.deposed_by()->epoch == epoch_t(9)));
}

BOOST_AUTO_TEST_CASE(witnesses_tell_of_lost_history) {
  struct row {
    witness seen;
    bool lost;
  };
  const std::vector<row> rows = {
      {{epoch_t(0), node_id{}, txid(0)}, false},   // a new node
      {{epoch_t(5), node(100), txid(49)}, false},  // all of that reign is here
      {{epoch_t(5), node(100), txid(50)}, true},   // it went on where ours begins
      {{epoch_t(5), node(103), txid(10)}, true},   // somebody else led then
      {{epoch_t(6), node(100), txid(10)}, true},   // a reign that the log does not have
      {{epoch_t(3), node(100), txid(10)}, false},  // before what the log remembers
      {{epoch_t(7), node(101), txid(60)}, false},  // ours
      {{epoch_t(7), node(101), txid(61)}, true},   // ours, but more than there ever was
      {{epoch_t(7), node(103), txid(55)}, true},   // a second leader of our epoch
  };
  for (const row& r : rows) {
    table fresh;
    fresh.nodes.set_committed(txid(60));
    node_registration first = registration(1);
    first.highest = r.seen;
    BOOST_REQUIRE(fresh.nodes.register_node(first, 1, 0));
    BOOST_TEST(fresh.nodes.read_only_reason().has_value() == r.lost,
               "epoch " << r.seen.epoch << " txid " << r.seen.durable);
    fresh.nodes.accept_loss();
    BOOST_TEST(!fresh.nodes.read_only_reason().has_value());
  }
}

BOOST_AUTO_TEST_CASE(changes_are_told_once) {
  join(1, 1, 1, 0);
  const std::vector<node_id> once = {node(1)};
  BOOST_TEST((nodes.take_changed() == once));
  BOOST_TEST(nodes.take_changed().empty());
  nodes.connection_closed(node(1), 1);
  BOOST_TEST((nodes.take_changed() == once));
}

BOOST_AUTO_TEST_CASE(failed_disks_do_not_count) {
  node_registration r = registration(1);
  r.disks = {{"/a", 100, 40, 60, false}, {"/b", 1'000, 1, 999, true}, {"/c", 50, 25, 25, false}};
  BOOST_REQUIRE(nodes.register_node(r, 1, 0));
  const node_view& view = *nodes.find(node(1));
  BOOST_TEST(view.capacity_bytes() == 150);
  BOOST_TEST(view.used_bytes() == 65);
  BOOST_TEST(view.free_bytes() == 85);
  BOOST_TEST(view.largest_free_bytes() == 60);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
