// The replayed state in the terms of the cluster's side.
#pragma once

#include "cluster/controller.hpp"
#include "meta/state.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace ssdfs::leader {

/// Shows the replayed state to cluster::controller: volumes, grants and removals as the log has
/// them. It keeps nothing but the time of the log, so it is always right.
/// Concurrency: the strand of the namespace. What removal() points at is valid until its next call.
class durable_view final : public cluster::durable_state {
 public:
  /// `grace_ms` is the delete grace in milliseconds; `state` outlives the view.
  durable_view(const meta::state& state, std::int64_t grace_ms)
      : state_(state), grace_ms_(grace_ms) {}
  /// Time of the log in milliseconds, for reclaim_due(); set before the controller is called.
  void set_log_time(std::int64_t now_ms) noexcept { now_ms_ = now_ms; }

  const volume_info* find(volume_id id) const override;
  void for_each_volume(const std::function<void(const volume_info&)>& visit) const override;
  std::size_t grants_outstanding(volume_id id) const override;
  std::uint64_t first_removal(volume_id id) const override;
  const cluster::removal_batch* removal(volume_id id, std::uint64_t number) const override;
  bool reclaim_due(volume_id id) const override;
  std::uint64_t freed_chunks(volume_id id) const override;
  std::uint64_t lost_chunks(volume_id id) const override;

 private:
  const meta::state& state_;
  std::int64_t grace_ms_;
  std::int64_t now_ms_ = 0;
  mutable cluster::removal_batch shown_;  // what removal() points at
};

}  // namespace ssdfs::leader
