#include "cli/remote.hpp"

namespace ssdfs::cli {

std::string join_path(std::string_view directory, std::string_view name) {
  std::string out(directory);
  if (out.empty() || out.back() != '/') out += '/';
  out += name;
  return out;
}

bool is_same_or_below(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return true;
  return path.starts_with(ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

typed_path parse_path(std::string_view typed) {
  typed_path out;
  out.path.reserve(typed.size());
  for (const char c : typed) {
    if (c != '/' || !out.path.ends_with('/')) out.path += c;
  }
  out.names_directory = out.path.ends_with('/');
  if (out.names_directory && out.path.size() > 1) out.path.pop_back();
  return out;
}

std::string trim_path(std::string_view typed) { return parse_path(typed).path; }

std::optional<std::string> source_path(session& from, const std::string& typed) {
  typed_path parsed = parse_path(typed);
  if (parsed.names_directory && parsed.path != "/" && !stat_or_report(from, typed)) {
    return std::nullopt;
  }
  return std::move(parsed.path);
}

namespace {

// Pages that a walk holds on its way down are smaller than those that are looked at one at a time.
constexpr std::uint32_t walk_page = 1000;
constexpr std::uint32_t largest_page = max_list_entries;

// Names become local paths in get: a server is not trusted with ".." or a slash.
bool is_possible(const file_status& entry, const std::string& directory) {
  const std::string name = base_name(entry.path);
  return !name.empty() && name != "." && name != ".." && name.find('\0') == std::string::npos &&
         entry.path == join_path(directory, name);
}

}  // namespace

bool each_page(session& from, const std::string& directory, std::uint32_t limit,
               const std::function<void(std::vector<file_status>&)>& visit) {
  diagnostics diag;
  list_options options;
  options.limit = limit;
  options.diag = &diag;
  for (;;) {
    auto page = from.client().list(directory, options);
    if (!page) {
      from.error(directory, page.error(), &diag);
      return false;
    }
    std::erase_if(page->entries, [&](const file_status& entry) {
      if (is_possible(entry, directory)) return false;
      from.error(entry.path, "the server sent an impossible name");
      return true;
    });
    visit(page->entries);
    if (!page->more) return true;
    options.after = std::move(page->next);
  }
}

bool each_entry(session& from, const std::string& directory,
                const std::function<void(const file_status&)>& visit) {
  return each_page(from, directory, largest_page, [&](const std::vector<file_status>& page) {
    for (const auto& entry : page) visit(entry);
  });
}

namespace {

void walk_below(session& from, const file_status& entry, std::size_t depth,
                const std::function<bool(const file_status&, std::size_t)>& visit) {
  if (!visit(entry, depth) || entry.type != entry_type::directory) return;
  each_page(from, entry.path, walk_page, [&](const std::vector<file_status>& page) {
    for (const auto& e : page) walk_below(from, e, depth + 1, visit);
  });
}

}  // namespace

void walk(session& from, const file_status& top,
          const std::function<bool(const file_status&, std::size_t)>& visit) {
  walk_below(from, top, 0, visit);
}

std::optional<file_status> stat_or_report(session& from, const std::string& typed, bool chunks) {
  const typed_path parsed = parse_path(typed);
  diagnostics diag;
  stat_options options;
  options.chunks = chunks;
  options.diag = &diag;
  auto status = from.client().stat(parsed.path, options);
  if (!status) {
    from.error(typed, status.error(), &diag);
    return std::nullopt;
  }
  if (parsed.names_directory && status->type != entry_type::directory) {
    from.error(typed, make_error_code(errc::not_directory));
    return std::nullopt;
  }
  return std::move(*status);
}

}  // namespace ssdfs::cli
