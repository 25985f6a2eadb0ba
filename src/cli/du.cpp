// du, count and df.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "client/tools.hpp"

#include <iostream>

namespace ssdfs::cli {
namespace {

std::optional<content_summary> summary_or_report(session& from, const std::string& path) {
  diagnostics diag;
  call_settings settings;
  settings.diag = &diag;
  const auto summary = from.client().summary(path, settings);
  if (summary) return *summary;
  from.error(path, summary.error(), &diag);
  return std::nullopt;
}

void print_du(session& from, const std::string& path, const command_line& line) {
  const auto summary = summary_or_report(from, path);
  if (!summary) return;
  if (line.json()) {
    print_json({{"path", path},
                {"bytes", summary->bytes},
                {"files", summary->files},
                {"directories", summary->directories}});
    return;
  }
  std::cout << format_bytes(summary->bytes, line.has("human")) << "\t" << shown_name(path) << "\n";
}

// As du does: what is below first, the directory itself last.
void print_du_below(session& from, const std::string& directory, const command_line& line) {
  each_page(from, directory, 1000, [&](const std::vector<file_status>& page) {
    for (const auto& e : page) {
      if (e.type != entry_type::directory) continue;
      print_du_below(from, e.path, line);
      print_du(from, e.path, line);
    }
  });
}

}  // namespace

int run_du(const std::vector<std::string>& arguments) {
  command_line line("du", "[-s] [-h] PATH...", "Content bytes below paths, one copy.", {1});
  line.flag("summarize,s", "only the paths themselves").flag("human,h", "sizes with units");
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  for (const auto& argument : line.arguments()) {
    const auto named = source_path(*from, argument);
    if (!named) continue;
    const std::string& path = *named;
    if (!line.has("summarize")) {
      const auto top = stat_or_report(*from, path);
      if (!top) continue;
      if (top->type == entry_type::directory) print_du_below(*from, path, line);
    }
    print_du(*from, path, line);
  }
  return from->exit_code();
}

int run_count(const std::vector<std::string>& arguments) {
  command_line line("count", "[-h] PATH...", "Directories, files and bytes at and below paths.",
                    {1});
  line.flag("human,h", "sizes with units");
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  table rows({">directories", ">files", ">bytes", "path"});
  for (const auto& argument : line.arguments()) {
    const auto named = source_path(*from, argument);
    if (!named) continue;
    const std::string& path = *named;
    const auto summary = summary_or_report(*from, path);
    if (!summary) continue;
    if (line.json()) {
      print_json({{"path", path},
                  {"directories", summary->directories},
                  {"files", summary->files},
                  {"bytes", summary->bytes}});
    } else {
      rows.add({std::to_string(summary->directories), std::to_string(summary->files),
                format_bytes(summary->bytes, line.has("human")), shown_name(path)});
    }
  }
  if (!line.json()) rows.print();
  return from->exit_code();
}

int run_df(const std::vector<std::string>& arguments) {
  command_line line("df", "[-h]", "Space of the cluster's datanodes.", {0, 0});
  line.flag("human,h", "sizes with units");
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  const auto report = detail::master_call(from->client(), wire::admin_report_request{});
  if (!report) {
    from->error("", report.error());
    return from->exit_code();
  }
  std::uint64_t capacity = 0;
  std::uint64_t used = 0;
  std::uint64_t available = 0;
  table rows({"node", "state", ">capacity", ">used", ">available", ">use%"});
  const auto row = [&](const std::string& name, const std::string& state, std::uint64_t c,
                       std::uint64_t u, std::uint64_t a) {
    const bool human = line.has("human");
    rows.add({name, state, format_bytes(c, human), format_bytes(u, human), format_bytes(a, human),
              c == 0 ? "-" : std::to_string(u * 100 / c) + "%"});
  };
  for (const auto& node : report->nodes) {
    std::uint64_t free = 0;
    for (const auto& disk : node.disks) {
      if (!disk.failed) free += disk.free_bytes;
    }
    row(node.name, node.state, node.capacity_bytes, node.used_bytes, free);
    capacity += node.capacity_bytes;
    used += node.used_bytes;
    available += free;
  }
  if (line.json()) {
    print_json({{"capacity_bytes", capacity},
                {"used_bytes", used},
                {"available_bytes", available},
                {"nodes", report->nodes.size()}});
    return 0;
  }
  row("total", "", capacity, used, available);
  rows.print();
  return 0;
}

}  // namespace ssdfs::cli
