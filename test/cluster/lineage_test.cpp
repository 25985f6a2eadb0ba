// How a master judges the log of a backup, and what counts as committed.
#include "cluster/lineage.hpp"

#include "cluster/commit_gate.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace ssdfs;
using cluster::kinship;
using cluster::reign;
using cluster::relation;

namespace {

node_id node(int n) {
  uuid id{};
  id.data[15] = static_cast<std::uint8_t>(n);
  return node_id(id);
}

// Reigns as (epoch, first txid).
std::vector<reign> history(std::initializer_list<std::pair<std::uint32_t, std::uint64_t>> starts) {
  std::vector<reign> out;
  for (const auto& [epoch, start] : starts) out.push_back({epoch_t(epoch), node(1), txid(start)});
  return out;
}

kinship compare(const std::vector<reign>& own, std::uint64_t durable, std::uint64_t last,
                std::uint32_t epoch, std::uint32_t heard = 0) {
  return cluster::compare_logs(own, txid(durable), {txid(last), epoch_t(epoch), 7},
                               epoch_t(std::max(heard, epoch)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lineage)

BOOST_AUTO_TEST_CASE(a_shorter_log_of_the_same_reigns_may_be_the_begin) {
  const auto own = history({{1, 1}, {2, 50}, {3, 80}});
  BOOST_TEST((compare(own, 100, 0, 0).what == relation::begin));
  BOOST_TEST((compare(own, 100, 49, 1).what == relation::begin));
  BOOST_TEST((compare(own, 100, 60, 2).what == relation::begin));
  BOOST_TEST((compare(own, 100, 100, 3).what == relation::begin));
}

BOOST_AUTO_TEST_CASE(a_higher_epoch_deposes_the_master) {
  const auto own = history({{1, 1}, {2, 50}});
  BOOST_TEST((compare(own, 100, 60, 3).what == relation::replaced));
  BOOST_TEST((compare(own, 100, 10, 1, 256).what == relation::replaced));
}

BOOST_AUTO_TEST_CASE(records_beyond_the_next_start_are_lost_here) {
  const auto own = history({{1, 1}, {2, 50}});
  BOOST_TEST((compare(own, 100, 50, 1) == kinship{relation::lost_here, txid(49)}));
  BOOST_TEST((compare(own, 100, 101, 2) == kinship{relation::lost_here, txid(100)}));
}

BOOST_AUTO_TEST_CASE(a_promotion_explains_a_tail) {
  const auto own = history({{1, 1}, {256, 50}, {257, 90}});
  BOOST_TEST((compare(own, 100, 60, 1) == kinship{relation::diverged, txid(49)}));
  // What the promoted master had logged and lost later is not explained by its promotion.
  BOOST_TEST((compare(own, 100, 95, 256) == kinship{relation::lost_here, txid(89)}));
}

BOOST_AUTO_TEST_CASE(an_epoch_that_only_the_other_knows_is_given_up_whole) {
  const auto own = history({{1, 1}, {2, 40}, {256, 50}});
  // The old master was started twice more after the promotion.
  BOOST_TEST((compare(own, 100, 70, 4) == kinship{relation::diverged, txid(39)}));
  BOOST_TEST((compare(history({{5, 10}}), 100, 9, 3) == kinship{relation::lost_here, txid(0)}));
}

BOOST_AUTO_TEST_CASE(a_wrong_chain_goes_back_to_before_its_reign) {
  const auto own = history({{1, 1}, {2, 40}, {256, 50}});
  const log_place theirs{txid(45), epoch_t(2), 1};
  BOOST_TEST((cluster::after_wrong_chain(own, theirs) == kinship{relation::diverged, txid(39)}));
  const log_place current{txid(60), epoch_t(256), 1};
  BOOST_TEST((cluster::after_wrong_chain(own, current) == kinship{relation::lost_here, txid(49)}));
}

BOOST_AUTO_TEST_CASE(every_advice_goes_back) {
  const auto own = history({{1, 1}, {3, 40}, {256, 50}, {258, 70}});
  for (std::uint32_t epoch = 0; epoch <= 258; ++epoch) {
    for (std::uint64_t last = 1; last < 120; ++last) {
      const auto found = compare(own, 100, last, epoch);
      if (found.what == relation::begin || found.what == relation::replaced) continue;
      BOOST_TEST_REQUIRE(found.common < txid(last), "epoch " << epoch << ", txid " << last);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(committing)

BOOST_AUTO_TEST_CASE(without_backups_what_is_durable_is_committed) {
  cluster::commit_gate gate(0);
  gate.durable_here(txid(7));
  BOOST_TEST(gate.committed().value == 7);
}

BOOST_AUTO_TEST_CASE(the_nth_backup_decides) {
  cluster::commit_gate gate(2);
  gate.durable_here(txid(100));
  gate.acknowledged(node(1), txid(90));
  BOOST_TEST(gate.committed().value == 0);
  gate.acknowledged(node(2), txid(50));
  BOOST_TEST(gate.committed().value == 50);
  gate.acknowledged(node(3), txid(95));
  BOOST_TEST(gate.committed().value == 90);
}

BOOST_AUTO_TEST_CASE(it_never_exceeds_what_is_here_and_never_goes_back) {
  cluster::commit_gate gate(1);
  gate.durable_here(txid(10));
  gate.acknowledged(node(1), txid(40));
  BOOST_TEST(gate.committed().value == 10);
  gate.forget(node(1));
  gate.durable_here(txid(30));
  BOOST_TEST(gate.committed().value == 10);
  gate.acknowledged(node(1), txid(5));
  BOOST_TEST(gate.committed().value == 10);
  gate.acknowledged(node(1), txid(20));
  BOOST_TEST(gate.committed().value == 20);
}

BOOST_AUTO_TEST_SUITE_END()
