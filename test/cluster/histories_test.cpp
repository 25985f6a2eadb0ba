// How a leader judges the log of a standby that tells its last reigns.
#include "cluster/leadership_stage.hpp"

namespace ssdfs::leadership_stage {

namespace {

log_history theirs(std::vector<reign> all, std::uint64_t last, std::uint64_t committed = 0) {
  log_history h;
  h.reigns = std::move(all);
  h.durable = {txid(last), h.reigns.empty() ? epoch_t() : h.reigns.back().epoch, 7};
  h.heard = h.durable.epoch;
  h.committed = txid(committed);
  return h;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(histories)

BOOST_AUTO_TEST_CASE(a_log_that_ends_in_a_known_reign_may_be_a_prefix) {
  const auto own = reigns({{256, 1, 1}, {512, 2, 50}});
  for (const auto& h : {theirs({}, 0), theirs(reigns({{256, 1, 1}}), 49, 49),
                        theirs(reigns({{256, 1, 1}, {512, 2, 50}}), 80)}) {
    BOOST_TEST((compare_histories(own, txid(80), h).what == ancestry::prefix));
  }
}

BOOST_AUTO_TEST_CASE(a_reign_that_only_they_know_goes_exactly_from_its_start_on) {
  // Led by 1 for a year, then by 2 whose START reached only them, then by 3.
  const auto own = reigns({{256, 1, 1}, {768, 3, 1'000'001}});
  const auto h = theirs(reigns({{256, 1, 1}, {512, 2, 1'000'001}}), 1'000'001, 1'000'000);
  BOOST_TEST(
      (compare_histories(own, txid(1'000'005), h) == descent{ancestry::diverged, txid(1'000'000)}));
}

BOOST_AUTO_TEST_CASE(a_tail_that_a_takeover_left_behind_goes_to_where_both_agree) {
  const auto own = reigns({{256, 1, 1}, {512, 2, 50}});
  BOOST_TEST((compare_histories(own, txid(80), theirs(reigns({{256, 1, 1}}), 60, 49)) ==
              descent{ancestry::diverged, txid(49)}));
}

BOOST_AUTO_TEST_CASE(
    committed_records_that_are_missing_here_are_lost_whatever_takeovers_came_between) {
  const auto own = reigns({{256, 1, 1}, {512, 2, 50}, {1024, 2, 70}});
  const auto h = theirs(reigns({{256, 1, 1}}), 60, 55);
  BOOST_TEST((compare_histories(own, txid(80), h) == descent{ancestry::lost_here, txid(49)}));
  BOOST_TEST((compare_histories(own, txid(80), h, epoch_t(256)).what == ancestry::diverged));
}

BOOST_AUTO_TEST_CASE(records_of_a_reign_that_was_gone_on_from_are_lost) {
  const auto own = reigns({{256, 1, 1}, {257, 1, 50}});
  BOOST_TEST((compare_histories(own, txid(80), theirs(reigns({{256, 1, 1}}), 60)).what ==
              ancestry::lost_here));
  // So are those beyond the end of the current one.
  BOOST_TEST((compare_histories(own, txid(80), theirs(own, 81)) ==
              descent{ancestry::lost_here, txid(80)}));
}

BOOST_AUTO_TEST_CASE(one_epoch_with_two_starts_is_two_reigns) {
  const auto own = reigns({{256, 1, 1}, {512, 2, 50}, {768, 1, 60}});
  const auto h = theirs(reigns({{256, 1, 1}, {512, 3, 50}}), 55);
  BOOST_TEST((compare_histories(own, txid(80), h) == descent{ancestry::diverged, txid(49)}));
}

BOOST_AUTO_TEST_CASE(a_later_epoch_replaces_and_a_foreign_log_is_unrelated) {
  const auto own = reigns({{256, 1, 1}});
  BOOST_TEST((compare_histories(own, txid(80), theirs(reigns({{512, 2, 1}}), 5)).what ==
              ancestry::replaced));
  BOOST_TEST((compare_histories(own, txid(80), theirs(reigns({{200, 2, 1}}), 5)).what ==
              ancestry::unrelated));
  BOOST_TEST((compare_histories(own, txid(80), theirs(reigns({{200, 2, 1}}), 5, 5)).what ==
              ancestry::lost_here));
}

BOOST_AUTO_TEST_CASE(a_wrong_chain_value_gives_up_the_reign_that_it_ends_in) {
  const auto own = reigns({{256, 1, 1}, {512, 2, 50}});
  BOOST_TEST(
      (after_wrong_chain(own, theirs(own, 60, 40)) == descent{ancestry::diverged, txid(49)}));
  BOOST_TEST((after_wrong_chain(own, theirs(own, 60, 55)).what == ancestry::lost_here));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::leadership_stage
