// The JSON behind the dashboard.
#include "master/status.hpp"

#include "http/url.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <charconv>

namespace ssdfs::master {
namespace {

namespace json = boost::json;
namespace bhttp = boost::beast::http;

json::array nodes_json(const snapshot& s) {
  json::array out;
  for (const node_figures& n : s.nodes) {
    out.push_back({{"node", to_string(n.node)},
                   {"name", n.name},
                   {"address", n.address},
                   {"http", n.http},
                   {"rack", n.rack},
                   {"state", n.state},
                   {"connected", n.connected},
                   {"capacity_bytes", n.capacity_bytes},
                   {"used_bytes", n.used_bytes},
                   {"free_bytes", n.free_bytes},
                   {"volumes", n.volumes},
                   {"disks", n.disks},
                   {"failed_disks", n.failed_disks},
                   {"last_heartbeat_ms", n.silent_ms}});
  }
  return out;
}

json::array backups_json(const snapshot& s) {
  json::array out;
  for (const auto& b : s.backups) {
    out.push_back({{"node", to_string(b.node)},
                   {"name", b.name},
                   {"address", b.address},
                   {"state", b.state},
                   {"durable_txid", std::to_string(b.durable.value)},
                   {"lag_ms", b.lag_ms},
                   {"last_heard_ms", b.last_heard_ms}});
  }
  return out;
}

json::array repairs_json(const volume_figures& v) {
  json::array out;
  for (const repair_figures& r : v.repairs) {
    out.push_back({{"volume", std::to_string(r.volume.value)},
                   {"condition", r.condition},
                   {"complete", r.complete},
                   {"wanted", r.wanted},
                   {"bytes", r.bytes},
                   {"done_bytes", r.done_bytes},
                   {"onto", json::array(r.onto.begin(), r.onto.end())}});
  }
  return out;
}

std::string plural(std::uint64_t count, const std::string& what) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

health_verdict health_of(const snapshot& s) {
  const auto& c = s.counts;
  const auto away = std::count_if(s.nodes.begin(), s.nodes.end(), [](const node_figures& n) {
    return n.state != "decommissioned" && n.state != "maintenance" &&
           (n.state == "dead" || n.state == "stale" || !n.connected);
  });
  const auto live = static_cast<std::uint64_t>(s.nodes.size()) - static_cast<std::uint64_t>(away);
  std::uint64_t failed_disks = 0;
  for (const node_figures& n : s.nodes) failed_disks += n.failed_disks;
  if (c.missing > 0) return {"error", plural(c.missing, "chunk") + " cannot be read now."};
  if (!s.not_ready.empty()) return {"error", "Changes are refused: " + s.not_ready + "."};
  if (s.nodes.empty()) return {"error", "No datanode has registered yet: nothing can be stored."};
  if (live == 0) return {"error", "No datanode answers."};
  if (away > 0) {
    std::string copies = c.under_replicated > 0
                             ? plural(c.under_replicated, "volume") + " with too few copies."
                             : "everything can be read.";
    if (s.mass_silence)
      copies += " So many at once look like a fault of the network: no copies are made.";
    return {"warning", plural(static_cast<std::uint64_t>(away), "datanode") + " of " +
                           std::to_string(s.nodes.size()) + (away == 1 ? " does" : " do") +
                           " not answer; " + copies};
  }
  if (c.bad_records > 0) {
    return {"warning", plural(c.bad_records, "damaged record") + " set aside; other copies serve."};
  }
  for (const auto& b : s.backups) {
    if (b.state == "gone") return {"warning", "Backup " + b.name + " does not answer."};
    // What else it may be is told in words.
    if (b.state != "following" && b.state != "catching up" && b.state != "comparing") {
      return {"warning", "Backup " + b.name + ": " + b.state + "."};
    }
  }
  if (failed_disks > 0) return {"warning", plural(failed_disks, "disk") + " failed."};
  if (c.under_replicated > 0) {
    return {"warning", plural(c.under_replicated, "volume") + " with too few copies."};
  }
  if (c.one_rack > 0) {
    return {"warning", plural(c.one_rack, "volume") + " with copies in one rack, being moved."};
  }
  if (s.safe_mode) return {"ok", "Safe mode after a start: reads and writes work, repair waits."};
  return {"ok", "All well: " + plural(s.files, "file") + " on " +
                    plural(s.nodes.size(), "datanode") + ", every copy in its place."};
}

std::string status_json(const snapshot& s) {
  json::object conditions;
  for (std::size_t i = 0; i < condition_count; ++i) {
    const auto name = cluster::name_of(static_cast<cluster::volume_condition>(i));
    conditions[json::string_view(name.data(), name.size())] = s.volumes.by_condition[i];
  }
  const health_verdict health = health_of(s);
  const json::object out{
      {"version", SSDFS_VERSION},
      {"at_ms", s.taken_ms},
      {"started_ms", s.started_ms},
      {"health", {{"level", health.level}, {"sentence", health.sentence}}},
      {"cluster", to_string(s.cluster)},
      {"epoch", s.epoch.value},
      {"txid", std::to_string(s.last.value)},
      {"durable_txid", std::to_string(s.durable.value)},
      {"safemode", s.safe_mode},
      {"safemode_reason", s.safe_mode_reason},
      {"files", s.files},
      {"directories", s.directories},
      {"bytes", s.bytes},
      {"trash_files", s.trash_files},
      {"trash_bytes", s.trash_bytes},
      {"memory_bytes", s.memory.total},
      {"pending_reclaim", s.freed_chunks},
      {"volumes", {{"open", s.counts.volumes_open}, {"sealed", s.counts.volumes_sealed}}},
      {"conditions", std::move(conditions)},
      {"under_replicated", s.counts.under_replicated},
      {"over_replicated", s.counts.over_replicated},
      {"one_rack", s.counts.one_rack},
      {"missing", s.counts.missing},
      {"corrupt", s.counts.bad_records},
      {"orders", s.counts.orders_outstanding},
      {"repairing", s.volumes.repairing},
      {"repairs", repairs_json(s.volumes)},
      {"backups", backups_json(s)},
      {"nodes", nodes_json(s)}};
  return json::serialize(out) + "\n";
}

std::string history_json(const history& of) {
  json::array samples;
  for (const history_sample& at : of.samples()) {
    samples.push_back({{"at_ms", at.at_ms},
                       {"used_bytes", at.used_bytes},
                       {"capacity_bytes", at.capacity_bytes},
                       {"files", at.files},
                       {"reads", at.reads},
                       {"writes", at.writes},
                       {"metadata", at.metadata}});
  }
  return json::serialize(json::object{{"interval_ms", history::sample_interval_ms},
                                      {"samples", std::move(samples)}}) +
         "\n";
}

std::string events_json(const history& of, std::uint64_t after) {
  json::array events;
  for (const event& e : of.events()) {
    if (e.number <= after) continue;
    events.push_back(
        {{"number", e.number}, {"at_ms", e.at_ms}, {"severity", e.severity}, {"text", e.text}});
  }
  return json::serialize(json::object{{"events", std::move(events)}}) + "\n";
}

void route_status(http::server& to, const observer& from) {
  using http::http_request;
  const auto reply = [](const http_request& request, std::string body) {
    auto response =
        http::text_response(request, bhttp::status::ok, std::move(body), "application/json");
    response.set(bhttp::field::cache_control, "no-store");
    return response;
  };
  to.route("/api/v1/status", [&from, reply](const http_request& request) {
    const auto latest = from.latest();
    if (!latest) {
      return http::text_response(request, bhttp::status::service_unavailable,
                                 "{\"error\":\"starting\"}\n", "application/json");
    }
    return reply(request, status_json(*latest));
  });
  to.route("/api/v1/history", [&from, reply](const http_request& request) {
    std::string text;
    from.with_history([&](const history& h) { text = history_json(h); });
    return reply(request, std::move(text));
  });
  to.route("/api/v1/events", [&from, reply](const http_request& request) {
    const std::string_view target(request.target().data(), request.target().size());
    std::uint64_t after = 0;
    const std::string digits = http::query_value(http::query_of(target), "after").value_or("");
    std::from_chars(digits.data(), digits.data() + digits.size(), after);
    std::string text;
    from.with_history([&](const history& h) { text = events_json(h, after); });
    return reply(request, std::move(text));
  });
}

}  // namespace ssdfs::master
