// A datanode's membership as a state machine: what it does when its own disk lets it down.
#include "cluster/agent.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ssdfs::cluster {
namespace {

const node_id leader(parse_uuid("0000000a-0000-0000-0000-000000000000").value());

witness reign_of(std::uint32_t epoch, std::uint64_t durable) {
  return {epoch_t(epoch), leader, txid(durable)};
}

// An agent whose master answers at once.
class followed_master {
 public:
  followed_master() : node_({.node = node_id(leader), .masters = {"m:1"}}, {}) {}

  // Registers and reports; ends live.
  void join(const witness& reign) {
    reign_ = reign;
    if (!started_) node_.start(now);
    started_ = true;
    while (node_.state() != agent_state::connecting) {
      now = std::max(now, node_.next_deadline());
      node_.timer(now);
      collect();
    }
    node_.connected(now);
    node_.register_answered(registration_answer{reign_, settings_, {}}, now);
    node_.page_answered({}, now);
    BOOST_REQUIRE(node_.state() == agent_state::live);
    collect();
  }
  void order_removal(std::uint64_t id, std::uint64_t justified_by) {
    order what;
    what.id = id;
    what.kind = order_kind::remove_keys;
    what.volume = volume_id(7);
    what.justified_by = txid(justified_by);
    orders_.push_back(what);
    beat();
  }
  // Answers the heartbeats that are on the way.
  void beat() {
    collect();
    auto numbers = std::exchange(beats_, {});
    for (const std::uint64_t number : numbers) {
      node_.heartbeat_answered(number, heartbeat_answer{reign_, settings_, orders_, {}}, now);
    }
    collect();
  }
  void pass(std::int64_t ms) {
    const time_ms until = now + ms;
    while (node_.next_deadline() <= until) {
      now = std::max(now, node_.next_deadline());
      node_.timer(now);
      beat();
    }
    now = until;
  }
  void stored(bool works) {
    collect();
    BOOST_REQUIRE(to_store);
    const witness value = *std::exchange(to_store, {});
    if (works) {
      node_.witness_persisted(value, now);
    } else {
      node_.witness_failed(now);
    }
    collect();
  }
  agent& node() { return node_; }

  time_ms now = 1000;
  std::optional<witness> to_store;
  std::vector<std::uint64_t> executed;
  int disconnects = 0;

 private:
  void collect() {
    for (auto& a : node_.take_actions()) {
      if (const auto* p = std::get_if<action::persist_witness>(&a)) {
        BOOST_REQUIRE(!to_store);  // one at a time
        to_store = p->value;
      }
      if (const auto* e = std::get_if<action::execute>(&a)) executed.push_back(e->what.id);
      if (const auto* h = std::get_if<action::send_heartbeat>(&a)) {
        beats_.push_back(h->heartbeat.number);
      }
      if (std::holds_alternative<action::disconnect>(a)) ++disconnects;
    }
  }

  agent node_;
  bool started_ = false;
  witness reign_;
  cluster_settings settings_;
  std::vector<order> orders_;
  std::vector<std::uint64_t> beats_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(agent_state_machine)

BOOST_AUTO_TEST_CASE(a_witness_that_cannot_be_stored_is_stored_again_until_it_can) {
  followed_master m;
  m.join(reign_of(3, 10));
  m.stored(false);
  m.order_removal(1, 10);
  BOOST_TEST(m.executed.empty());
  for (int failures = 0; failures < 20; ++failures) {
    m.pass(6'000);
    m.stored(false);
    BOOST_TEST(m.executed.empty());
  }
  // The connection had nothing to do with it.
  BOOST_TEST(m.disconnects == 0);
  BOOST_TEST((m.node().state() == agent_state::live));
  m.pass(6'000);
  m.stored(true);
  BOOST_TEST(m.executed == std::vector<std::uint64_t>{1});
}

BOOST_AUTO_TEST_CASE(the_pauses_between_two_tries_are_bounded_at_both_ends) {
  followed_master m;
  m.join(reign_of(3, 10));
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 12; ++i) {
    m.stored(false);
    const time_ms since = m.now;
    while (!m.to_store) m.pass(10);
    pauses.push_back(m.now - since);
  }
  BOOST_TEST(*std::min_element(pauses.begin(), pauses.end()) >= 240);
  BOOST_TEST(*std::max_element(pauses.begin(), pauses.end()) <= 5'020);
  BOOST_TEST(pauses.back() >= 4'900);
}

BOOST_AUTO_TEST_CASE(a_connection_that_ends_meanwhile_does_not_stop_the_storing) {
  followed_master m;
  m.join(reign_of(3, 10));
  m.node().connection_lost(m.now);
  m.stored(false);
  while (!m.to_store) m.pass(10);
  m.stored(true);
  m.join(reign_of(3, 12));
  m.stored(true);
  m.order_removal(2, 12);
  BOOST_TEST(m.executed == std::vector<std::uint64_t>{2});
}

BOOST_AUTO_TEST_CASE(the_newest_witness_is_what_is_stored_at_last) {
  followed_master m;
  m.join(reign_of(3, 10));
  m.stored(false);
  m.node().connection_lost(m.now);
  m.join(reign_of(4, 20));
  while (!m.to_store) m.pass(10);
  BOOST_TEST((m.to_store->epoch == epoch_t(4)));
  m.stored(true);
  m.order_removal(5, 20);
  BOOST_TEST(m.executed == std::vector<std::uint64_t>{5});
}

BOOST_AUTO_TEST_CASE(tickets_are_checked_by_what_the_master_says_that_is_followed) {
  agent subject({.node = node_id(leader), .masters = {"m:1"}}, {});
  const auto taken = [&] {
    std::vector<ticket_terms> out;
    for (const auto& a : subject.take_actions()) {
      if (const auto* t = std::get_if<action::take_tickets>(&a)) out.push_back(t->told);
    }
    return out;
  };
  using list = std::vector<ticket_terms>;
  const ticket_terms first{4, "a root", 1000};
  const ticket_terms older{3, "another", 5000};
  subject.start(0);
  subject.connected(0);
  subject.register_answered(registration_answer{reign_of(4, 1), {}, first}, 0);
  BOOST_TEST((taken() == list{first}));
  subject.page_answered({}, 0);
  const ticket_terms later{4, "", 1200};
  subject.heartbeat_answered(1, heartbeat_answer{reign_of(4, 1), {}, {}, later}, 200);
  BOOST_TEST((taken() == list{later}));
  // One that was replaced is not believed, over this connection or another.
  subject.timer(subject.next_deadline());
  subject.heartbeat_answered(2, heartbeat_answer{reign_of(3, 1), {}, {}, older}, 400);
  BOOST_TEST((taken() == list{}));
  subject.timer(subject.next_deadline());
  subject.connected(5000);
  subject.register_answered(registration_answer{reign_of(3, 9), {}, older}, 5000);
  BOOST_TEST((taken() == list{}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster
