// What the controller needs to know of the replayed log: a seam, so that it can be tested without
// one.
#pragma once

#include "base/ids.hpp"
#include "base/volume_info.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace ssdfs::cluster {

/// Keys whose records are to be removed from the replicas of a volume: one RECLAIM record.
struct removal_batch {
  std::uint64_t number = 0;  ///< 1, 2, ... per volume
  std::vector<chunk_key> keys;
  txid logged;
};

/// The durable truth that the controller plans on, kept by the master's replayed state.
/// All calls see the state after the last applied record (durable or not).
class durable_state {
 public:
  virtual ~durable_state() = default;
  /// nullptr if there is no such volume. Valid until the next record is applied.
  [[nodiscard]] virtual const volume_info* find(volume_id id) const = 0;
  /// Calls `visit` once for each volume; only used when the controller is made.
  virtual void for_each_volume(const std::function<void(const volume_info&)>& visit) const = 0;
  /// Grants on the volume that have not ended.
  [[nodiscard]] virtual std::size_t grants_outstanding(volume_id id) const = 0;
  /// Lowest number of a removal batch that is still kept for the volume; 0 if none is.
  [[nodiscard]] virtual std::uint64_t first_removal(volume_id id) const = 0;
  /// A kept batch, nullptr if it is not kept. Valid until the next record is applied.
  [[nodiscard]] virtual const removal_batch* removal(volume_id id, std::uint64_t number) const = 0;
  /// True if chunks of the volume are past the delete grace and wait for a RECLAIM record (which
  /// the master writes for closed volumes only).
  [[nodiscard]] virtual bool reclaim_due(volume_id id) const = 0;
  /// Chunks of the volume that no file holds any more and that wait for a RECLAIM record; they are
  /// in its digest.
  [[nodiscard]] virtual std::uint64_t freed_chunks(volume_id id) const = 0;
  /// Chunks of the volume that files name and no replica had; they are not in its digest.
  [[nodiscard]] virtual std::uint64_t lost_chunks(volume_id id) const = 0;
};

}  // namespace ssdfs::cluster
