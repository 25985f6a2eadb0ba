// The master's metrics.
#include "master/status.hpp"

#include <map>

namespace ssdfs::master {
namespace {

void write_namespace(http::metrics_text& to, const snapshot& s) {
  to.gauge("namespace_files", "Files outside of the trash.", s.files);
  to.gauge("namespace_directories", "Directories outside of the trash, the root included.",
           s.directories);
  to.gauge("namespace_content_bytes", "Content of the files outside of the trash, one copy.",
           s.bytes);
  to.gauge("trash_files", "Files in the trash.", s.trash_files);
  to.gauge("trash_content_bytes", "Content of the files in the trash, one copy.", s.trash_bytes);
  to.gauge("namespace_detached_entries", "Deleted entries that wait to be taken apart.",
           s.detached_entries);
  to.gauge("namespace_memory_bytes", "Memory of the tree, by what it is used for.");
  const auto& m = s.memory;
  to.sample(m.records, {{"part", "records"}});
  to.sample(m.nodes, {{"part", "nodes"}});
  to.sample(m.texts, {{"part", "texts"}});
  to.sample(m.extras, {{"part", "extras"}});
  to.sample(m.chunk_lists, {{"part", "chunk_lists"}});
  to.sample(m.directories, {{"part", "directories"}});
  to.sample(m.free, {{"part", "free"}});
  to.gauge("namespace_shared_values",
           "Values that entries share: combinations of owner, group and mode, content types.");
  to.sample(s.shared_access, {{"kind", "access"}});
  to.sample(s.shared_types, {{"kind", "content_type"}});
  to.gauge("namespace_memory_touched_bytes", "Memory that the process pays for the tree.", m.total);
}

void write_log(http::metrics_text& to, const snapshot& s) {
  to.gauge("epoch", "Number of this reign.", s.epoch.value);
  to.gauge("last_txid", "The last change.", s.last.value);
  to.gauge("durable_txid", "The last change that is durable here.", s.durable.value);
  to.gauge("edits_backlog_bytes", "Records that wait for the log's disk.", s.backlog_bytes);
  to.gauge("ready", "1 if changes are accepted, 0 if they are refused.",
           s.not_ready.empty() ? 1 : 0);
  to.gauge("safe_mode", "1 while repair and destructive orders are held back.",
           s.safe_mode ? 1 : 0);
  to.gauge("grants", "Rights to write that have not ended.", s.grants);
  to.gauge("snapshot_timestamp_seconds", "When these figures were taken.",
           static_cast<double>(s.taken_ms) / 1000);
}

void write_volumes(http::metrics_text& to, const snapshot& s) {
  const auto& c = s.counts;
  to.gauge("volumes", "Volumes by their life.");
  to.sample(c.volumes_open, {{"state", "open"}});
  to.sample(c.volumes_sealed, {{"state", "sealed"}});
  to.gauge("volume_conditions", "Volumes by what they wait for.");
  for (std::size_t i = 0; i < condition_count; ++i) {
    to.sample(s.volumes.by_condition[i],
              {{"reason", cluster::name_of(static_cast<cluster::volume_condition>(i))}});
  }
  to.gauge("volumes_ready", "Open volumes that can be granted.", c.volumes_ready);
  to.gauge("volumes_under_replicated", "Volumes with fewer good copies than wanted.",
           c.under_replicated);
  to.gauge("volumes_in_one_rack", "Volumes whose copies share a rack though others have room.",
           c.one_rack);
  to.gauge("volumes_over_replicated", "Volumes with more copies than wanted.", c.over_replicated);
  to.gauge("volumes_in_repair", "Closed volumes that are copied, compared or waited for.",
           s.volumes.repairing);
  to.gauge("missing_chunks", "Chunks without a reported copy.", c.missing);
  to.gauge("corrupt_chunks", "Damaged records that datanodes have set aside.", c.bad_records);
  to.gauge("orphan_volumes", "Replicas of volumes that the log does not know.", c.unknown_replicas);
  to.gauge("pending_reclaim_chunks", "Chunks of deleted files that wait for the delete grace.",
           s.freed_chunks);
  to.gauge("stored_chunks", "Chunks that should be there.", s.volumes.chunks);
  to.gauge("stored_bytes", "Bytes of the chunks that should be there, one copy.",
           s.volumes.live_bytes);
  to.gauge("orders_outstanding", "Orders to datanodes without a result yet.", c.orders_outstanding);
}

void write_nodes(http::metrics_text& to, const snapshot& s) {
  std::map<std::string, std::uint64_t> states = {
      {"live", 0},           {"stale", 0},       {"dead", 0},    {"decommissioning", 0},
      {"decommissioned", 0}, {"maintenance", 0}, {"stopping", 0}};
  std::uint64_t capacity = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
  std::uint64_t failed = 0;
  for (const node_figures& n : s.nodes) {
    ++states[n.state];
    capacity += n.capacity_bytes;
    used += n.used_bytes;
    free += n.free_bytes;
    failed += n.failed_disks;
  }
  to.gauge("datanodes", "Datanodes by state.");
  for (const auto& [state, count] : states) to.sample(count, {{"state", state}});
  to.gauge("cluster_capacity_bytes", "Capacity of all datanodes.", capacity);
  to.gauge("cluster_used_bytes", "Bytes of volumes and indexes on all datanodes.", used);
  to.gauge("cluster_free_bytes", "Bytes that may still be written on all datanodes.", free);
  to.gauge("cluster_failed_disks", "Disks that datanodes have taken out of use.", failed);
  to.gauge("datanode_silence_seconds", "Time since a datanode was heard last.");
  for (const node_figures& n : s.nodes) {
    to.sample(static_cast<double>(n.silent_ms) / 1000, {{"node", to_string(n.node)}});
  }
}

void write_backups(http::metrics_text& to, const snapshot& s) {
  to.gauge("backups", "Backups that this master has heard of.", s.backups.size());
  to.gauge("backup_silence_seconds", "Time since a backup was heard last.");
  for (const auto& b : s.backups) {
    to.sample(static_cast<double>(b.last_heard_ms) / 1000, {{"node", to_string(b.node)}});
  }
  to.gauge("backup_lag_seconds", "Age of the oldest record that is not in the backup's tree.");
  for (const auto& b : s.backups) {
    to.sample(static_cast<double>(b.lag_ms) / 1000, {{"node", to_string(b.node)}});
  }
  to.gauge("backup_durable_txid", "Last record that is durable at the backup.");
  for (const auto& b : s.backups) to.sample(b.durable.value, {{"node", to_string(b.node)}});
}

}  // namespace

void write_metrics(http::metrics_text& to, const snapshot& of) {
  write_namespace(to, of);
  write_log(to, of);
  write_volumes(to, of);
  write_nodes(to, of);
  write_backups(to, of);
}

}  // namespace ssdfs::master
