// Makes the tickets of a leader's grants (cluster/ticket.hpp).
#pragma once

#include "base/orders.hpp"
#include "cluster/ticket.hpp"
#include "meta/records.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace ssdfs::leader {

/// The root is a secret that is drawn at random when a leader begins, kept nowhere, and told to the
/// datanodes that register: so tickets keep out who was granted nothing, not who can pass for a
/// datanode. Times are log time, which goes on evenly over restarts and jumps of the clock.
/// Concurrency: the strand of the namespace.
class ticket_maker {
 public:
  /// The leader's epoch numbers the root.
  ticket_maker(const cluster_id& cluster, epoch_t epoch, const cluster::ticket_secret& root)
      : cluster_(cluster), number_(epoch.value), secret_(root) {}

  /// For what the record grants, written along this chain.
  [[nodiscard]] std::string for_grant(const meta::grant_record& given,
                                      std::span<const replica_address> chain,
                                      std::int64_t clock_ms);
  /// What datanodes are told with each heartbeat, and once, when they register, with the root.
  [[nodiscard]] ticket_terms terms(std::int64_t clock_ms, bool with_root) const;

 private:
  const cluster_id cluster_;
  const std::uint32_t number_;
  const cluster::ticket_secret secret_;
  std::optional<cluster::ticket_key> key_;  // of the slot that was used last
};

}  // namespace ssdfs::leader
