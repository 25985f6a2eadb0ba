#include "cli/remote.hpp"

namespace ssdfs::cli {

std::string join_path(std::string_view directory, std::string_view name) {
  std::string out(directory);
  if (out.empty() || out.back() != '/') out += '/';
  out += name;
  return out;
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string trim_path(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool each_entry(session& from, const std::string& directory,
                const std::function<void(const file_status&)>& visit) {
  diagnostics diag;
  list_options options;
  options.limit = 4096;
  options.diag = &diag;
  for (;;) {
    auto page = from.client().list(directory, options);
    if (!page) {
      from.error(directory, page.error(), &diag);
      return false;
    }
    for (const auto& entry : page->entries) {
      // Names become local paths in get: a server is not trusted with ".." or a slash.
      const std::string name = base_name(entry.path);
      if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string::npos ||
          entry.path != join_path(directory, name)) {
        from.error(entry.path, "the server sent an impossible name");
        continue;
      }
      visit(entry);
    }
    if (!page->more) return true;
    options.after = page->next;
  }
}

namespace {

void walk_below(session& from, const file_status& entry, std::size_t depth,
                const std::function<bool(const file_status&, std::size_t)>& visit) {
  if (!visit(entry, depth) || entry.type != entry_type::directory) return;
  // A directory's entries are collected first, so that the depth of the walk does not hold pages
  // of every level while it talks to the master.
  std::vector<file_status> entries;
  each_entry(from, entry.path, [&](const file_status& e) { entries.push_back(e); });
  for (const auto& e : entries) walk_below(from, e, depth + 1, visit);
}

}  // namespace

void walk(session& from, const file_status& top,
          const std::function<bool(const file_status&, std::size_t)>& visit) {
  walk_below(from, top, 0, visit);
}

std::optional<file_status> stat_or_report(session& from, const std::string& path, bool chunks) {
  diagnostics diag;
  stat_options options;
  options.chunks = chunks;
  options.diag = &diag;
  auto status = from.client().stat(path, options);
  if (status) return std::move(*status);
  from.error(path, status.error(), &diag);
  return std::nullopt;
}

}  // namespace ssdfs::cli
