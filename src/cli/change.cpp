// mkdir, touch, mv, rm and trash.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/target.hpp"

#include <chrono>
#include <iostream>

namespace ssdfs::cli {
namespace {

constexpr std::string_view trash = "/.trash";

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

int run_mkdir(const std::vector<std::string>& arguments) {
  command_line line("mkdir", "[-p] PATH...", "Makes directories.", {1});
  line.flag("parents,p", "missing parents, too; no error if it is there");
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  for (const auto& path : line.arguments()) {
    diagnostics diag;
    mkdir_options options;
    options.parents = line.has("parents");
    options.diag = &diag;
    const auto done = from->client().mkdir(trim_path(path), options);
    if (!done) {
      from->error(path, done.error(), &diag);
    } else if (line.json()) {
      print_json({{"path", trim_path(path)}});
    }
  }
  return from->exit_code();
}

int run_touch(const std::vector<std::string>& arguments) {
  command_line line("touch", "PATH...", "Sets the time to now; makes missing files, empty.", {1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  for (const auto& argument : line.arguments()) {
    const auto named = source_path(*from, argument);
    if (!named) continue;
    const std::string& path = *named;
    diagnostics diag;
    attribute_changes changes;
    changes.mtime_ms = now_ms();
    call_settings settings;
    settings.diag = &diag;
    auto ec = from->client().set_attributes(path, changes, settings).error();
    if (ec == errc::not_found) {
      put_options options;
      options.diag = &diag;
      ec = from->client().put(path, boost::asio::const_buffer(), options).error();
      if (ec == errc::exists) ec = {};  // somebody else was quicker
    }
    if (ec) {
      from->error(path, ec, &diag);
    } else if (line.json()) {
      print_json({{"path", path}});
    }
  }
  return from->exit_code();
}

namespace {

void move_one(session& in, const command_line& line, const target_rule& rule, places& known,
              const std::string& typed) {
  const auto source = stat_or_report(in, typed);
  if (!source) return;
  const bool directory = source->type == entry_type::directory;
  const auto place = rule.place_for(base_name(source->path), directory);
  if (!place) return in.error(line.arguments().back(), place.error());
  if (place->path == source->path) return in.error(typed, same_file_text);
  if (!known.take(place->path, directory)) return in.error(place->path, just_made_text());
  diagnostics diag;
  rename_options options;
  options.overwrite = line.has("force");
  options.parents = place->parents;
  options.diag = &diag;
  const auto done = in.client().rename(source->path, place->path, options);
  if (done) {
    if (line.json()) print_json({{"path", place->path}, {"source", source->path}});
    return;
  }
  // The source was there: what is missing now is where it should go.
  const bool about_target = done.error() == errc::exists || done.error() == errc::is_directory ||
                            done.error() == errc::not_found || done.error() == errc::not_directory;
  in.error(about_target ? place->path : typed, done.error(), &diag);
}

}  // namespace

int run_mv(const std::vector<std::string>& arguments) {
  command_line line("mv", "[-f] [-T] SRC... DST",
                    "Moves within the store. A DST that ends with a slash is a directory, which is "
                    "made if it is missing.",
                    {2});
  line.flag("force,f", "replace an existing file, atomically; what is replaced is not in the trash")
      .flag("no-target-directory,T", "DST is the new name even if it is a directory");
  if (!line.parse(arguments)) return line.exit_code();
  const auto& names = line.arguments();
  if (line.has("no-target-directory") && names.size() > 2) {
    return line.usage_error("-T takes one SRC and DST");
  }
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  const auto rule =
      target_rule::look(*from, {names.back(), names.size() - 1, line.has("no-target-directory")});
  if (!rule) return from->exit_code();
  places known;
  std::vector<places::plan> plans;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    plans.push_back({names[i], join_path(rule->path(), base_name(trim_path(names[i])))});
  }
  known.expect(plans);
  for (const places::plan& plan : plans) move_one(*from, line, *rule, known, plan.source);
  return from->exit_code();
}

int run_rm(const std::vector<std::string>& arguments) {
  command_line line("rm", "[-r] [-f] [--skip-trash] PATH...",
                    "Moves files and directories to the trash.", {1});
  line.flag("recursive,r", "directories with all that is in them")
      .flag("force,f", "no error for what is not there")
      .flag("skip-trash", "remove for good");
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  for (const auto& path : line.arguments()) {
    diagnostics diag;
    const typed_path named = parse_path(path);
    if (!line.has("recursive") || named.names_directory) {
      stat_options look;
      look.diag = &diag;
      const auto status = from->client().stat(named.path, look);
      const bool directory = status && status->type == entry_type::directory;
      if (directory && !line.has("recursive")) {
        from->error(path, "is a directory (use -r)");
        continue;
      }
      if (status && !directory && named.names_directory) {
        // As with rm(1), -f means no complaint about what is not there under this name.
        if (!line.has("force")) from->error(path, make_error_code(errc::not_directory));
        continue;
      }
    }
    remove_options options;
    options.recursive = line.has("recursive");
    options.skip_trash = line.has("skip-trash");
    options.diag = &diag;
    const auto done = from->client().remove(named.path, options);
    if (done) {
      if (line.json()) print_json({{"path", path}, {"trash", done->trash_path}});
      continue;
    }
    const bool missing = done.error() == errc::not_found || done.error() == errc::not_directory;
    if (!missing || !line.has("force")) from->error(path, done.error(), &diag);
  }
  return from->exit_code();
}

// The trash keeps old paths as /.trash/BUCKET/OLD/PATH, and a removed directory looks there like
// the parents of a removed file. Files can be told for certain, so they are what is listed.
int run_trash_ls(const std::vector<std::string>& arguments) {
  command_line line("trash ls", "", "Files in the trash with their old paths.", {0, 0});
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  stat_options look;
  const auto top = from->client().stat(std::string(trash), look);
  if (!top) {
    if (top.error() == errc::not_found) return 0;  // nothing was removed yet
    from->error(trash, top.error());
    return from->exit_code();
  }
  table rows({"trash path", "original path", ">bytes"});
  std::uint64_t files = 0;
  walk(*from, *top, [&](const file_status& e, std::size_t depth) {
    if (e.type != entry_type::file) return true;
    const auto bucket_end = e.path.find('/', trash.size() + 1);
    const std::string original =
        depth < 2 || bucket_end == std::string::npos ? e.path : e.path.substr(bucket_end);
    if (line.json()) {
      print_json({{"path", e.path}, {"original", original}, {"size", e.size}});
    } else {
      rows.add({shown_name(e.path), shown_name(original), std::to_string(e.size)});
      if (++files % 4096 == 0) rows.print();
    }
    return true;
  });
  if (!line.json()) rows.print();
  return from->exit_code();
}

namespace {

// Where in the trash the newest removal of `path` is; empty after an error.
std::optional<std::string> newest_in_trash(session& from, const std::string& path) {
  std::string newest;
  bool failed = false;
  // Buckets sort by time: the last one that has the path is the newest.
  const auto look = [&](const file_status& bucket) {
    const std::string candidate = bucket.path + path;
    const auto there = from.client().stat(candidate);
    if (there) {
      newest = candidate;
    } else if (there.error() != errc::not_found && there.error() != errc::not_directory) {
      from.error(candidate, there.error());
      failed = true;
    }
  };
  const auto top = from.client().stat(std::string(trash));
  if (!top && top.error() != errc::not_found) {
    from.error(trash, top.error());
    return std::nullopt;
  }
  if (top && !each_entry(from, std::string(trash), look)) failed = true;
  if (failed) return std::nullopt;
  if (!newest.empty()) return newest;
  from.error(path, "is not in the trash");
  return std::nullopt;
}

}  // namespace

int run_trash_restore(const std::vector<std::string>& arguments) {
  command_line line("trash restore", "TRASH-PATH... | ORIGINAL-PATH...",
                    "Moves things out of the trash to where they were. For an original path the "
                    "newest removal is taken.",
                    {1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  for (const auto& argument : line.arguments()) {
    const typed_path named = parse_path(argument);
    std::string source = named.path;
    std::string target;
    if (source.starts_with(std::string(trash) + "/")) {
      const auto bucket_end = source.find('/', trash.size() + 1);
      if (bucket_end == std::string::npos) {
        from->error(argument, "is a whole bucket of the trash; name something in it");
        continue;
      }
      target = source.substr(bucket_end);
    } else {
      target = source;
      source.clear();
      auto found = newest_in_trash(*from, target);
      if (!found) continue;
      source = std::move(*found);
    }
    if (named.names_directory && !stat_or_report(*from, source + "/")) continue;
    diagnostics diag;
    rename_options options;
    options.parents = true;
    options.diag = &diag;
    const auto done = from->client().rename(source, target, options);
    if (!done) {
      from->error(done.error() == errc::exists ? target : argument, done.error(), &diag);
    } else if (line.json()) {
      print_json({{"path", target}, {"trash", source}});
    } else {
      std::cout << shown_name(target) << "\n";
    }
  }
  return from->exit_code();
}

int run_trash_empty(const std::vector<std::string>& arguments) {
  command_line line("trash empty", "", "Removes everything in the trash for good.", {0, 0});
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  diagnostics diag;
  call_settings settings;
  settings.diag = &diag;
  const auto done = from->client().trash_empty(settings);
  if (!done) {
    from->error(trash, done.error(), &diag);
  } else if (line.json()) {
    print_json({{"files", *done}});
  } else {
    std::cout << counted(*done, "file") << " removed\n";
  }
  return from->exit_code();
}

}  // namespace ssdfs::cli
