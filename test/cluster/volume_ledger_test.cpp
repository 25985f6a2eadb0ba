// The ledger beside a recount: whatever happens in whatever order, its totals are the sums over all
// volumes, and its two indexes are each other's mirror.
#include "cluster/volume_ledger.hpp"

#include "cluster/fixtures.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <set>
#include <utility>

namespace ssdfs::cluster::test {
namespace {

/// A ledger, and a twin that remembers what the ledger was told and adds it up from the beginning.
class ledger_twin {
 public:
  explicit ledger_twin(std::uint64_t seed) : random_(seed) {}

  void do_something() {
    const volume_id id = volume(1 + random_() % 20);
    const auto who = static_cast<std::uint8_t>(1 + random_() % 5);
    switch (random_() % 8) {
      case 0:
      case 1: {
        replica_report r;
        r.id = id;
        r.length = random_() % 1'000;
        ledger_.report(node(who), r);
        replicas_[{id, who}] = r.length;
        break;
      }
      case 2:
        BOOST_TEST(ledger_.forget_replica(node(who), id) == (replicas_.erase({id, who}) == 1));
        break;
      case 3: {
        std::set<volume_id> had;
        std::erase_if(replicas_, [&](const auto& entry) {
          if (entry.first.second != who) return false;
          had.insert(entry.first.first);
          return true;
        });
        const std::vector<volume_id> told = ledger_.forget_replicas(node(who));
        BOOST_TEST(told.size() == had.size());
        BOOST_TEST((std::set<volume_id>(told.begin(), told.end()) == had));
        break;
      }
      case 4: {
        volume_info info;
        info.id = id;
        info.generation = 1 + random_() % 9;
        std::set<std::uint8_t> members;
        for (int i = 0; i < 3; ++i) members.insert(static_cast<std::uint8_t>(1 + random_() % 5));
        for (const std::uint8_t m : members) info.members.push_back(node(m));
        ledger_.index(info);
        members_[id] = members;
        break;
      }
      case 5:
      case 6: replace_share(id); break;
      default: erase(id); break;
    }
  }

  void recount() const {
    cluster_counts want;
    std::uint64_t with_content = 0;
    std::uint64_t with_copy = 0;
    std::set<volume_id> narrow;
    std::set<volume_id> one_rack;
    std::map<node_id, std::pair<std::uint32_t, std::uint64_t>> on_nodes;
    for (const auto& [id, s] : shares_) {
      want.volumes_open += s.known && s.open ? 1 : 0;
      want.volumes_sealed += s.known && !s.open ? 1 : 0;
      want.volumes_ready += s.ready ? 1 : 0;
      want.under_replicated += s.under ? 1 : 0;
      want.over_replicated += s.over ? 1 : 0;
      want.one_rack += s.one_rack ? 1 : 0;
      want.missing += s.missing;
      want.bad_records += s.bad_records;
      want.unknown_replicas += s.unknown_replicas;
      with_content += s.has_content ? 1 : 0;
      with_copy += s.has_content && s.has_copy ? 1 : 0;
      if (s.narrow) narrow.insert(id);
      if (s.one_rack) one_rack.insert(id);
      for (const reservation& r : s.reserved) {
        ++on_nodes[r.node].first;
        on_nodes[r.node].second += r.bytes;
      }
    }
    const cluster_counts& have = ledger_.counts();
    BOOST_TEST(have.volumes_open == want.volumes_open);
    BOOST_TEST(have.volumes_sealed == want.volumes_sealed);
    BOOST_TEST(have.volumes_ready == want.volumes_ready);
    BOOST_TEST(have.under_replicated == want.under_replicated);
    BOOST_TEST(have.over_replicated == want.over_replicated);
    BOOST_TEST(have.one_rack == want.one_rack);
    BOOST_TEST(have.missing == want.missing);
    BOOST_TEST(have.bad_records == want.bad_records);
    BOOST_TEST(have.unknown_replicas == want.unknown_replicas);
    BOOST_TEST(ledger_.with_content() == with_content);
    BOOST_TEST(ledger_.with_copy() == with_copy);
    BOOST_TEST((ledger_.narrow() == narrow));
    BOOST_TEST((ledger_.one_rack() == one_rack));
    for (std::uint8_t n = 1; n <= 5; ++n) check_node(n, on_nodes[node(n)]);
    for (const auto& [at, length] : replicas_) {
      const volume_record* record = ledger_.find(at.first);
      BOOST_TEST_REQUIRE(record != nullptr);
      const reported_replica* replica = record->replica_on(node(at.second));
      BOOST_TEST_REQUIRE(replica != nullptr);
      BOOST_TEST(replica->report.length == length);
    }
  }

 private:
  void replace_share(volume_id id) {
    volume_record& record = ledger_.volume(id);
    const volume_share before = ledger_.take_off(id, record);
    BOOST_TEST(before.missing == shares_[id].missing);
    BOOST_TEST((before.reserved == shares_[id].reserved));
    shares_.erase(id);
    if (random_() % 4 == 0) return;  // evaluated, and found to be nobody's
    const auto coin = [&] { return random_() % 2 == 0; };
    volume_share s{.known = coin(),
                   .open = coin(),
                   .ready = coin(),
                   .reopenable = coin(),
                   .supply = coin(),
                   .under = coin(),
                   .over = coin(),
                   .has_content = coin(),
                   .has_copy = coin(),
                   .narrow = coin(),
                   .one_rack = coin(),
                   .replication = static_cast<std::uint8_t>(1 + random_() % 3),
                   .missing = random_() % 100,
                   .bad_records = random_() % 100,
                   .unknown_replicas = random_() % 3,
                   .reserved = {}};
    for (std::uint8_t n = 1; n <= 5; ++n) {
      if (coin()) s.reserved.push_back({node(n), random_() % 1'000});
    }
    shares_[id] = s;
    ledger_.put(id, record, std::move(s));
  }

  void erase(volume_id id) {
    if (ledger_.find(id) == nullptr) return;
    (void)ledger_.take_off(id, ledger_.volume(id));
    shares_.erase(id);
    if (!members_[id].empty()) return;
    for (std::uint8_t n = 1; n <= 5; ++n) {
      BOOST_TEST(ledger_.forget_replica(node(n), id) == (replicas_.erase({id, n}) == 1));
    }
    ledger_.erase(id);
    BOOST_TEST((ledger_.find(id) == nullptr));
  }

  void check_node(std::uint8_t number,
                  const std::pair<std::uint32_t, std::uint64_t>& reserved) const {
    static const node_record nothing;
    const node_record* found = ledger_.find_node(node(number));
    const node_record& n = found == nullptr ? nothing : *found;
    BOOST_TEST(n.open_volumes == reserved.first);
    BOOST_TEST(n.reserved_bytes == reserved.second);
    std::unordered_set<volume_id> holds;
    for (const auto& [at, length] : replicas_) {
      if (at.second == number) holds.insert(at.first);
    }
    BOOST_TEST((n.holds == holds));
    std::unordered_set<volume_id> member_of;
    for (const auto& [id, members] : members_) {
      if (members.contains(number)) member_of.insert(id);
    }
    BOOST_TEST((n.member_of == member_of));
  }

  std::mt19937_64 random_;
  volume_ledger ledger_;
  std::map<volume_id, volume_share> shares_;
  std::map<std::pair<volume_id, std::uint8_t>, std::uint64_t> replicas_;
  std::map<volume_id, std::set<std::uint8_t>> members_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(ledger)

BOOST_AUTO_TEST_CASE(totals_are_what_a_recount_finds_after_every_event) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ledger_twin twin(seed);
    for (int i = 0; i < 300; ++i) {
      twin.do_something();
      twin.recount();
    }
  }
}

BOOST_AUTO_TEST_CASE(a_new_report_ends_what_was_said_of_a_drop_only_when_the_replica_is_new) {
  volume_ledger ledger;
  replica_report r;
  r.id = volume(1);
  ledger.report(node(1), r);
  ledger.volume(volume(1)).replicas.front().drop_ordered = true;
  r.length = 7;
  ledger.report(node(1), r);  // it has yet to do it
  BOOST_TEST(ledger.find(volume(1))->replica_on(node(1))->drop_ordered);
  BOOST_TEST(ledger.forget_replica(node(1), volume(1)));
  ledger.report(node(1), r);
  BOOST_TEST(!ledger.find(volume(1))->replica_on(node(1))->drop_ordered);
}

BOOST_AUTO_TEST_CASE(volumes_that_are_asked_for_count_as_open_on_their_nodes) {
  volume_ledger ledger;
  ledger.expect_open({node(1), node(2)});
  ledger.expect_open({node(1)});
  BOOST_TEST(ledger.find_node(node(1))->open_volumes == 2U);
  ledger.expect_no_more({node(1), node(2)});
  BOOST_TEST(ledger.find_node(node(1))->open_volumes == 1U);
  BOOST_TEST(ledger.find_node(node(2))->open_volumes == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
