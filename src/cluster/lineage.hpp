// How two copies of the edits log are related: what a master tells a backup whose log ends
// somewhere.
#pragma once

#include "base/log_place.hpp"
#include "base/membership.hpp"
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

enum class ancestry : std::uint8_t {
  prefix,     ///< their log is a prefix of this one, if the chain value of its last record is right
  diverged,   ///< they have a tail that a takeover left behind: it goes, up to `common`
  unrelated,  ///< no reign in common within what was told
  lost_here,  ///< this log lacks what it, or the set, had acknowledged to be there
  replaced,   ///< they know of a higher epoch than this log's
};

struct descent {
  ancestry what = ancestry::prefix;
  txid common;  ///< diverged, lost_here: the last place where both logs agree
  friend bool operator==(const descent&, const descent&) = default;
};

/// As compare_logs(), between members of a master set, who tell each other their last reigns and
/// what they know as committed. A reign is given by the register to one process, so two logs that
/// hold the same START are equal up to where that reign ends in the shorter one.
///
/// Where they part is exact, so it is never below what is committed, unless this log has lost
/// history: `lost_here` if they know more as committed than both have in common, whatever takeovers
/// came between, or if their tail is of a reign that this log's leader went on from. Tails of
/// epochs up to `accepted` may be gone: their loss was accepted.
[[nodiscard]] descent compare_histories(std::span<const reign> own, txid durable,
                                        const log_history& theirs, epoch_t accepted = {});

/// The same after the chain value of their last record turned out to be wrong although
/// compare_histories() said `prefix`: that reign was damaged or forged at one of the two.
[[nodiscard]] descent after_wrong_chain(std::span<const reign> own, const log_history& theirs,
                                        epoch_t accepted = {});

}  // namespace ssdfs::cluster
