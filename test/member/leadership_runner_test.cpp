// Three members over real sockets and a register in memory.
#include "member/fake_member.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <thread>

namespace ssdfs::test {
namespace {

using cluster::member_role;

// Generous, for machines that do other things as well; nothing is tested by time.
bool comes(const std::function<bool()>& what) {
  constexpr int tries = 6000;
  for (int i = 0; i < tries; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

node_id runner_node(std::uint8_t number) {
  uuid id{};
  id.data[15] = number;
  return node_id(id);
}

struct three_members {
  three_members() {
    start(0, true);
    BOOST_TEST_REQUIRE(comes([&] { return at(0).serves(); }));
    start(1);
    start(2);
    BOOST_TEST_REQUIRE(comes([&] { return at(0).in_sync() == 3; }));
  }
  void start(std::size_t i, bool first = false) {
    fake_member::settings with;
    with.node = runner_node(static_cast<std::uint8_t>(i + 1));
    with.new_cluster = first;
    if (!addresses[i].empty()) with.listen = addresses[i];
    for (const std::string& a : addresses) {
      if (!a.empty()) with.seeds.push_back(a);
    }
    members[i] = std::make_unique<fake_member>(set, disks[i], with);
    addresses[i] = members[i]->address();
  }
  void kill(std::size_t i) { members[i].reset(); }
  fake_member& at(std::size_t i) { return *members[i]; }
  std::optional<std::size_t> leader() {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i] && members[i]->serves()) return i;
    }
    return std::nullopt;
  }
  /// Changes that one leader has committed.
  std::size_t write(std::size_t by, std::uint32_t first, std::uint32_t count) {
    std::size_t last = 0;
    for (std::uint32_t i = 0; i < count; ++i) last = at(by).write(first + i).value_or(0);
    BOOST_TEST_REQUIRE(last != 0U);
    BOOST_TEST_REQUIRE(comes([&] { return at(by).committed_count() >= last; }));
    return last;
  }
  [[nodiscard]] bool holds(std::size_t i, std::uint32_t first, std::uint32_t count) const {
    for (std::uint32_t v = first; v < first + count; ++v) {
      if (std::none_of(disks[i].log.begin(), disks[i].log.end(),
                       [&](const kept_record& r) { return r.value == v; })) {
        return false;
      }
    }
    return true;
  }

  fake_set set;
  std::array<kept_disk, 3> disks;
  std::array<std::string, 3> addresses;
  std::array<std::unique_ptr<fake_member>, 3> members;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(leadership_runners)

BOOST_AUTO_TEST_CASE(the_first_of_a_new_cluster_leads_and_others_join) {
  three_members m;
  BOOST_TEST(m.write(0, 100, 50) >= 51U);
  BOOST_TEST(comes([&] { return m.at(0).role() == member_role::leader; }));
  BOOST_TEST(!m.at(1).serves());
  BOOST_TEST(!m.at(1).write(1).has_value());
  BOOST_TEST_REQUIRE(comes([&] { return m.at(1).runner().stale_as_of().has_value(); }));
  const auto told = m.at(1).runner().status();
  BOOST_TEST_REQUIRE(told.machine.leader.has_value());
  BOOST_TEST(told.machine.leader->address == m.addresses[0]);
  BOOST_TEST((told.reg.state == coord::register_state::ready));
}

BOOST_AUTO_TEST_CASE(a_leader_that_is_killed_is_followed_by_one_that_has_everything) {
  three_members m;
  m.write(0, 100, 50);
  const auto epoch = m.at(0).runner().status().machine.epoch;
  m.kill(0);
  BOOST_TEST_REQUIRE(comes([&] { return m.leader().has_value(); }));
  const std::size_t second = *m.leader();
  BOOST_TEST((m.at(second).runner().status().machine.epoch > epoch));
  m.write(second, 200, 20);
  m.start(0);
  BOOST_TEST_REQUIRE(comes([&] { return m.at(second).in_sync() == 3; }));
  BOOST_TEST((m.at(0).role() == member_role::standby));
  m.write(second, 300, 20);
  for (auto& one : m.members) one.reset();
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(m.holds(i, 100, 50));
    BOOST_TEST(m.holds(i, 200, 20));
    BOOST_TEST(m.holds(i, 300, 20));
    BOOST_TEST((m.disks[i].log == m.disks[0].log));
  }
}

BOOST_AUTO_TEST_CASE(a_standby_that_is_killed_holds_up_nothing_for_long) {
  three_members m;
  m.kill(2);
  m.write(0, 100, 10);
  BOOST_TEST_REQUIRE(comes([&] { return m.at(0).in_sync() == 2; }));
  BOOST_TEST(comes([&] { return m.at(0).serves(); }));
  m.start(2);
  BOOST_TEST_REQUIRE(comes([&] { return m.at(0).in_sync() == 3; }));
}

BOOST_AUTO_TEST_CASE(a_handover_ends_the_old_leader_and_names_the_new_one) {
  three_members m;
  m.write(0, 100, 10);
  const node_id to = runner_node(3);
  net::awaited_value<bool> begun;
  m.at(0).runner().hand_over(to,
                             [begun](const result<void>& done) { begun.give(done.has_value()); });
  BOOST_TEST(begun.wait());
  BOOST_TEST_REQUIRE(comes([&] { return m.leader() == std::optional<std::size_t>(2); }));
  BOOST_TEST_REQUIRE(comes([&] { return m.at(0).stepped_down() == "handed over"; }));
  BOOST_TEST(!m.at(0).serves());
  m.write(2, 200, 10);
}

BOOST_AUTO_TEST_CASE(a_leader_that_shall_end_hands_over_and_a_standby_leaves_first) {
  three_members m;
  m.at(1).runner().shut_down();
  BOOST_TEST_REQUIRE(comes([&] { return m.at(1).may_end(); }));
  BOOST_TEST(comes([&] { return m.at(0).in_sync() == 2; }));
  m.at(0).runner().shut_down();
  BOOST_TEST_REQUIRE(comes([&] { return m.leader() == std::optional<std::size_t>(2); }));
  BOOST_TEST_REQUIRE(comes([&] { return m.at(0).stepped_down() == "handed over"; }));
}

BOOST_AUTO_TEST_CASE(steady_work_goes_on_while_the_register_is_away) {
  three_members m;
  m.set.reg.away(true);
  BOOST_TEST_REQUIRE(
      comes([&] { return m.at(0).runner().status().reg.state == coord::register_state::away; }));
  // Longer than any promise lasts.
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  BOOST_TEST(comes([&] { return m.at(0).serves(); }));
  m.write(0, 100, 10);
  m.set.reg.away(false);
  BOOST_TEST_REQUIRE(
      comes([&] { return m.at(0).runner().status().reg.state == coord::register_state::ready; }));
  BOOST_TEST(comes([&] { return m.at(0).in_sync() == 3; }));
}

BOOST_AUTO_TEST_CASE(a_register_of_another_cluster_is_left_alone) {
  fake_set set;
  cluster::register_value other;
  other.cluster = cluster_id(io::random_uuid());
  other.epoch = epoch_t(256);
  other.leader = runner_node(9);
  other.insync = {{runner_node(9), "127.0.0.1:1"}};
  other.writer = runner_node(9);
  other.nonce = 1;
  set.reg.put(cluster::encode_register(other));
  kept_disk disk;
  fake_member::settings with;
  with.node = runner_node(1);
  with.new_cluster = true;
  fake_member one(set, disk, with);
  BOOST_TEST_REQUIRE(comes(
      [&] { return one.runner().status().reg.state == coord::register_state::other_cluster; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  BOOST_TEST(!one.serves());
  BOOST_TEST(set.reg.value()->content == cluster::encode_register(other));
}

BOOST_AUTO_TEST_CASE(malformed_requests_are_refused) {
  three_members m;
  net::channel_options to;
  to.hello.role = wire::peer_role::client;
  to.hello.cluster = m.set.cluster;
  const auto c = net::channel::make(m.set.threads.context().get_executor(), m.addresses[0], to);
  wire::match_log_request too_long;
  too_long.theirs.reigns.resize(max_history_reigns + 1);
  const auto answer = net::awaited<wire::match_log_request>(*c, too_long, 5000).wait();
  BOOST_TEST_REQUIRE(!answer.has_value());
  BOOST_TEST((answer.error() == errc::protocol));
  c->stop();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
