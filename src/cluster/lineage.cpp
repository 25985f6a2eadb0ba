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

}  // namespace ssdfs::cluster
