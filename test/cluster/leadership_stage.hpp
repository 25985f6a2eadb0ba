// One member's state machine on a stage: the test plays the register and the other members.
#pragma once

#include "cluster/leadership.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace ssdfs::leadership_stage {

using namespace cluster;
namespace act = cluster::member_action;

inline uuid uuid_of(int n) {
  uuid id{};
  id.data[0] = 0x5d;
  id.data[15] = static_cast<std::uint8_t>(n);
  return id;
}
inline node_id node(int n) { return node_id(uuid_of(n)); }
inline member_address address(int n) { return {node(n), "m" + std::to_string(n)}; }
inline std::vector<member_address> set(std::initializer_list<int> members) {
  std::vector<member_address> out;
  for (const int n : members) out.push_back(address(n));
  return out;
}
inline cluster_id the_cluster() { return cluster_id(uuid_of(200)); }

inline register_value value(std::uint32_t epoch, int leader, std::initializer_list<int> members,
                            std::uint64_t nonce = 1) {
  return {the_cluster(), epoch_t(epoch), node(leader), set(members), node(leader), nonce};
}

/// Reigns as (epoch, leader, first txid).
inline std::vector<reign> reigns(
    std::initializer_list<std::tuple<std::uint32_t, int, std::uint64_t>> starts) {
  std::vector<reign> out;
  for (const auto& [epoch, leader, start] : starts) {
    out.push_back({epoch_t(epoch), node(leader), txid(start)});
  }
  return out;
}

inline member_log log_of(std::vector<reign> all, std::uint64_t last, std::uint64_t committed) {
  member_log l;
  l.reigns = std::move(all);
  l.durable = {txid(last), l.reigns.empty() ? epoch_t() : l.reigns.back().epoch, 7};
  l.committed = l.applied = txid(committed);
  return l;
}

/// The member is number 1.
class stage {
 public:
  static constexpr std::uint64_t process = 1'000'000;

  explicit stage(member_log log, register_value held, leadership_config config = {},
                 register_version at = 5)
      : version(at), shown(std::move(held)) {
    config.cluster = the_cluster();
    config.self = address(1);
    config.process = process;
    mine = log;
    machine.emplace(std::move(config), std::move(log), now);
  }

  // ---- time, with the machine's tick
  void pass(std::int64_t ms) {
    for (const time_ms end = now + ms; now < end;) {
      now += leadership::tick_ms;
      if (alive) machine->alive(now, never);
      machine->timer(now);
      collect();
    }
  }
  /// The process does not run for so long.
  void sleep(std::int64_t ms) {
    now += ms;
    machine->timer(now);
    collect();
  }

  // ---- actions
  void collect() {
    for (auto more = machine->take_actions(); !more.empty(); more = machine->take_actions()) {
      for (auto& a : more) {
        if (const auto* r = std::get_if<act::read_register>(&a)) {
          if (answer_reads) {
            machine->register_read(r->id, read_outcome::found, version, encode_register(shown),
                                   now);
          } else if (away) {
            machine->register_read(r->id, read_outcome::unreachable, 0, {}, now);
          } else if (missing) {
            machine->register_read(r->id, read_outcome::missing, 0, {}, now);
          }
          continue;
        }
        actions.push_back(std::move(a));
      }
    }
  }
  /// The first of a kind, which is taken out.
  template <class Action>
  std::optional<Action> take() {
    collect();
    for (auto at = actions.begin(); at != actions.end(); ++at) {
      if (auto* found = std::get_if<Action>(&*at)) {
        Action out = std::move(*found);
        actions.erase(at);
        return out;
      }
    }
    return std::nullopt;
  }
  template <class Action>
  std::size_t count() {
    collect();
    std::size_t n = 0;
    for (const auto& a : actions) n += std::holds_alternative<Action>(a) ? 1 : 0;
    return n;
  }
  void forget() {
    collect();
    actions.clear();
  }

  // ---- the register
  /// The change that was asked for last, as a value.
  std::optional<register_value> change() {
    const auto sent = take<act::change_register>();
    if (!sent) return std::nullopt;
    change_id = sent->id;
    expected = sent->expected;
    const auto v = decode_register(sent->bytes);
    BOOST_REQUIRE(v.has_value());
    return *v;
  }
  void answer(change_outcome what) {
    machine->register_changed(change_id, what, now);
    collect();
  }
  /// It is made and answered.
  void make(const register_value& v) {
    shown = v;
    ++version;
    answer(change_outcome::done);
  }

  // ---- as a standby
  void promise_fails(promise_outcome what) {
    const auto sent = take<act::send_promise>();
    BOOST_REQUIRE(sent.has_value());
    machine->promise_failed(sent->id, what, now);
    collect();
  }
  promise_request promise_answered(const promise_reply& r) {
    auto sent = take<act::send_promise>();
    BOOST_REQUIRE(sent.has_value());
    machine->promise_answered(sent->id, r, now);
    collect();
    return sent->request;
  }
  /// What a leader of another process says: its stamp `number`.
  static promise_reply leads(int leader, std::uint32_t epoch, std::uint64_t number,
                             std::uint64_t committed = 0) {
    promise_reply r;
    r.answer = promise_answer::leads;
    r.epoch = epoch_t(epoch);
    r.node = node(leader);
    r.process = static_cast<std::uint64_t>(leader) * 1'000;
    r.given = {r.epoch, r.process, number};
    if (number == 0) r.given = {};
    r.committed = txid(committed);
    r.serving = r.in_sync = true;
    return r;
  }
  void greetings(greeting_outcome what, member_greeting told = {}) {
    for (auto g = take<act::send_greeting>(); g; g = take<act::send_greeting>()) {
      told.node = g->to.node;
      machine->greeted(g->id, what, told, now);
    }
    collect();
  }

  // ---- to the lead
  /// Wins the register, logs START, and may lead from its own promise's end on.
  void win() {
    pass(100);
    greetings(greeting_outcome::silent);
    pass(400);
    const auto v = change();
    BOOST_REQUIRE(v.has_value());
    make(*v);
    log_start();
  }
  void log_start() {
    const auto begun = take<act::begin_reign>();
    BOOST_REQUIRE(begun.has_value());
    epoch = begun->epoch;
    mine.reigns.push_back({epoch, node(1), mine.durable.last.next()});
    mine.durable = {mine.durable.last.next(), epoch, 7};
    machine->log_is(mine, now);
    collect();
  }
  void log_grows(std::uint64_t records = 1) {
    mine.durable.last = txid(mine.durable.last.value + records);
    machine->log_grew(mine.durable, {}, mine.durable.last, now);
    collect();
  }

  // ---- standbys of the leader
  promise_reply promise(int n, stamp echo = {}, std::uint32_t lease = 1'000) {
    promise_request q;
    q.from = address(n);
    q.process = static_cast<std::uint64_t>(n) * 1'000;
    q.heard = epoch;
    q.echo = echo;
    q.lease_ms = lease;
    q.reaches_register = true;
    q.leaving = leaving;
    promise_reply r = machine->promised(q, static_cast<std::uint64_t>(n), now);
    collect();
    return r;
  }
  log_history history(int n) const {
    log_history h;
    h.node = node(n);
    h.process = static_cast<std::uint64_t>(n) * 1'000;
    h.heard = epoch;
    h.durable = mine.durable;
    h.reigns = mine.reigns;
    return h;
  }
  history_answer compare(const log_history& h, int n, chain_check c = chain_check::not_yet) {
    const auto a = machine->compare(h, static_cast<std::uint64_t>(n) + 100, c, now);
    collect();
    return a;
  }
  /// It has matched, and holds everything.
  void match(int n) {
    const log_history h = history(n);
    BOOST_TEST((compare(h, n).verdict == history_verdict::follow));
    machine->standby_matched(node(n), static_cast<std::uint64_t>(n) + 100, h.durable.last, now);
    collect();
  }
  void holds(int n) {
    machine->standby_holds(node(n), static_cast<std::uint64_t>(n) + 100, mine.durable.last, now);
    collect();
  }
  void closes(int n) {
    machine->standby_closed(node(n), static_cast<std::uint64_t>(n), now);
    machine->standby_closed(node(n), static_cast<std::uint64_t>(n) + 100, now);
    collect();
  }
  /// Time passes while these standbys promise and acknowledge as they should.
  void serve(std::int64_t ms, std::initializer_list<int> standbys) {
    for (const time_ms end = now + ms; now < end;) {
      for (const int n : standbys) {
        last_stamp[n] = promise(n, last_stamp[n]).given;
        holds(n);
      }
      pass(100);
    }
  }
  /// Leads in epoch 257, alone or with the standbys of the register's set.
  void lead(std::initializer_list<int> standbys) {
    win();
    for (const int n : standbys) {
      last_stamp[n] = promise(n).given;
      match(n);
    }
    serve(1'200, standbys);
    BOOST_TEST_REQUIRE(machine->may_show(now));
    forget();
  }

  time_ms now = 1'000'000;
  register_version version;
  register_value shown;
  bool answer_reads = true;  ///< else they have no answer yet, or:
  bool away = false;
  bool missing = false;
  bool alive = true;
  bool leaving = false;
  std::uint64_t change_id = 0;
  std::optional<register_version> expected;
  epoch_t epoch;
  member_log mine;
  std::map<int, stamp> last_stamp;
  std::vector<leadership_action> actions;
  std::optional<leadership> machine;
};

/// Log and register after member 1 has led since epoch 256: 10 records, all committed.
inline member_log own_log() { return log_of(reigns({{256, 1, 1}}), 10, 10); }
/// The same where member 2 leads.
inline member_log followed_log() { return log_of(reigns({{256, 2, 1}}), 10, 10); }

}  // namespace ssdfs::leadership_stage
