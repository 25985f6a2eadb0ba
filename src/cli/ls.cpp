// ls and tree.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"

#include <algorithm>
#include <iostream>

namespace ssdfs::cli {
namespace {

struct ls_options {
  bool details = false;
  bool human = false;
  bool json = false;
  bool by_time = false;
  bool by_size = false;
};

void sort_entries(std::vector<file_status>& entries, const ls_options& o) {
  // The master's order is that of names; only the others need work.
  if (o.by_time) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto& a, const auto& b) { return a.mtime_ms > b.mtime_ms; });
  } else if (o.by_size) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto& a, const auto& b) { return a.size > b.size; });
  }
}

void print_entries(const std::vector<file_status>& entries, const ls_options& o, bool full_path) {
  if (o.json) {
    for (const auto& e : entries) print_json(to_json(e, false));
    return;
  }
  const auto name_of = [&](const file_status& e) {
    return shown_name(full_path || e.path == "/" ? e.path : base_name(e.path));
  };
  if (!o.details) {
    for (const auto& e : entries) std::cout << name_of(e) << "\n";
    return;
  }
  table rows({"", ">", "", "", ">", "", ""});
  for (const auto& e : entries) {
    const bool file = e.type == entry_type::file;
    rows.add({format_mode(e), file ? std::to_string(e.replication) : "-", e.owner, e.group,
              file ? format_bytes(e.size, o.human) : "-", format_time(e.mtime_ms), name_of(e)});
  }
  rows.print();
}

void list_directory(session& from, const file_status& directory, const ls_options& o, bool titled,
                    bool recursive, bool& first) {
  std::vector<file_status> entries;
  each_entry(from, directory.path, [&](const file_status& e) { entries.push_back(e); });
  sort_entries(entries, o);
  if (titled && !o.json) {
    std::cout << (first ? "" : "\n") << shown_name(directory.path) << ":\n";
  }
  first = false;
  print_entries(entries, o, o.json);
  if (!recursive) return;
  for (const auto& e : entries) {
    if (e.type == entry_type::directory) list_directory(from, e, o, titled, true, first);
  }
}

}  // namespace

int run_ls(const std::vector<std::string>& arguments) {
  command_line line("ls", "[-l] [-R] [-h] [-d] [-t] [-S] [PATH...]", "Lists directories.", {});
  line.flag("long,l", "mode, copies, owner, group, size and time")
      .flag("recursive,R", "directories below, too")
      .flag("human,h", "sizes with units")
      .flag("directory,d", "directories themselves, not what is in them")
      .flag("time,t", "newest first")
      .flag("size,S", "largest first");
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  const ls_options o{line.has("long"), line.has("human"), line.json(), line.has("time"),
                     line.has("size")};
  std::vector<std::string> paths = line.arguments();
  if (paths.empty()) paths.emplace_back("/");
  std::vector<file_status> single;
  std::vector<file_status> directories;
  for (const auto& path : paths) {
    auto status = stat_or_report(*from, trim_path(path));
    if (!status) continue;
    const bool list = status->type == entry_type::directory && !line.has("directory");
    (list ? directories : single).push_back(std::move(*status));
  }
  sort_entries(single, o);
  print_entries(single, o, true);
  bool first = single.empty();
  const bool titled = line.has("recursive") || paths.size() > 1;
  for (const auto& d : directories) {
    list_directory(*from, d, o, titled, line.has("recursive"), first);
  }
  return from->exit_code();
}

namespace {

void print_branch(session& from, const file_status& directory, const std::string& indent,
                  std::int64_t levels, content_summary& seen) {
  if (levels == 0) return;
  std::vector<file_status> entries;
  each_entry(from, directory.path, [&](const file_status& e) { entries.push_back(e); });
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const bool last = i + 1 == entries.size();
    const auto& e = entries[i];
    std::cout << indent << (last ? "└── " : "├── ") << shown_name(base_name(e.path)) << "\n";
    if (e.type == entry_type::directory) {
      ++seen.directories;
      print_branch(from, e, indent + (last ? "    " : "│   "), levels - 1, seen);
    } else {
      ++seen.files;
    }
  }
}

}  // namespace

int run_tree(const std::vector<std::string>& arguments) {
  command_line line("tree", "[-L N] [PATH...]", "Shows directories as trees.", {});
  line.value("levels,L", "N", "no deeper than N", "-1");
  if (!line.parse(arguments)) return line.exit_code();
  const auto levels = line.integer("levels", -1, 4096);
  if (!levels) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  std::vector<std::string> paths = line.arguments();
  if (paths.empty()) paths.emplace_back("/");
  for (const auto& path : paths) {
    const auto top = stat_or_report(*from, trim_path(path));
    if (!top) continue;
    if (line.json()) {
      walk(*from, *top, [&](const file_status& e, std::size_t depth) {
        print_json(to_json(e, false));
        return *levels < 0 || depth < static_cast<std::size_t>(*levels);
      });
      continue;
    }
    content_summary seen;
    std::cout << shown_name(top->path) << "\n";
    if (top->type == entry_type::directory) print_branch(*from, *top, "", *levels, seen);
    std::cout << "\n" << seen.directories << " directories, " << seen.files << " files\n";
  }
  return from->exit_code();
}

}  // namespace ssdfs::cli
