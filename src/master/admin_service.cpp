// Requests of operators.
#include "base/log.hpp"
#include "master/admin_views.hpp"
#include "master/journal_service.hpp"
#include "master/mutate.hpp"

#include <algorithm>

namespace ssdfs::master {
namespace {

constexpr std::uint32_t volumes_per_page = 1000;
constexpr std::size_t volumes_bytes = 512 << 10;  // a page stays well below a frame's message

}  // namespace

std::string state_name(const cluster::node_view& node, const meta::state&) {
  return std::string(cluster::standing_of(node));
}

void service::admin_report(net::request r, const wire::admin_report_request&) {
  const meta::state& s = core_.state();
  const auto& cluster = core_.nodes();
  const auto now = core::steady_now_ms();
  wire::admin_report_reply reply;
  reply.cluster = s.cluster();
  reply.epoch = s.epoch();
  reply.txid = s.last_txid();
  reply.safemode = cluster.safe_mode();
  reply.safemode_reason = cluster.safe_mode_reason();
  const auto totals = s.names().totals(meta::root_directory);
  const auto trash = meta::trash_totals(s);
  reply.files = totals.files - trash.files;
  reply.directories = totals.directories + 1 - trash.directories;
  reply.bytes = totals.bytes - trash.bytes;
  reply.trash_files = trash.files;
  reply.trash_bytes = trash.bytes;
  const auto counts = cluster.counts();
  reply.volumes_open = counts.volumes_open;
  reply.volumes_sealed = counts.volumes_sealed;
  reply.under_replicated = counts.under_replicated;
  reply.over_replicated = counts.over_replicated;
  reply.missing = counts.missing + s.volumes().lost_count();
  reply.corrupt = counts.bad_records;
  reply.pending_reclaim = s.volumes().freed_count();
  for (const auto& [id, node] : cluster.nodes().nodes()) {
    wire::node_status status;
    status.node = id;
    status.name = node.name;
    status.address = node.address;
    status.http = node.http_address;
    status.rack = node.rack;
    status.state = state_name(node, s);
    status.capacity_bytes = node.capacity_bytes();
    status.used_bytes = node.used_bytes();
    status.volumes = cluster.replicas_on(id);
    status.last_heartbeat_ms = std::max<std::int64_t>(0, now - node.last_heard);
    status.disks = node.disks;
    reply.nodes.push_back(std::move(status));
  }
  reply.backups = backups_->backups();
  reply.min_sync_backups = core_.options().min_sync_backups;
  reply.committed = core_.committed();
  reply.problem = not_ready();
  if (reply.problem.empty() && cluster.nodes().mass_silence()) {
    reply.problem =
        "more than a third of the datanodes are silent, which looks like a fault of the network: "
        "no copies are made or moved, for ten minutes at most ('ssdfs admin safemode leave' if "
        "they are gone for good)";
  }
  // Figures for people are not held back for backups that are missing: they tell about them.
  r.reply(reply);
}

wire::volume_status service::volume_status_of(const volume_info& info) {
  const auto report = core_.nodes().report(info.id);
  wire::volume_status out;
  out.info = info;
  out.reason = cluster::name_of(report.condition);
  out.complete = report.complete;
  out.grants = static_cast<std::uint32_t>(report.grants);
  for (const auto& replica : report.replicas) {
    wire::volume_replica to;
    to.node = replica.node;
    to.state = replica.standing;
    to.report = replica.report;
    if (const auto* node = core_.nodes().nodes().find(replica.node)) {
      to.address = node->address;
      to.node_name = node->name;
    }
    out.replicas.push_back(std::move(to));
  }
  return out;
}

void service::admin_volumes(net::request r, const wire::admin_volumes_request& q) {
  if (q.limit == 0 || q.limit > volumes_per_page) {
    return r.fail(failure(errc::invalid_argument, "limit must be 1 to 1000"));
  }
  // Slots are in the order of ids: epochs grow, and so do the counters within one.
  const auto& volumes = core_.state().volumes();
  std::size_t low = 0;
  std::size_t high = volumes.size();
  const auto id_at = [&](std::size_t slot) {
    return volumes[meta::volume_slot(static_cast<std::uint32_t>(slot))].info.id;
  };
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (id_at(middle) < q.from) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  wire::admin_volumes_reply reply;
  std::size_t bytes = 0;
  for (; low < volumes.size() && reply.volumes.size() < q.limit && bytes < volumes_bytes; ++low) {
    auto status =
        volume_status_of(volumes[meta::volume_slot(static_cast<std::uint32_t>(low))].info);
    bytes += 150 + status.reason.size();
    for (const auto& v : status.replicas) {
      bytes += 150 + v.address.size() + v.node_name.size() + v.state.size();
    }
    reply.volumes.push_back(std::move(status));
  }
  reply.more = low < volumes.size();
  r.reply(reply);
}

void service::admin_seal(net::request r, const wire::admin_seal_request& q) {
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  const auto done = core_.nodes().seal_volume(q.volume, core::steady_now_ms());
  if (!done) return r.fail(done.error());
  settle();  // logs the SEAL, for which the answer waits
  answer_read(std::move(r), wire::admin_seal_reply{});
}

void service::admin_config(net::request r, const wire::admin_config_request&) {
  r.reply(wire::admin_config_reply{core_.options().config});
}

void service::admin_safemode(net::request r, const wire::admin_safemode_request& q) {
  const auto now = core::steady_now_ms();
  if (q.action == "enter") {
    core_.nodes().enter_safe_mode(now);
  } else if (q.action == "leave") {
    core_.nodes().leave_safe_mode(now);
  } else if (q.action != "get") {
    return r.fail(failure(errc::invalid_argument, "safemode takes get, enter or leave"));
  }
  if (q.action != "get") SSDFS_LOG(info) << "safe mode: " << q.action << " by an operator";
  r.reply(wire::admin_safemode_reply{core_.nodes().safe_mode(), core_.nodes().safe_mode_reason()});
}

void service::admin_checkpoint(net::request r, const wire::admin_checkpoint_request& q) {
  if (q.begin) {
    if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
    if (auto begun = checkpoints_.request(); !begun) return r.fail(begun.error());
  }
  auto now = checkpoints_.status();
  wire::admin_checkpoint_reply reply;
  reply.image = now.image;
  reply.wanted = now.wanted;
  reply.failure = std::move(now.failure);
  reply.stage = now.stage;
  reply.bytes_done = now.bytes_done;
  reply.bytes_total = now.bytes_total;
  r.reply(reply);
}

}  // namespace ssdfs::master
