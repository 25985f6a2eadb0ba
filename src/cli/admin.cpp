// admin report, volumes, seal, config and safemode.
#include "base/units.hpp"
#include "cli/admin_backup.hpp"
#include "cli/admin_healing.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "client/tools.hpp"

#include <boost/json/array.hpp>

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iostream>

namespace ssdfs::cli {
namespace {

boost::json::object report_json(const wire::admin_report_reply& r) {
  boost::json::array nodes;
  for (const auto& n : r.nodes) {
    boost::json::array disks;
    for (const auto& d : n.disks) {
      disks.push_back({{"path", d.path},
                       {"capacity_bytes", d.capacity_bytes},
                       {"used_bytes", d.used_bytes},
                       {"free_bytes", d.free_bytes},
                       {"failed", d.failed}});
    }
    nodes.push_back(
        {{"node", to_string(n.node)},
         {"name", n.name},
         {"address", n.address},
         {"http", n.http.empty() ? boost::json::value(nullptr) : boost::json::value(n.http)},
         {"rack", n.rack},
         {"state", n.state},
         {"capacity_bytes", n.capacity_bytes},
         {"used_bytes", n.used_bytes},
         {"volumes", n.volumes},
         {"last_heartbeat_ms", n.last_heartbeat_ms},
         {"disks", std::move(disks)}});
  }
  boost::json::object volumes{{"open", r.volumes_open}, {"sealed", r.volumes_sealed}};
  return {{"cluster", to_string(r.cluster)},
          {"epoch", r.epoch.value},
          {"txid", std::to_string(r.txid.value)},
          {"safemode", r.safemode},
          {"safemode_reason", r.safemode_reason},
          {"files", r.files},
          {"directories", r.directories},
          {"bytes", r.bytes},
          {"volumes", std::move(volumes)},
          {"under_replicated", r.under_replicated},
          {"over_replicated", r.over_replicated},
          {"missing", r.missing},
          {"corrupt", r.corrupt},
          {"pending_reclaim", r.pending_reclaim},
          {"trash_files", r.trash_files},
          {"trash_bytes", r.trash_bytes},
          {"nodes", std::move(nodes)}};
}

void print_report(const wire::admin_report_reply& r) {
  std::cout << "cluster " << to_string(r.cluster) << ", epoch " << r.epoch.value << ", txid "
            << r.txid.value << "\n";
  if (r.safemode) std::cout << "safe mode: " << r.safemode_reason << "\n";
  std::cout << counted(r.files, "file") << ", "
            << counted(r.directories, "directory", "directories") << ", " << format_size(r.bytes)
            << "; in the trash " << counted(r.trash_files, "file") << ", "
            << format_size(r.trash_bytes) << "\n"
            << "volumes: " << r.volumes_open << " open, " << r.volumes_sealed << " sealed; "
            << r.under_replicated << " under-replicated, " << r.over_replicated
            << " over-replicated\n"
            << "chunks: " << r.missing << " missing, " << r.corrupt << " corrupt, "
            << r.pending_reclaim << " waiting to be reclaimed\n\n";
  table rows({"node", "address", "rack", "state", ">capacity", ">used", ">volumes", ">heard"});
  for (const auto& n : r.nodes) {
    rows.add({n.name.empty() ? to_string(n.node) : n.name, n.address, n.rack, n.state,
              format_size(n.capacity_bytes), format_size(n.used_bytes), std::to_string(n.volumes),
              format_age(n.last_heartbeat_ms)});
  }
  rows.print();
}

// By name, digits by their value ("node-9" before "node-10"); those without one last.
void sort_nodes(std::vector<wire::node_status>& nodes) {
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) {
    if (a.name.empty() != b.name.empty()) return b.name.empty();
    const int order = ::strverscmp(a.name.c_str(), b.name.c_str());
    return order != 0 ? order < 0 : a.node < b.node;
  });
}

void add_healing(boost::json::object& to, const wire::admin_healing_reply& h) {
  boost::json::array nodes;
  for (const auto& n : h.nodes) nodes.push_back(to_json(n));
  to["repair"] = to_json(h.repairs);
  to["decommission"] = to_json(h.decommissions);
  to["rebalance"] = to_json(h.rebalance);
  to["decided_nodes"] = std::move(nodes);
}

/// What goes on in the background; nothing where nothing does.
void print_healing(const wire::admin_healing_reply& h) {
  const auto busy = [](const wire::copy_status& c) {
    return c.volumes_running + c.volumes_waiting > 0;
  };
  if (busy(h.repairs)) std::cout << "\nrepair: " << describe(h.repairs) << "\n";
  if (busy(h.decommissions)) std::cout << "\ndecommission: " << describe(h.decommissions) << "\n";
  if (h.rebalance.running) {
    std::cout << "\nrebalance: " << h.rebalance.reason << "; " << describe(h.rebalance.progress)
              << "\n";
  }
  for (const auto& n : h.nodes) {
    if (n.waiting.empty()) continue;
    std::cout << "\n" << n.name << ": its decommission waits: " << n.waiting << "\n";
  }
}

std::optional<volume_id> parse_volume(command_line& line, const std::string& text) {
  std::uint64_t id = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (ec == std::errc() && end == text.data() + text.size()) return volume_id(id);
  line.usage_error("'" + text + "' is not a volume id");
  return std::nullopt;
}

const char* name_of(volume_state state) {
  switch (state) {
    case volume_state::open: return "open";
    case volume_state::sealed: return "sealed";
    case volume_state::closed: return "closed";
  }
  return "unknown";  // of a newer master
}

boost::json::object volume_json(const wire::volume_status& v) {
  boost::json::array replicas;
  for (const auto& r : v.replicas) {
    replicas.push_back({{"node", to_string(r.node)},
                        {"name", r.node_name},
                        {"address", r.address},
                        {"state", r.state},
                        {"generation", r.report.generation},
                        {"length", r.report.length},
                        {"removal_number", r.report.removal_number},
                        {"dead_bytes", r.report.dead_bytes},
                        {"bad_records", r.report.bad_records},
                        {"chunks", r.report.digest.count},
                        {"bytes", r.report.digest.bytes}});
  }
  return {{"volume", std::to_string(v.info.id.value)},
          {"state", name_of(v.info.state)},
          {"reason", v.reason},
          {"replication", v.info.replication},
          {"generation", v.info.generation},
          {"chunks", v.info.digest.count},
          {"bytes", v.info.digest.bytes},
          {"removal_number", v.info.removal_number},
          {"grants", v.grants},
          {"complete", v.complete},
          {"replicas", std::move(replicas)}};
}

void print_volumes(const std::vector<wire::volume_status>& volumes) {
  table rows({">volume", "state", "condition", ">chunks", ">bytes", ">grants", "replicas"});
  for (const auto& v : volumes) {
    std::string replicas;
    for (const auto& r : v.replicas) {
      replicas += (replicas.empty() ? "" : ", ") +
                  (r.node_name.empty() ? to_string(r.node) : r.node_name) + " (" + r.state + ")";
    }
    rows.add({std::to_string(v.info.id.value), name_of(v.info.state), v.reason,
              std::to_string(v.info.digest.count), format_size(v.info.digest.bytes),
              std::to_string(v.grants), replicas});
  }
  rows.print();
}

}  // namespace

int run_admin_report(const std::vector<std::string>& arguments) {
  command_line line("admin report", "[--watch]", "State of the cluster.", {0, 0});
  line.flag("watch", "again every two seconds");
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  for (;;) {
    auto report = detail::master_call(to->client(), wire::admin_report_request{});
    if (report) sort_nodes(report->nodes);
    const auto healing = detail::master_call(to->client(), wire::admin_healing_request{});
    if (!report || !healing) {
      to->error("", !report ? report.error() : healing.error());
    } else if (line.json()) {
      boost::json::object all = report_json(*report);
      add_healing(all, *healing);
      add_backups(all, *report);
      print_json(all);
    } else {
      if (line.has("watch") && ::isatty(STDOUT_FILENO) == 1) std::cout << "\033[H\033[J";
      print_report(*report);
      print_healing(*healing);
      print_backups(*report);
    }
    if (!line.has("watch")) return to->exit_code();
    std::cout.flush();
    if (!std::cout) return to->exit_code();
    ::sleep(2);
  }
}

int run_admin_volumes(const std::vector<std::string>& arguments) {
  command_line line("admin volumes", "[ID]", "Volumes, their condition and replicas.", {0, 1});
  if (!line.parse(arguments)) return line.exit_code();
  std::optional<volume_id> only;
  if (!line.arguments().empty()) {
    only = parse_volume(line, line.arguments().front());
    if (!only) return line.exit_code();
  }
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  std::vector<wire::volume_status> volumes;
  wire::admin_volumes_request request;
  if (only) request = {*only, 1};
  for (;;) {
    auto page = detail::master_call(to->client(), request);
    if (!page) {
      to->error("", page.error());
      return to->exit_code();
    }
    for (auto& v : page->volumes) volumes.push_back(std::move(v));
    if (only || !page->more || page->volumes.empty()) break;
    request.from = volumes.back().info.id.next();
  }
  if (only && (volumes.empty() || volumes.front().info.id != *only)) {
    to->error(line.arguments().front(), "no such volume");
    return to->exit_code();
  }
  if (line.json()) {
    for (const auto& v : volumes) print_json(volume_json(v));
  } else {
    print_volumes(volumes);
  }
  return to->exit_code();
}

int run_admin_seal(const std::vector<std::string>& arguments) {
  command_line line("admin seal", "ID", "Seals an open volume.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto id = parse_volume(line, line.arguments().front());
  if (!id) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  const auto done = detail::master_call(to->client(), wire::admin_seal_request{*id});
  if (!done) {
    to->error(line.arguments().front(), done.error());
  } else if (line.json()) {
    print_json({{"volume", std::to_string(id->value)}});
  }
  return to->exit_code();
}

int run_admin_config(const std::vector<std::string>& arguments) {
  command_line line("admin config", "", "The master's options, and where each comes from.", {0, 0});
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  const auto reply = detail::master_call(to->client(), wire::admin_config_request{});
  if (!reply) {
    to->error("", reply.error());
    return to->exit_code();
  }
  table rows({"option", "value", "from"});
  for (const auto& e : reply->entries) {
    if (line.json()) {
      print_json({{"name", e.name}, {"value", e.value}, {"source", e.source}});
    } else {
      rows.add({e.name, e.value, e.source});
    }
  }
  if (!line.json()) rows.print();
  return 0;
}

int run_admin_safemode(const std::vector<std::string>& arguments) {
  command_line line("admin safemode", "get|enter|leave",
                    "Safe mode holds back repair and destructive orders.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& action = line.arguments().front();
  if (action != "get" && action != "enter" && action != "leave") {
    return line.usage_error("'" + action + "' is none of get, enter and leave");
  }
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  wire::admin_safemode_request request;
  request.action = action;
  const auto reply = detail::master_call(to->client(), request);
  if (!reply) {
    to->error("", reply.error());
  } else if (line.json()) {
    print_json({{"safemode", reply->on}, {"reason", reply->reason}});
  } else {
    std::cout << "safe mode is " << (reply->on ? "on: " + reply->reason : "off") << "\n";
  }
  return to->exit_code();
}

}  // namespace ssdfs::cli
