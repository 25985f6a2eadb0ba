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

/// Prints entries, as many at a time as there are: the columns of `ls -l` get no narrower.
class entry_printer {
 public:
  entry_printer(const ls_options& o, bool full_paths) : options_(o), full_paths_(full_paths) {}

  void print(const std::vector<file_status>& entries) {
    for (const auto& e : entries) {
      if (options_.json) {
        print_json(to_json(e, false));
      } else if (options_.details) {
        add_row(e);
      } else {
        std::cout << name_of(e) << "\n";
      }
    }
    if (options_.details && !options_.json) rows_.print();
  }

 private:
  [[nodiscard]] std::string name_of(const file_status& e) const {
    return shown_name(full_paths_ || e.path == "/" ? e.path : base_name(e.path));
  }
  void add_row(const file_status& e) {
    const bool file = e.type == entry_type::file;
    rows_.add({format_mode(e), file ? std::to_string(e.replication) : "-", e.owner, e.group,
               file ? format_bytes(e.size, options_.human) : "-", format_time(e.mtime_ms),
               name_of(e)});
  }

  const ls_options& options_;
  bool full_paths_;
  table rows_{{"", ">", "", "", ">", "", ""}};
};

void list_directory(session& from, const file_status& directory, const ls_options& o, bool titled,
                    bool recursive, bool& first) {
  if (titled && !o.json) {
    std::cout << (first ? "" : "\n") << shown_name(directory.path) << ":\n";
  }
  first = false;
  entry_printer printer(o, o.json);
  std::vector<file_status> kept;  // to be sorted, or directories to be entered
  const bool sorted = o.by_time || o.by_size;
  each_page(from, directory.path, max_list_entries, [&](std::vector<file_status>& page) {
    if (!sorted) printer.print(page);
    if (!sorted && !recursive) return;
    for (auto& e : page) {
      if (sorted || e.type == entry_type::directory) kept.push_back(std::move(e));
    }
  });
  if (sorted) {
    sort_entries(kept, o);
    printer.print(kept);
  }
  if (!recursive) return;
  for (const auto& e : kept) {
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
    auto status = stat_or_report(*from, path);
    if (!status) continue;
    const bool list = status->type == entry_type::directory && !line.has("directory");
    (list ? directories : single).push_back(std::move(*status));
  }
  sort_entries(single, o);
  entry_printer(o, true).print(single);
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
  const auto print = [&](const file_status& e, bool last) {
    std::cout << indent << (last ? "└── " : "├── ") << shown_name(base_name(e.path)) << "\n";
    if (e.type == entry_type::directory) {
      ++seen.directories;
      print_branch(from, e, indent + (last ? "    " : "│   "), levels - 1, seen);
    } else {
      ++seen.files;
    }
  };
  // One entry is held back until it is known whether it is the last.
  std::optional<file_status> held;
  each_page(from, directory.path, 1000, [&](std::vector<file_status>& page) {
    for (auto& e : page) {
      if (held) print(*held, false);
      held = std::move(e);
    }
  });
  if (held) print(*held, true);
}

}  // namespace

int run_tree(const std::vector<std::string>& arguments) {
  command_line line("tree", "[-L N] [PATH...]", "Shows directories as trees.", {});
  line.value("levels,L", "N", "no deeper than N");
  if (!line.parse(arguments)) return line.exit_code();
  const auto levels =
      line.has("levels") ? line.integer("levels", 0, 4096) : std::optional<std::int64_t>(-1);
  if (!levels) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  std::vector<std::string> paths = line.arguments();
  if (paths.empty()) paths.emplace_back("/");
  for (const auto& path : paths) {
    const auto top = stat_or_report(*from, path);
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
    std::cout << "\n"
              << counted(seen.directories, "directory", "directories") << ", "
              << counted(seen.files, "file") << "\n";
  }
  return from->exit_code();
}

}  // namespace ssdfs::cli
