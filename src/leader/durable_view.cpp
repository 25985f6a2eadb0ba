#include "leader/durable_view.hpp"

namespace ssdfs::leader {

const volume_info* durable_view::find(volume_id id) const {
  const auto* entry = state_.volumes().find(id);
  return entry == nullptr ? nullptr : &entry->info;
}

void durable_view::for_each_volume(const std::function<void(const volume_info&)>& visit) const {
  const auto& volumes = state_.volumes();
  for (std::size_t slot = 0; slot < volumes.size(); ++slot) {
    visit(volumes[meta::volume_slot(static_cast<std::uint32_t>(slot))].info);
  }
}

std::size_t durable_view::grants_outstanding(volume_id id) const {
  const auto* entry = state_.volumes().find(id);
  return entry == nullptr ? 0 : entry->grants.size();
}

std::uint64_t durable_view::first_removal(volume_id id) const {
  const auto* entry = state_.volumes().find(id);
  return entry == nullptr || entry->removals.empty() ? 0 : entry->removals.front().number;
}

const cluster::removal_batch* durable_view::removal(volume_id id, std::uint64_t number) const {
  const auto* entry = state_.volumes().find(id);
  if (entry == nullptr || entry->removals.empty()) return nullptr;
  const std::uint64_t first = entry->removals.front().number;
  if (number < first || number - first >= entry->removals.size()) return nullptr;
  const meta::removal_batch& batch = entry->removals[number - first];
  shown_.number = batch.number;
  shown_.keys = batch.keys;
  shown_.logged = batch.txid;
  return &shown_;
}

bool durable_view::reclaim_due(volume_id id) const {
  const auto* entry = state_.volumes().find(id);
  return entry != nullptr && !entry->freed.empty() &&
         entry->oldest_freed_ms() + grace_ms_ <= now_ms_;
}

std::uint64_t durable_view::freed_chunks(volume_id id) const {
  const auto* entry = state_.volumes().find(id);
  return entry == nullptr ? 0 : entry->freed.size();
}

std::uint64_t durable_view::lost_chunks(volume_id id) const {
  const auto* entry = state_.volumes().find(id);
  return entry == nullptr ? 0 : entry->lost.size();
}

}  // namespace ssdfs::leader
