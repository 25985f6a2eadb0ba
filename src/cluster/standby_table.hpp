// The leader's table of its standbys: who has matched, what they hold, what they have promised, and
// which of them must leave or may join the in-sync set.
#pragma once

#include "cluster/member_sets.hpp"
#include "cluster/promises.hpp"
#include "cluster/standby_record.hpp"

#include <map>
#include <optional>
#include <vector>

namespace ssdfs::cluster {

/// Concurrency: single-threaded. Bounds: max_members records; one that is silent and not required
/// gives up its place. Cost: O(members) an event.
class standby_table {
 public:
  static constexpr std::int64_t closed_ms = 300;  ///< a connection may be closed for so long
  static constexpr std::int64_t lacking_ms =
      1'000;  ///< the last standby may lack a promise so long
  static constexpr std::int64_t duplicate_ms = 2'000;
  static constexpr std::int64_t grace_ms = 500;  ///< no removals after a pause of this process
  static constexpr std::int64_t penalty_min_ms = 10'000;
  static constexpr std::int64_t penalty_max_ms = 600'000;

  /// `outdated`: it came on an older connection than the newest (their numbers ascend).
  enum class hearing : std::uint8_t { fine, duplicate, full, outdated };

  /// `set` is what the register holds; `told` is what is known as committed.
  standby_table(node_id self, const member_timing& timing, std::size_t min_sync,
                const std::vector<member_address>& set, txid told, time_ms now);

  // ---- events
  /// A promise arrived on connection `line`. Its echo counts if it is of stamps of this reign and
  /// process (`ours`), from a process whose log has matched.
  hearing promised(const promise_request& q, std::uint64_t line, bool ours, time_ms now);
  /// A history arrived on connection `pull`: what the standby holds does not count before
  /// matched().
  hearing greeted(const log_history& h, std::uint64_t pull, time_ms now);
  void matched(node_id node, std::uint64_t pull, txid durable, time_ms now);
  void acknowledged(node_id node, std::uint64_t pull, txid durable, time_ms now);
  void closed(node_id node, std::uint64_t connection, time_ms now);
  void durable_here(txid upto, time_ms now);
  /// The sets changed.
  void settle() { gate_.settle(sets_); }
  void tick(time_ms now);
  /// This process did not run for a while, so it says nothing that nobody was heard.
  void paused(time_ms now);

  // ---- decisions
  /// Members of the confirmed set that have to leave it. Notes why they were slow.
  [[nodiscard]] std::vector<node_id> to_remove(time_ms now);
  [[nodiscard]] std::optional<member_address> to_add(time_ms now) const;
  /// It may be required: it keeps up, and has promised. `caught_up`: it holds all that is
  /// committed.
  [[nodiscard]] bool fits(node_id node, time_ms now) const;
  [[nodiscard]] bool caught_up(node_id node) const { return gate_.held(node) >= gate_.committed(); }
  /// Who can be handed over to: `wanted` or, if nil, the best.
  [[nodiscard]] std::optional<node_id> successor(node_id wanted, time_ms now) const;
  /// Every required standby's promise runs; `until` when the first one ends (never: there is none).
  [[nodiscard]] time_ms promised_until() const;

  [[nodiscard]] standby_record* find(node_id node);
  [[nodiscard]] const standby_record* find(node_id node) const;
  [[nodiscard]] const std::map<node_id, standby_record>& all() const noexcept { return standbys_; }
  [[nodiscard]] member_sets& sets() noexcept { return sets_; }
  [[nodiscard]] const member_sets& sets() const noexcept { return sets_; }
  [[nodiscard]] promise_book& book() noexcept { return book_; }
  [[nodiscard]] const promise_book& book() const noexcept { return book_; }
  [[nodiscard]] const set_gate& gate() const noexcept { return gate_; }

 private:
  hearing hear(const member_address& who, std::uint64_t process, time_ms now);
  bool make_room();
  [[nodiscard]] bool must_go(const standby_record& s, time_ms now) const;
  [[nodiscard]] bool should_go(const standby_record& s, time_ms now) const;
  void penalize(standby_record& s, time_ms now) const;

  const member_timing& timing_;
  member_sets sets_;
  set_gate gate_;
  promise_book book_;
  durable_marks marks_;
  std::map<node_id, standby_record> standbys_;
  time_ms no_removals_before_ = 0;
};

}  // namespace ssdfs::cluster
