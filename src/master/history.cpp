#include "master/history.hpp"

namespace ssdfs::master {

void history::add(const snapshot& now, const traffic_totals& traffic) {
  if (!begun_) {
    note(now, "info", "The master began epoch " + std::to_string(now.epoch.value) + ".");
    begun_ = true;
    cluster_ = {now.safe_mode, now.not_ready, now.counts.under_replicated, 0, 0};
  }
  compare_nodes(now);
  compare_cluster(now);
  sample(now, traffic);
}

void history::note(const snapshot& at, const char* severity, std::string text) {
  events_.push_back({++last_number_, at.taken_ms, severity, std::move(text)});
  if (events_.size() > most_events) events_.pop_front();
}

namespace {

bool by_operator(const std::string& state) {
  return state == "maintenance" || state == "decommissioning" || state == "decommissioned";
}

}  // namespace

void history::compare_nodes(const snapshot& now) {
  for (const node_figures& n : now.nodes) {
    const std::string who = "Datanode " + (n.name.empty() ? to_string(n.node) : n.name);
    const auto [at, fresh] = nodes_.try_emplace(n.node);
    known_node& before = at->second;
    if (n.connected && !before.connected) {
      note(now, "info", who + " is connected.");
    } else if (!n.connected && before.connected && n.state == "stopping") {
      note(now, "info", who + " has stopped.");
    } else if (!n.connected && before.connected) {
      note(now, "warning", who + " does not answer.");
    }
    if (!fresh && n.state != before.state) {
      const bool live = n.state == "live";
      const bool decided = by_operator(live ? before.state : n.state) || n.state == "stopping";
      const char* severity = n.state == "dead" ? "error" : decided ? "info" : "warning";
      if (!live) {
        note(now, severity, who + (n.state == "maintenance" ? " is in " : " is ") + n.state + ".");
      } else if (decided) {
        note(now, severity, who + " takes part again.");
      }
    }
    if (n.failed_disks > before.failed_disks) {
      note(now, "error", who + ": a disk failed.");
    }
    before = {n.state, n.connected, n.failed_disks};
  }
}

void history::compare_cluster(const snapshot& now) {
  const auto& counts = now.counts;
  if (now.safe_mode != cluster_.safe_mode) {
    note(now, "info", now.safe_mode ? "Safe mode began." : "Safe mode ended.");
  }
  if (now.not_ready != cluster_.not_ready) {
    note(now, now.not_ready.empty() ? "info" : "error",
         now.not_ready.empty() ? "Changes are accepted again."
                               : "Changes are refused: " + now.not_ready + ".");
  }
  if ((counts.under_replicated > 0) != (cluster_.under_replicated > 0)) {
    note(now, counts.under_replicated > 0 ? "warning" : "info",
         counts.under_replicated > 0
             ? std::to_string(counts.under_replicated) +
                   (counts.under_replicated == 1 ? " volume has" : " volumes have") +
                   " too few copies."
             : "All volumes have their copies again.");
  }
  if ((counts.missing > 0) != (cluster_.missing > 0)) {
    note(now, counts.missing > 0 ? "error" : "info",
         counts.missing > 0 ? std::to_string(counts.missing) +
                                  (counts.missing == 1 ? " chunk" : " chunks") + " cannot be read."
                            : "All chunks can be read again.");
  }
  if (counts.bad_records > cluster_.bad_records) {
    note(now, "error", "A datanode found a damaged record; it is not served.");
  }
  cluster_ = {now.safe_mode, now.not_ready, counts.under_replicated, counts.missing,
              counts.bad_records};
}

void history::sample(const snapshot& now, const traffic_totals& traffic) {
  const std::int64_t since = now.steady_ms - sampled_ms_;
  if (sampled_ms_ != 0 && since < sample_interval_ms) return;
  history_sample next;
  next.at_ms = now.taken_ms;
  next.files = now.files;
  for (const node_figures& n : now.nodes) {
    next.used_bytes += n.used_bytes;
    next.capacity_bytes += n.capacity_bytes;
  }
  if (sampled_ms_ != 0) {
    const auto rate = [&](std::uint64_t to, std::uint64_t from) {
      return static_cast<double>(to - from) * 1000.0 / static_cast<double>(since);
    };
    next.reads = rate(traffic.lookups, sampled_.lookups);
    next.writes = rate(traffic.commits, sampled_.commits);
    next.metadata = rate(traffic.others, sampled_.others);
  }
  sampled_ = traffic;
  sampled_ms_ = now.steady_ms;
  samples_.push_back(next);
  if (samples_.size() > most_samples) samples_.pop_front();
}

}  // namespace ssdfs::master
