#include "cluster/lineage.hpp"

#include <algorithm>

namespace ssdfs::cluster {
namespace {

txid before(txid id) { return txid(id.value == 0 ? 0 : id.value - 1); }

// True if a promotion began one of the reigns from `at` on: an operator chose the copy that this
// log goes on with, and with it what is given up.
bool promoted_since(std::span<const reign> history, std::size_t at) {
  return std::any_of(history.begin() + static_cast<std::ptrdiff_t>(at), history.end(),
                     [](const reign& r) { return is_promotion(r.epoch); });
}

// The first reign whose epoch is above `epoch`.
std::size_t first_above(std::span<const reign> history, epoch_t epoch) {
  const auto at =
      std::find_if(history.begin(), history.end(), [&](const reign& r) { return r.epoch > epoch; });
  return static_cast<std::size_t>(at - history.begin());
}

}  // namespace

kinship compare_logs(std::span<const reign> history, txid durable, const log_place& theirs,
                     epoch_t heard) {
  if (history.empty()) return {};
  const epoch_t own = history.back().epoch;
  if (heard > own || theirs.epoch > own) return {relation::replaced, {}};
  if (theirs.last == txid()) return {};
  const std::size_t next = first_above(history, theirs.epoch);
  const bool known = next > 0 && history[next - 1].epoch == theirs.epoch;
  const bool current = next == history.size();
  const txid end = current ? durable : before(history[next].start);
  if (known && theirs.last <= end) return {};
  if (current) return {relation::lost_here, known ? durable : before(history.back().start)};
  // In an epoch that both know they agree up to its end here. One that only they know began
  // somewhere in the one before it, which is given up whole.
  const txid common = known ? end : next == 0 ? txid() : before(history[next - 1].start);
  return {promoted_since(history, next) ? relation::diverged : relation::lost_here,
          std::min(common, before(theirs.last))};
}

kinship after_wrong_chain(std::span<const reign> history, const log_place& theirs) {
  const std::size_t next = first_above(history, theirs.epoch);
  const txid common = next == 0 ? txid() : before(history[next - 1].start);
  const bool explained = next < history.size() && promoted_since(history, next);
  return {explained ? relation::diverged : relation::lost_here,
          std::min(common, before(theirs.last))};
}

namespace {

// Known as committed by them, and not in this log.
bool lacks_committed(const log_history& theirs, txid common, epoch_t accepted) {
  return theirs.committed > common && theirs.durable.epoch > accepted;
}

}  // namespace

descent compare_histories(std::span<const reign> own, txid durable, const log_history& theirs,
                          epoch_t accepted) {
  if (own.empty()) return {};
  if (std::max(theirs.heard, theirs.durable.epoch) > own.back().epoch) {
    return {ancestry::replaced, {}};
  }
  if (theirs.durable.last == txid()) return {};
  // The newest reign that both hold.
  std::size_t mine = own.size();
  std::size_t other = theirs.reigns.size();
  while (mine > 0 && other > 0 && own[mine - 1] != theirs.reigns[other - 1]) {
    if (own[mine - 1].epoch >= theirs.reigns[other - 1].epoch) {
      --mine;
    } else {
      --other;
    }
  }
  if (mine == 0 || other == 0) {
    return {lacks_committed(theirs, txid(), accepted) ? ancestry::lost_here : ancestry::unrelated,
            {}};
  }
  const bool current = mine == own.size();
  const bool last = other == theirs.reigns.size();
  const txid own_end = current ? durable : before(own[mine].start);
  const txid their_end = last ? theirs.durable.last : before(theirs.reigns[other].start);
  const txid common = std::min(own_end, their_end);
  if (last && their_end <= own_end) return {};
  const bool explained =
      theirs.durable.epoch <= accepted || (!current && promoted_since(own, mine));
  return {explained && !lacks_committed(theirs, common, accepted) ? ancestry::diverged
                                                                  : ancestry::lost_here,
          common};
}

descent after_wrong_chain(std::span<const reign> own, const log_history& theirs, epoch_t accepted) {
  const auto held = std::find_if(own.begin(), own.end(),
                                 [&](const reign& r) { return r.epoch >= theirs.durable.epoch; });
  const txid common = held == own.end() ? txid() : before(held->start);
  return {lacks_committed(theirs, common, accepted) ? ancestry::lost_here : ancestry::diverged,
          std::min(common, before(theirs.durable.last))};
}

}  // namespace ssdfs::cluster
