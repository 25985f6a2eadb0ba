// What became of the mutations of clients, so that a repeated one gets the answer of the first.
#pragma once

#include "base/result.hpp"
#include "meta/records.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <deque>
#include <list>
#include <string>

namespace ssdfs::meta {

/// What a mutation did: the answer to its client.
struct outcome {
  ssdfs::txid txid;  ///< the record that holds the change; the answer waits until it is durable
  bool replaced = false;  ///< a file was there before
  std::string path;       ///< remove: where in the trash it went; empty if it is gone
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// The table of results.
///
/// Operation: every applied record that carries an operation is remembered. A result is forgotten
/// when a later record of the same client says that it has its answer (lowest_unanswered), or when
/// it is retention_ms of log time old. Both depend on the log alone, so a replayed table equals the
/// live one. Ages count anew from every START: log time may jump there by what the wall clock says
/// of the time between, true or not, and clients of the last master may still be repeating.
///
/// Failures: a mutation that was refused has changed nothing and is not in the log. What refused it
/// may be gone when its repeat arrives, which is right as long as nobody has got the first answer;
/// so this table remembers refusals too, but only in memory and for the life of this process: a
/// delayed duplicate can only come over a connection to this process. An operation below what its
/// client has declared answered is refused for the same reason.
///
/// Concurrency: the namespace strand.
class operation_results {
 public:
  static constexpr std::int64_t retention_ms = 10 * 60 * 1000;
  /// Results kept for all clients together; beyond it new operations are answered busy.
  static constexpr std::size_t max_results = 4'000'000;
  /// Results kept for one client; more unanswered operations than this are answered busy.
  static constexpr std::size_t max_per_client = 100'000;

  struct entry {
    std::uint64_t sequence = 0;
    std::int64_t time_ms = 0;
    outcome result;
  };
  struct client_entry {
    client_id client;
    std::int64_t last_ms = 0;             ///< log time of the client's last record
    std::uint64_t lowest_unanswered = 0;  ///< highest one that a record carried
    std::deque<entry> results;            ///< by sequence
  };

  /// The result of an operation that has one: its outcome, or the failure that this process gave.
  /// errc::invalid_argument if the client has declared the operation answered, errc::busy if there
  /// is no room for its result. nullptr: it is new (or not a client's).
  [[nodiscard]] result<const outcome*> find(const operation& op) const;

  /// Remembers the result of an applied record and forgets what the client and the clock allow.
  void remember(const operation& op, std::int64_t time_ms, outcome result);

  /// A master has started at `time_ms`: all results are kept for retention_ms from here.
  void restart(std::int64_t time_ms);

  /// Remembers a refusal in memory. Ignored if `why` is retryable or passes with the situation of
  /// the cluster rather than with the namespace (busy, no_space, read_only, ...).
  void remember_failure(const operation& op, std::int64_t time_ms, const failure& why);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Oldest activity first: the order in which an image stores them.
  [[nodiscard]] const std::list<client_entry>& clients() const noexcept { return clients_; }
  /// Appends a client of an image; false if it is out of order or known.
  bool load(client_entry client);

 private:
  struct refusal {
    operation op;
    std::int64_t time_ms = 0;
    failure why;
  };
  struct key {
    client_id client;
    std::uint64_t sequence = 0;
    friend bool operator==(const key&, const key&) = default;
    friend std::size_t hash_value(const key& k) noexcept {
      return hash_value(k.client) ^ (k.sequence * 0x9e3779b97f4a7c15ULL);
    }
  };
  static constexpr std::size_t max_refusals = 100'000;

  client_entry& touch(const operation& op, std::int64_t time_ms);
  void expire(std::int64_t time_ms);
  void drop_front(client_entry& client);

  std::list<client_entry> clients_;  ///< by last_ms
  boost::unordered_flat_map<client_id, std::list<client_entry>::iterator> by_id_;
  std::size_t size_ = 0;
  std::deque<refusal> refusals_;  ///< oldest first
  boost::unordered_flat_map<key, std::uint64_t> refusal_numbers_;
  std::uint64_t first_refusal_ = 0;  ///< number of refusals_.front()
};

}  // namespace ssdfs::meta
