#include "datanode/metrics.hpp"

#include <array>
#include <string>

namespace ssdfs::datanode {
namespace {

constexpr std::array<std::string_view, 5> state_names = {"unknown", "open", "sealed", "damaged",
                                                         "recovering"};

void write_disks(http::metrics_text& to, const std::vector<volume::directory_status>& disks) {
  const auto family = [&](std::string_view name, std::string_view help, auto value_of) {
    to.gauge(name, help);
    for (std::size_t i = 0; i < disks.size(); ++i) {
      to.sample(value_of(disks[i]), {{"disk", std::to_string(i)}});
    }
  };
  using status = volume::directory_status;
  family("disk_capacity_bytes", "Bytes that volumes may use, by disk in the order of --data-dir.",
         [](const status& d) { return d.capacity; });
  family("disk_used_bytes", "Bytes of volumes and indexes, by disk.",
         [](const status& d) { return d.used; });
  family("disk_free_bytes", "Bytes that appends may still take, by disk.",
         [](const status& d) { return d.available; });
  family("disk_failed", "1 if the disk is out of use.",
         [](const status& d) { return d.problem.empty() ? 0 : 1; });
  family("disk_volumes", "Volumes, by disk.", [](const status& d) { return d.volumes; });
}

void write_volumes(http::metrics_text& to, const std::vector<replica_report>& replicas) {
  std::array<std::uint64_t, state_names.size()> by_state{};
  std::uint64_t dead = 0;
  std::uint64_t bad = 0;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;
  for (const replica_report& r : replicas) {
    const auto state = static_cast<std::size_t>(r.state);
    ++by_state[state < by_state.size() ? state : 0];
    dead += r.dead_bytes;
    bad += r.bad_records;
    chunks += r.digest.count;
    bytes += r.digest.bytes;
  }
  to.gauge("replicas", "Replicas of volumes, by state.");
  for (std::size_t i = 1; i < by_state.size(); ++i) {
    to.sample(by_state[i], {{"state", state_names[i]}});
  }
  to.gauge("stored_chunks", "Chunks in the indexes.", chunks);
  to.gauge("stored_bytes", "Bytes of the chunks in the indexes.", bytes);
  to.gauge("reclaimable_bytes", "Bytes that compaction would free.", dead);
  to.gauge("bad_records", "Damaged records that are set aside.", bad);
}

void write_healing(http::metrics_text& to, const node_load& load) {
  to.gauge("scrub_pass_bytes", "Bytes of the scrubber's pass under way.", load.scrub.bytes_done);
  to.gauge("scrub_last_full_seconds", "End of the scrubber's last whole pass, since 1970; 0: none.",
           load.scrub.last_full_ms / 1000);
  to.counter("bad_records_found_total", "Records found bad, by the scrubber or at a read.",
             load.scrub.bad);
  to.counter("bad_records_replaced_total", "Bad records replaced by good ones.",
             load.scrub.repaired);
  to.counter("disk_moves_total", "Volumes moved to another disk of the node.", load.moved.volumes);
  to.counter("disk_moved_bytes_total", "Bytes of volumes moved to another disk of the node.",
             load.moved.bytes);
  if (load.reconciled == nullptr) return;
  to.counter("reconciles_total", "Replicas compared with the namespace.",
             load.reconciled->replicas.load());
  to.counter("orphans_set_aside_total", "Chunks that no file owns.",
             load.reconciled->orphans.load());
  to.counter("orphans_revived_total", "Chunks set aside that are live after all.",
             load.reconciled->revived.load());
  to.counter("reconcile_fetched_chunks_total",
             "Missing or bad chunks fetched from another replica.",
             load.reconciled->fetched.load());
}

}  // namespace

void write_metrics(http::metrics_text& to, const volume::volume_set& set, const node_load& load) {
  write_disks(to, set.status());
  write_volumes(to, set.reports());
  to.gauge("quarantined_volumes", "Volumes that could not be opened.", set.quarantined().size());
  to.gauge("registered", "1 if a master has taken the registration.", load.registered ? 1 : 0);
  to.gauge("removals_held_up",
           "1 while the witness cannot be stored: nothing is removed meanwhile.",
           load.removals_wait ? 1 : 0);
  to.gauge("disk_queue_tasks", "Appends and reads that wait for a disk or are at it.",
           load.disk_queue);
  to.gauge("background_queue_tasks", "Copies, compactions and other orders that wait or run.",
           load.background_queue);
  to.gauge("write_buffer_bytes", "Bytes of writes under way.", load.write_bytes);
  to.counter("writes_refused_total", "Writes refused for their ticket, by reason.");
  to.sample(load.refused.not_granted, {{"reason", "not_granted"}});
  to.sample(load.refused.expired, {{"reason", "expired_ticket"}});
  write_healing(to, load);
}

}  // namespace ssdfs::datanode
