// How two copies of the edits log are related: what a master tells a backup whose log ends
// somewhere.
#pragma once

#include "base/log_place.hpp"
#include "cluster/registry.hpp"

#include <cstdint>
#include <span>

namespace ssdfs::cluster {

/// Promotions begin at multiples of this, so that an epoch tells whether an operator ordered it.
inline constexpr std::uint32_t promotion_step = 256;
[[nodiscard]] constexpr bool is_promotion(epoch_t epoch) noexcept {
  return epoch.value != 0 && epoch.value % promotion_step == 0;
}

enum class relation : std::uint8_t {
  /// The copy is the begin of this log if the chain value of its last record is right.
  begin,
  /// The copy has a tail that a promotion left behind: it has to give it up.
  diverged,
  /// The copy has records that this log had, too, when they were logged: this log has lost them.
  lost_here,
  /// The copy follows a newer master: this one was replaced.
  replaced,
};

struct kinship {
  relation what = relation::begin;
  /// diverged, lost_here: the copy may agree up to here, and nowhere behind it.
  txid common;
  friend bool operator==(const kinship&, const kinship&) = default;
};

/// What a copy that ends with `theirs` is to the log of a master whose reigns are `history` (in
/// order, the last is its own) and whose last durable record is `durable`. `heard` is the highest
/// epoch that the copy's owner has heard of.
///
/// Every start of a master is a new epoch, and only what was durable at a master reaches a copy. So
/// a copy that ends in an epoch behind the place where this log's next epoch begins has records
/// that this log never had, which only a promotion of another copy explains, or has lost.
[[nodiscard]] kinship compare_logs(std::span<const reign> history, txid durable,
                                   const log_place& theirs, epoch_t heard);

/// The same after the chain value of `theirs` turned out to be wrong although compare_logs() said
/// `begin`: the epoch was given to two reigns, of which this log holds the other.
[[nodiscard]] kinship after_wrong_chain(std::span<const reign> history, const log_place& theirs);

}  // namespace ssdfs::cluster
