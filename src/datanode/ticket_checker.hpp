// Whether a write was granted, by the ticket that it shows; and the tickets for the way down a
// chain.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "cluster/ticket.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace ssdfs::datanode {

/// A root that a master has told, and its clock, counted on by our own. Thread-safe.
class ticket_root {
 public:
  ticket_root(const cluster_id& cluster, std::uint32_t number, const cluster::ticket_secret& secret)
      : cluster_(cluster), number_(number), secret_(secret) {}

  [[nodiscard]] const cluster_id& cluster() const noexcept { return cluster_; }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] bool is(const cluster::ticket_secret& secret) const noexcept {
    return secret == secret_;
  }
  void set_clock(std::int64_t clock_ms, std::int64_t now_ms) noexcept {
    ahead_ms_.store(clock_ms - now_ms, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t slot_at(std::int64_t now_ms) const noexcept {
    return cluster::ticket_slot_at(now_ms + ahead_ms_.load(std::memory_order_relaxed));
  }
  /// The key of a slot; those of the slots around the last ones asked for are kept.
  [[nodiscard]] cluster::ticket_key key_of(std::uint32_t slot) const;

 private:
  const cluster_id cluster_;
  const std::uint32_t number_;
  const cluster::ticket_secret secret_;
  std::atomic<std::int64_t> ahead_ms_{0};
  mutable std::mutex mutex_;
  mutable std::deque<cluster::ticket_key> keys_;  // under mutex_; the newest last
};

/// Tickets of one volume that were found right, so that each is looked at closely once only, with
/// what was written under them. Those of the newest generation; of very many the oldest are
/// forgotten. Thread-safe.
class shown_tickets {
 public:
  static constexpr std::size_t most = 1024;

 private:
  friend class ticket_checker;
  struct entry {
    cluster::ticket what;
    cluster::ticket_text text{};
    cluster::ticket_text forward{};  ///< for the next member, if there is one
    std::shared_ptr<const ticket_root> root;
    std::uint64_t used_bytes = 0;
    std::uint64_t number = 0;  ///< they are counted as they come
  };
  entry* find(generation_t generation, const cluster::ticket& what, std::string_view text);
  entry& add(generation_t generation, entry fresh);

  std::mutex mutex_;
  generation_t generation_ = 0;  // under mutex_, as what follows
  boost::unordered_flat_map<chunk_key, entry> by_first_key_;
  std::uint64_t last_number_ = 0;
};

/// What a write wants to do.
struct write_claim {
  /// The cluster is left out. The right is that of this node's place: a writer shows its own to the
  /// first member, and members show theirs to those behind them.
  cluster::ticket_scope scope;
  chunk_key key = 0;
  std::uint64_t bytes = 0;  ///< of content that comes on top
  bool begun = false;       ///< it goes on with a chunk that was begun
  bool forwards = false;    ///< a ticket for the next member is wanted
  std::int64_t now_ms = 0;  ///< CLOCK_MONOTONIC
};

/// Thread-safe. A ticket that was checked before costs a look into a table; a new one two HMACs.
class ticket_checker {
 public:
  /// From a master that the node follows. Tickets made with an earlier root go on being good for
  /// their time, unless it had the same number (a master whose log was cut leads in an epoch
  /// again). Terms that make no sense are left alone.
  void learn(const cluster_id& cluster, const ticket_terms& told, std::int64_t now_ms);

  /// The ticket for the next member (zeros if none is wanted). errc::permission_denied: nobody has
  /// granted this; errc::expired_ticket: the ticket is too old, or this node does not know (any
  /// more) by what it was made.
  [[nodiscard]] result<cluster::ticket_text> admit(shown_tickets& known, const write_claim& claim,
                                                   std::string_view text);

  struct refusal_counts {
    std::uint64_t not_granted = 0;
    std::uint64_t expired = 0;
  };
  [[nodiscard]] refusal_counts refused() const noexcept {
    return {not_granted_.load(std::memory_order_relaxed), expired_.load(std::memory_order_relaxed)};
  }

 private:
  [[nodiscard]] std::shared_ptr<ticket_root> root(std::uint32_t number) const;
  [[nodiscard]] result<void> check_time(const ticket_root& root, const write_claim& claim,
                                        const cluster::ticket& what);
  [[nodiscard]] result<cluster::ticket_text> use(shown_tickets::entry& e, const write_claim& claim);
  [[nodiscard]] failure not_granted(std::string why);
  [[nodiscard]] failure expired(std::string why);

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<ticket_root>> roots_;  // under mutex_; the newest last
  std::atomic<std::uint64_t> not_granted_{0};
  std::atomic<std::uint64_t> expired_{0};
};

}  // namespace ssdfs::datanode
