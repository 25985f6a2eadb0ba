#include "cluster/volume_ledger.hpp"

#include "base/assert.hpp"

#include <type_traits>

namespace ssdfs::cluster {

volume_record* volume_ledger::find(volume_id id) {
  const auto at = volumes_.find(id);
  return at == volumes_.end() ? nullptr : &at->second;
}

const volume_record* volume_ledger::find(volume_id id) const {
  const auto at = volumes_.find(id);
  return at == volumes_.end() ? nullptr : &at->second;
}

void volume_ledger::index(const volume_info& info) {
  volume_record& record = volumes_[info.id];
  for (const node_id node : record.members) nodes_[node].member_of.erase(info.id);
  for (const node_id node : info.members) nodes_[node].member_of.insert(info.id);
  record.members = info.members;
  record.known = true;
  record.state = info.state;
  record.generation = info.generation;
}

void volume_ledger::erase(volume_id id) {
  const auto at = volumes_.find(id);
  if (at == volumes_.end()) return;
  const volume_record& record = at->second;
  SSDFS_ASSERT(record.replicas.empty() && record.members.empty());
  SSDFS_ASSERT(!record.share.known && record.share.unknown_replicas == 0);
  volumes_.erase(at);
}

// ---- replicas -----------------------------------------------------------------------------------

void volume_ledger::report(node_id node, const replica_report& report) {
  volume_record& record = volumes_[report.id];
  const auto at = std::find_if(record.replicas.begin(), record.replicas.end(),
                               [&](const reported_replica& r) { return r.node == node; });
  if (at == record.replicas.end()) {
    record.replicas.push_back({.node = node, .report = report});
    nodes_[node].holds.insert(report.id);
  } else {
    at->report = report;
  }
}

bool volume_ledger::forget_replica(node_id node, volume_id id) {
  const auto at = volumes_.find(id);
  if (at == volumes_.end()) return false;
  if (std::erase_if(at->second.replicas,
                    [&](const reported_replica& r) { return r.node == node; }) == 0) {
    return false;
  }
  nodes_[node].holds.erase(id);
  return true;
}

std::vector<volume_id> volume_ledger::forget_replicas(node_id node) {
  const std::unordered_set<volume_id>& held = nodes_[node].holds;
  std::vector<volume_id> volumes(held.begin(), held.end());
  for (const volume_id id : volumes) forget_replica(node, id);
  return volumes;
}

// ---- nodes --------------------------------------------------------------------------------------

const node_record* volume_ledger::find_node(node_id id) const {
  const auto at = nodes_.find(id);
  return at == nodes_.end() ? nullptr : &at->second;
}

void volume_ledger::expect_open(const std::vector<node_id>& members) {
  for (const node_id node : members) ++nodes_[node].open_volumes;
}

void volume_ledger::expect_no_more(const std::vector<node_id>& members) {
  for (const node_id node : members) {
    node_record& record = nodes_[node];
    SSDFS_ASSERT(record.open_volumes > 0);
    --record.open_volumes;
  }
}

// ---- totals -------------------------------------------------------------------------------------

volume_share volume_ledger::take_off(volume_id id, volume_record& record) {
  volume_share share = std::exchange(record.share, {});
  count(id, share, sign::minus);
  return share;
}

void volume_ledger::put(volume_id id, volume_record& record, volume_share share) {
  SSDFS_ASSERT(!record.share.known && record.share.unknown_replicas == 0);
  record.share = std::move(share);
  count(id, record.share, sign::plus);
}

/// The only place in which totals change.
void volume_ledger::count(volume_id id, const volume_share& share, sign which) {
  const auto sum = [&](auto& total, std::uint64_t part) {
    using number = std::remove_reference_t<decltype(total)>;
    SSDFS_ASSERT(which == sign::plus || total >= part);
    total = static_cast<number>(which == sign::plus ? total + part : total - part);
  };
  const auto list = [&](std::set<volume_id>& volumes, bool listed) {
    if (!listed) return;
    if (which == sign::plus) {
      volumes.insert(id);
    } else {
      volumes.erase(id);
    }
  };
  sum(counts_.volumes_open, share.known && share.open);
  sum(counts_.volumes_sealed, share.known && !share.open);
  sum(counts_.volumes_ready, share.ready);
  sum(counts_.under_replicated, share.under);
  sum(counts_.over_replicated, share.over);
  sum(counts_.one_rack, share.one_rack);
  sum(counts_.missing, share.missing);
  sum(counts_.bad_records, share.bad_records);
  sum(counts_.unknown_replicas, share.unknown_replicas);
  sum(with_content_, share.has_content);
  sum(with_copy_, share.has_content && share.has_copy);
  for (const reservation& r : share.reserved) {
    node_record& node = nodes_[r.node];
    sum(node.open_volumes, 1);
    sum(node.reserved_bytes, r.bytes);
  }
  list(narrow_, share.narrow);
  list(one_rack_, share.one_rack);
}

}  // namespace ssdfs::cluster
