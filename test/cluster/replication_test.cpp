// A seeded world of machines that hold copies of one log: one leads, the others follow it, messages
// are lost and late, processes die with what they had not synced, masters are replaced by promoting
// a backup and come back as backups. The decisions are those of the product: compare_logs(),
// commit_gate. What must hold: what was acknowledged is in the log of whoever leads, for ever, and
// a copy that was acknowledged is equal to the master's.
#include "cluster/commit_gate.hpp"
#include "cluster/lineage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <random>
#include <vector>

using namespace ssdfs;
using cluster::relation;

namespace {

constexpr std::size_t machines = 3;

struct entry {
  epoch_t epoch;
  std::uint32_t chain = 0;
  bool start = false;
};

struct copy_of_log {
  std::vector<entry> all;  // txid 1 is at 0
  std::size_t synced = 0;  // survives the process
  [[nodiscard]] log_place place(std::size_t length) const {
    if (length == 0) return {};
    return {txid(length), all[length - 1].epoch, all[length - 1].chain};
  }
  void append(entry e) {
    const std::uint32_t before = all.empty() ? 0 : all.back().chain;
    e.chain = (before * 2654435761U) ^ (e.chain + 0x9e3779b9U);
    all.push_back(e);
  }
};

struct machine {
  node_id id;
  copy_of_log log;
  bool up = true;
  bool matched = false;  // of a backup: with the process that leads now
  epoch_t heard;
};

struct message {
  enum class kind { pull, answer, ack } what;
  std::size_t backup = 0;
  std::uint64_t session = 0;  // both ends drop what belongs to another
  log_place place;            // pull
  epoch_t heard;              // pull
  txid durable;               // ack
  std::vector<entry> lines;   // answer
  std::size_t first = 0;      // answer: length of the log before `lines`
  std::optional<txid> truncate;
};

class world {
 public:
  world(std::uint64_t seed, std::size_t min_sync) : random_(seed), gate_(min_sync) {
    for (std::size_t i = 0; i < machines; ++i) {
      uuid id{};
      id.data[15] = static_cast<std::uint8_t>(i + 1);
      all_[i].id = node_id(id);
    }
    lead(0, false);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    settle();
  }

  std::size_t promotions = 0;
  std::size_t truncations = 0;
  std::size_t acknowledged_count = 0;

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  machine& master() { return all_[leader_]; }

  void lead(std::size_t who, bool promotion) {
    leader_ = who;
    ++session_;
    wire_.clear();
    machine& m = master();
    m.up = true;
    m.log.all.resize(m.log.synced);
    std::uint32_t last = m.log.all.empty() ? 0 : m.log.all.back().epoch.value;
    // An operator who learns that somebody has heard of a higher one promotes again.
    if (promotion) {
      for (const machine& one : all_) last = std::max(last, one.heard.value);
    }
    epoch_ = epoch_t(promotion ? (last / 256 + 1) * 256 : last + 1);
    m.log.append({epoch_, static_cast<std::uint32_t>(random_()), true});
    m.log.synced = m.log.all.size();
    m.heard = epoch_;
    gate_ = cluster::commit_gate(gate_.needed());
    gate_.durable_here(txid(m.log.synced));
    start_ = txid(m.log.synced);
    pending_.clear();
    for (machine& other : all_) other.matched = false;
    check_acknowledged();
  }

  std::vector<cluster::reign> history() {
    std::vector<cluster::reign> out;
    const auto& log = master().log.all;
    for (std::size_t i = 0; i < log.size(); ++i) {
      if (log[i].start) out.push_back({log[i].epoch, master().id, txid(i + 1)});
    }
    return out;
  }

  void step() {
    const int what = pick(100);
    if (what < 30) return write();
    if (what < 45) return sync();
    if (what < 65) return send_pull(other());
    if (what < 93) return deliver();
    if (what < 95) return crash_backup(other());
    if (what < 97) return restart_master();
    if (what < 98) return promote();
    for (machine& m : all_) m.up = true;
  }

  std::size_t other() {
    return (leader_ + 1 + static_cast<std::size_t>(pick(machines - 1))) % machines;
  }

  void write() {
    machine& m = master();
    m.log.append({epoch_, static_cast<std::uint32_t>(random_())});
    pending_.push_back(m.log.all.size());
  }

  void sync() {
    machine& m = master();
    m.log.synced = m.log.all.size();
    gate_.durable_here(txid(m.log.synced));
    answer_clients();
  }

  void answer_clients() {
    while (!pending_.empty() && txid(pending_.front()) <= gate_.committed()) {
      acknowledged_.push_back(master().log.place(pending_.front()));
      ++acknowledged_count;
      pending_.pop_front();
    }
  }

  void send_pull(std::size_t who) {
    machine& b = all_[who];
    if (!b.up) return;
    b.log.synced = b.log.all.size();  // a session begins, or goes on, with what is durable
    wire_.push_back({message::kind::pull,
                     who,
                     session_,
                     b.log.place(b.log.all.size()),
                     b.heard,
                     {},
                     {},
                     0,
                     {}});
  }

  void deliver() {
    if (wire_.empty()) return;
    const auto at = wire_.begin() + pick(static_cast<int>(wire_.size()));
    message m = *at;
    wire_.erase(at);
    if (pick(10) == 0 || m.session != session_ || !all_[m.backup].up) return;  // lost
    switch (m.what) {
      case message::kind::pull: return pulled(m);
      case message::kind::answer: return answered(m);
      case message::kind::ack: return acked(m);
    }
  }

  void pulled(const message& m) {
    machine& own = master();
    message reply{message::kind::answer, m.backup, session_, {}, {}, {}, {},
                  m.place.last.value,    {}};
    auto kin = cluster::compare_logs(history(), txid(own.log.synced), m.place, m.heard);
    BOOST_TEST_REQUIRE((kin.what != relation::replaced));
    if (kin.what == relation::begin && own.log.place(m.place.last.value) != m.place) {
      kin = cluster::after_wrong_chain(history(), m.place);
    }
    if (kin.what != relation::begin) {
      // No disk lies in this world, and every replacement is a promotion.
      BOOST_TEST_REQUIRE((kin.what == relation::diverged));
      BOOST_TEST_REQUIRE(kin.common < m.place.last);
      all_[m.backup].matched = false;
      gate_.forget(all_[m.backup].id);
      reply.truncate = kin.common;
    } else {
      all_[m.backup].matched = true;
      acknowledge(m.backup, m.place.last);
      const std::size_t end =
          std::min(own.log.synced, reply.first + static_cast<std::size_t>(pick(60)));
      reply.lines.assign(own.log.all.begin() + static_cast<std::ptrdiff_t>(reply.first),
                         own.log.all.begin() + static_cast<std::ptrdiff_t>(end));
    }
    wire_.push_back(std::move(reply));
  }

  void answered(const message& m) {
    machine& b = all_[m.backup];
    b.heard = std::max(b.heard, epoch_);
    if (m.first != b.log.all.size()) return;  // answer to an older pull
    if (m.truncate) {
      b.log.all.resize(m.truncate->value);
      b.log.synced = std::min(b.log.synced, b.log.all.size());
      ++truncations;
      return;
    }
    b.log.all.insert(b.log.all.end(), m.lines.begin(), m.lines.end());
    if (pick(3) == 0) return;
    b.log.synced = b.log.all.size();
    wire_.push_back(
        {message::kind::ack, m.backup, session_, {}, {}, txid(b.log.synced), {}, 0, {}});
  }

  void acked(const message& m) {
    if (all_[m.backup].matched) acknowledge(m.backup, m.durable);
  }

  void acknowledge(std::size_t who, txid upto) {
    // The claim that all rests on: what was acknowledged is the begin of the master's log.
    const machine& b = all_[who];
    if (upto.value <= b.log.all.size()) {
      BOOST_TEST_REQUIRE((b.log.place(upto.value) == master().log.place(upto.value)));
    }
    gate_.acknowledged(b.id, upto);
    answer_clients();
  }

  void crash_backup(std::size_t who) {
    machine& b = all_[who];
    b.log.all.resize(b.log.synced);
    b.matched = false;
    b.up = pick(2) == 0;
    // Its next process has other connections: what was on the way to or from it is gone.
    std::erase_if(wire_, [&](const message& m) { return m.backup == who; });
    gate_.forget(b.id);
  }

  void restart_master() { lead(leader_, false); }

  // The master is gone; the operator takes the backup that got furthest.
  void promote() {
    // One loss at a time: before the next one a backup has to hold what this reign began with.
    if (gate_.needed() > 0 && gate_.committed() < start_) return;
    std::size_t best = machines;
    for (std::size_t i = 0; i < machines; ++i) {
      if (i == leader_) continue;
      machine& b = all_[i];
      b.log.all.resize(b.log.synced);
      const auto rank = [](const machine& m) {
        const log_place p = m.log.place(m.log.synced);
        return std::pair(p.epoch, p.last);
      };
      if (best == machines || rank(b) > rank(all_[best])) best = i;
    }
    machine& old = master();
    old.log.all.resize(old.log.synced);
    if (pick(2) == 0) old.log = {};  // its disk is destroyed
    old.heard = old.log.all.empty() ? epoch_t{} : old.log.all.back().epoch;
    // An operator who starts the old master once more before it becomes a backup.
    if (!old.log.all.empty() && pick(2) == 0) {
      old.log.append({epoch_t(epoch_.value + 1), static_cast<std::uint32_t>(random_()), true});
      old.log.synced = old.log.all.size();
    }
    ++promotions;
    lead(best, true);
  }

  void check_acknowledged() {
    if (gate_.needed() == 0) acknowledged_.clear();
    for (const log_place& p : acknowledged_) {
      BOOST_TEST_REQUIRE(p.last.value <= master().log.all.size());
      BOOST_TEST_REQUIRE((master().log.place(p.last.value) == p), "txid " << p.last);
    }
  }

  // Everything works for a while: all copies become equal.
  void settle() {
    for (machine& m : all_) m.up = true;
    sync();
    const auto equal = [&](const machine& m) {
      return m.log.all.size() == master().log.all.size();
    };
    for (int round = 0; round < 100'000; ++round) {
      if (std::all_of(all_.begin(), all_.end(), equal)) break;
      for (std::size_t i = 0; i < machines; ++i) {
        if (i != leader_ && round % 20 == 0) send_pull(i);
      }
      deliver();
    }
    check_acknowledged();
    for (const machine& m : all_) {
      BOOST_TEST_REQUIRE(m.log.all.size() == master().log.all.size());
      BOOST_TEST_REQUIRE((m.log.place(m.log.all.size()) == master().log.place(m.log.all.size())));
    }
  }

  std::mt19937_64 random_;
  std::array<machine, machines> all_;
  std::size_t leader_ = 0;
  epoch_t epoch_;
  txid start_;  // of this reign
  std::uint64_t session_ = 0;
  cluster::commit_gate gate_;
  std::deque<message> wire_;
  std::deque<std::size_t> pending_;
  std::vector<log_place> acknowledged_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(replication)

BOOST_AUTO_TEST_CASE(what_a_backup_has_confirmed_survives_the_master) {
  std::size_t promotions = 0;
  std::size_t truncations = 0;
  std::size_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      world w(seed, 1);
      w.run(4000);
      promotions += w.promotions;
      truncations += w.truncations;
      acknowledged += w.acknowledged_count;
    }
  }
  BOOST_TEST(promotions > 1000);
  BOOST_TEST(truncations > 100);
  BOOST_TEST(acknowledged > 10'000);
}

BOOST_AUTO_TEST_CASE(copies_become_equal_without_confirmations_too) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      world w(seed, 0);
      w.run(4000);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
