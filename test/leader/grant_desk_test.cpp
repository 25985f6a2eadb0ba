// Grants and the sessions of those who hold them.
#include "leader/grant_desk.hpp"

#include "leader/cluster_desk.hpp"
#include "leader/durable_view.hpp"
#include "leader/live_lists.hpp"
#include "leader/rig_edits.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <optional>

namespace ssdfs::leader {
namespace {

using ssdfs::test::test_client;
using test::rig_edits;
using test::state_rig;
using test::test_node;

// A state, its controller, and one datanode that opens what it is told to.
struct grants_scene {
  grants_scene() {
    log.before_apply = [this](const meta::record& r) { grants.about_to_apply(r); };
  }
  static cluster::controller_settings controlling() {
    cluster::controller_settings s;
    s.safemode_max_ms = 1;
    s.ready_per_node = 1;
    s.replication = s.min_replication = 1;
    s.nodes.heartbeat_interval_ms = 100;
    return s;
  }
  static grant_settings granting() {
    grant_settings s;
    s.session_ms = 1'000;
    s.wait_ms = 500;
    s.most_waiting = 2;
    s.root.fill(std::byte{0x5a});
    return s;
  }

  std::optional<result<granted>> ask(std::uint8_t client) {
    grant_wish wish;
    wish.client = test_client(client);
    return grants.ask(token(client), std::move(wish), now);
  }
  void serve() {
    grants.serve_waiting(now, [this](token request, const result<granted>& given) {
      answers.emplace(request, given);
    });
  }

  /// The datanode joins, and does what it is told in so many heartbeats: some make volumes ready.
  void join(int rounds = 10) {
    node_registration r;
    r.node = test_node(7);
    r.incarnation = 1;
    r.name = "n7";
    r.rack = "/r";
    r.address = "host:1";
    r.disks = {{"/d", std::uint64_t{1} << 40, 0, std::uint64_t{1} << 40, false}};
    BOOST_REQUIRE(nodes.register_node(r, 1, now).has_value());
    volume_page page;
    page.node = r.node;
    page.incarnation = 1;
    page.last = true;
    BOOST_REQUIRE(nodes.report_volumes({}, page, 1, now).has_value());
    for (int round = 0; round < rounds; ++round) beat();
  }
  void beat() {
    now += 100;
    nodes.tick(now);
    log_all();
    node_heartbeat message;
    message.node = test_node(7);
    message.incarnation = 1;
    message.number = ++beats;
    message.disks = {{"/d", std::uint64_t{1} << 40, 0, std::uint64_t{1} << 40, false}};
    for (const order& o : pending) {
      order_result done;
      done.id = o.id;
      done.kind = o.kind;
      done.volume = o.volume;
      message.results.push_back(done);
      replica_report replica;
      replica.id = o.volume;
      replica.generation = o.generation;
      replica.state = o.kind == order_kind::create ? replica_state::open : replica_state::sealed;
      message.changed.push_back(replica);
    }
    BOOST_REQUIRE(nodes.heartbeat(message, 1, now).has_value());
    log_all();
    pending = nodes.take_orders(test_node(7), now);
  }
  void log_all() {
    desk.settle(now, [](const cluster::log_request&, const result<meta::record>&) {});
    nodes.committed(rig.state().last_txid(), now);
  }
  [[nodiscard]] std::size_t outstanding() const {
    std::size_t all = 0;
    view.for_each_volume([&](const volume_info& v) { all += view.grants_outstanding(v.id); });
    return all;
  }

  state_rig rig;
  rig_edits log{rig};
  durable_view view{rig.state(), 1'000};
  cluster::time_ms now = 0;
  cluster::controller nodes{controlling(), view, 0};
  live_lists lists{rig.state()};
  cluster_desk desk{rig.state(), nodes, log, lists};
  grant_desk grants{rig.state(), nodes, log, granting(), 0};
  std::map<token, result<granted>> answers;
  std::vector<order> pending;
  std::uint64_t beats = 0;
};

BOOST_AUTO_TEST_SUITE(grants_and_sessions)

BOOST_AUTO_TEST_CASE(a_grant_ends_with_the_session_of_its_owner) {
  grants_scene s;
  s.join();
  s.grants.opened(test_client(1));
  const auto given = s.ask(1);
  BOOST_REQUIRE(given && given->has_value());
  BOOST_TEST(s.outstanding() == 1U);
  BOOST_TEST(s.grants.expire(s.now + 100'000).empty());  // it is connected
  s.grants.closed(test_client(1), s.now);
  BOOST_TEST(s.grants.expire(s.now + 999).empty());
  BOOST_TEST(s.grants.expire(s.now + 1'000).size() == 1U);
  BOOST_TEST(s.outstanding() == 0U);
}

BOOST_AUTO_TEST_CASE(nobody_ends_the_grant_of_another) {
  grants_scene s;
  s.join();
  const auto given = s.ask(1);
  BOOST_REQUIRE(given && given->has_value());
  BOOST_TEST(s.grants.end(test_client(2), (*given)->volume, (*given)->first, s.now));
  BOOST_TEST(s.outstanding() == 1U);
  BOOST_TEST(s.grants.end(test_client(1), (*given)->volume, (*given)->first, s.now));
  BOOST_TEST(s.outstanding() == 0U);
  BOOST_TEST(s.grants.end(test_client(1), (*given)->volume, (*given)->first, s.now));
}

BOOST_AUTO_TEST_CASE(a_grant_for_whose_end_the_log_has_no_room_ends_later) {
  grants_scene s;
  s.join();
  BOOST_REQUIRE(s.ask(1)->has_value());
  BOOST_REQUIRE(s.ask(1)->has_value());
  s.log.room = 1;
  BOOST_TEST(s.grants.expire(s.now + 1'000).size() == 1U);
  BOOST_TEST(s.outstanding() == 1U);
  s.log.room = 100;
  BOOST_TEST(s.grants.expire(s.now + 1'999).empty());
  BOOST_TEST(s.grants.expire(s.now + 2'000).size() == 1U);
  BOOST_TEST(s.outstanding() == 0U);
}

BOOST_AUTO_TEST_CASE(no_grant_is_given_or_ended_while_history_is_missing) {
  grants_scene s;
  s.join();
  const auto given = s.ask(1);
  BOOST_REQUIRE(given && given->has_value());
  s.nodes.distrust("a backup knows more");
  s.log.read_only = true;
  const auto logged = s.log.logged;
  BOOST_TEST((s.ask(2)->error().code == errc::read_only));
  BOOST_TEST(!s.grants.end(test_client(1), (*given)->volume, (*given)->first, s.now));
  BOOST_TEST(s.grants.expire(s.now + 1'000).size() == 1U);
  BOOST_TEST(s.log.logged == logged);
  BOOST_TEST(s.outstanding() == 1U);
}

BOOST_AUTO_TEST_CASE(requests_wait_for_a_volume_in_their_order_and_not_for_ever) {
  grants_scene s;
  s.join(0);
  BOOST_TEST(!s.ask(1).has_value());
  BOOST_TEST(!s.ask(2).has_value());
  BOOST_TEST((s.ask(3)->error().code == errc::busy));  // too many wait
  s.serve();
  BOOST_TEST(s.answers.empty());
  BOOST_TEST(s.grants.waiting());
  for (int round = 0; round < 4; ++round) s.beat();
  s.serve();
  BOOST_TEST_REQUIRE(s.answers.size() == 2U);
  BOOST_REQUIRE(s.answers.at(token(1)).has_value() && s.answers.at(token(2)).has_value());
  BOOST_TEST(s.answers.at(token(1))->first < s.answers.at(token(2))->first);
  BOOST_TEST(!s.grants.waiting());
}

BOOST_AUTO_TEST_CASE(a_request_for_which_no_volume_becomes_ready_is_refused_in_the_end) {
  grants_scene s;
  s.join(0);
  BOOST_TEST(!s.ask(1).has_value());
  s.now += 499;
  s.serve();
  BOOST_TEST(s.answers.empty());
  s.now += 1;
  s.serve();
  BOOST_TEST_REQUIRE(s.answers.size() == 1U);
  BOOST_TEST((s.answers.at(token(1)).error().code == errc::busy));
  BOOST_TEST(!s.grants.waiting());
}

BOOST_AUTO_TEST_CASE(a_grant_comes_with_a_ticket_that_the_leaders_root_proves) {
  grants_scene s;
  s.join();
  const auto asked = s.ask(1);
  BOOST_REQUIRE(asked && asked->has_value());
  const granted& given = **asked;
  const auto shown = cluster::parse_ticket(given.ticket);
  BOOST_REQUIRE(shown.has_value());
  BOOST_TEST(shown->root == s.rig.state().epoch().value);
  BOOST_TEST(shown->first_key == given.first);
  BOOST_TEST(shown->last_key == given.first + given.count - 1);
  BOOST_TEST(shown->bytes == given.bytes);
  const node_id chain[] = {test_node(7)};
  cluster::ticket_scope scope{.right = cluster::ticket_right::write,
                              .cluster = s.rig.state().cluster(),
                              .volume = given.volume,
                              .generation = given.generation,
                              .chain = chain};
  const cluster::ticket_key key(grants_scene::granting().root, shown->slot);
  BOOST_TEST(key.proves(scope, *shown));
  ++scope.generation;
  BOOST_TEST(!key.proves(scope, *shown));
}

BOOST_AUTO_TEST_CASE(what_the_leader_moves_itself_gets_what_it_asks_for_and_does_not_wait) {
  grants_scene s;
  s.join(0);
  grant_wish wish;
  wish.client = test_client(9);
  wish.bytes = 100'000;
  const key_share keys{.bytes_per_key = 1'000, .least = 10, .most = 200};
  BOOST_TEST(!s.grants.ask_for_own(wish, keys, s.now).has_value());
  BOOST_TEST(!s.grants.waiting());
  for (int round = 0; round < 10; ++round) s.beat();
  const auto given = s.grants.ask_for_own(wish, keys, s.now);
  BOOST_REQUIRE(given.has_value());
  BOOST_TEST(given->bytes == wish.bytes);
  BOOST_TEST(given->count == 100U);
  s.log.read_only = true;
  BOOST_TEST(!s.grants.ask_for_own(wish, keys, s.now).has_value());
}

BOOST_AUTO_TEST_CASE(a_new_leader_gives_the_owners_of_grants_time_to_come_back) {
  grants_scene s;
  s.join();
  BOOST_REQUIRE(s.ask(1)->has_value());
  grant_desk next(s.rig.state(), s.nodes, s.log, grants_scene::granting(), s.now);
  s.log.before_apply = [&](const meta::record& r) { next.about_to_apply(r); };
  BOOST_TEST(next.expire(s.now + 999).empty());
  BOOST_TEST(next.expire(s.now + 1'000).size() == 1U);
  BOOST_TEST(s.outstanding() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::leader
