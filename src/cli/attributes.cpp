// chmod, chown and quota.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/file_mode.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/remote.hpp"
#include "cli/workers.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iostream>

namespace ssdfs::cli {
namespace {

constexpr std::size_t changes_at_once = 32;

/// Changes single entries or whole trees: files side by side, a directory before what is below it.
/// Entries that are already as they should be are left alone, so a change that was interrupted is
/// soon repeated.
class attribute_command {
 public:
  /// What to change of an entry; nothing set: nothing.
  using choice = std::function<attribute_changes(const file_status&)>;

  attribute_command(session& in, std::string name, choice of)
      : in_(in), of_(std::move(of)), progress_(std::move(name)), workers_(changes_at_once) {}

  void change(const std::string& typed, bool recursive, bool json) {
    const auto top = stat_or_report(in_, typed);
    if (!top) return;
    const std::string& path = top->path;
    seen_ = changed_ = 0;
    if (recursive) {
      expect(*top);
      walk(in_, *top, [this](const file_status& e, std::size_t) {
        if (e.type == entry_type::directory) {
          change_one(e);
        } else {
          workers_.run([this, e] { change_one(e); });
        }
        return true;
      });
      workers_.wait();
    } else {
      change_one(*top);
    }
    if (json) print_json({{"path", path}, {"entries", seen_.load()}, {"changed", changed_.load()}});
  }

 private:
  // For the progress bar: it is no loss if the totals cannot be had.
  void expect(const file_status& top) {
    const auto all = in_.client().summary(top.path);
    if (!all) return;
    progress_.total_files += all->files + all->directories;
    progress_.totals_known = true;
  }

  void change_one(const file_status& e) {
    const attribute_changes changes = of_(e);
    const bool nothing = !changes.mode && !changes.owner && !changes.group;
    ++seen_;
    ++progress_.files;
    if (nothing) return;
    diagnostics diag;
    call_settings settings;
    settings.diag = &diag;
    const auto done = in_.client().set_attributes(e.path, changes, settings);
    if (done) {
      ++changed_;
      return;
    }
    progress_.clear_line();
    in_.error(e.path, done.error(), &diag);
  }

  session& in_;
  choice of_;
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<std::uint64_t> changed_{0};
  progress progress_;
  workers workers_;  // last: its threads use the rest
};

std::uint16_t current_umask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return static_cast<std::uint16_t>(mask & 0777);
}

// A mode such as -w begins like an option, as chmod(1) allows: it is taken out of the arguments.
std::string take_mode_with_dash(argument_list& arguments) {
  const auto is_mode = [](const std::string& a) {
    return a.size() > 1 && a[0] == '-' && a[1] != '-' &&
           a.find_first_not_of("rwxXstugo01234567,+-=", 1) == std::string::npos;
  };
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  const auto at = std::find_if(arguments.begin(), end, is_mode);
  if (at == end) return {};
  std::string mode = *at;
  arguments.erase(at);
  return mode;
}

}  // namespace

int run_chmod(const argument_list& given) {
  argument_list arguments = given;
  std::string text = take_mode_with_dash(arguments);
  command_line line("chmod", "[-R] MODE PATH...",
                    "Changes permission bits. MODE is octal or as chmod(1) has it: u+x, go-w, a+X, "
                    "g=u; several with commas.",
                    {text.empty() ? std::size_t{2} : std::size_t{1}});
  line.flag("recursive,R", "directories with all that is in them");
  if (!line.parse(arguments)) return line.exit_code();
  std::vector<std::string> paths = line.arguments();
  if (text.empty()) {
    text = paths.front();
    paths.erase(paths.begin());
  }
  const auto mode = mode_change::parse(text, current_umask());
  if (!mode) return line.usage_error(mode.error().message());
  const auto in = session::open(line);
  if (!in) return line.exit_code();
  attribute_command command(*in, "chmod", [&](const file_status& e) {
    attribute_changes changes;
    const std::uint16_t wanted = mode->apply(e.mode, e.type == entry_type::directory);
    if (wanted != e.mode) changes.mode = wanted;
    return changes;
  });
  for (const auto& path : paths) {
    command.change(path, line.has("recursive"), line.json());
  }
  return in->exit_code();
}

int run_chown(const argument_list& arguments) {
  command_line line("chown", "[-R] OWNER[:GROUP]|:GROUP PATH...",
                    "Changes owner and group. \"OWNER:\" gives things to the owner's own group, "
                    "which has the owner's name.",
                    {2});
  line.flag("recursive,R", "directories with all that is in them");
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& text = line.arguments().front();
  const auto colon = text.find(':');
  const std::string owner = text.substr(0, colon);
  std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (group.empty() && colon != std::string::npos) group = owner;
  if ((owner.empty() && group.empty()) || group.find(':') != std::string::npos) {
    return line.usage_error("'" + text + "' is not OWNER[:GROUP] or :GROUP");
  }
  const auto in = session::open(line);
  if (!in) return line.exit_code();
  attribute_command command(*in, "chown", [&](const file_status& e) {
    attribute_changes changes;
    if (!owner.empty() && owner != e.owner) changes.owner = owner;
    if (!group.empty() && group != e.group) changes.group = group;
    return changes;
  });
  for (std::size_t i = 1; i < line.arguments().size(); ++i) {
    command.change(line.arguments()[i], line.has("recursive"), line.json());
  }
  return in->exit_code();
}

namespace {

void print_quota(const std::string& path, const quota_status& q, bool human) {
  const auto row = [&](const char* what, std::uint64_t used, std::uint64_t limit, bool bytes) {
    const auto number = [&](std::uint64_t n) {
      return bytes ? format_bytes(n, human) : std::to_string(n);
    };
    return std::vector<std::string>{what, number(used), limit == 0 ? "none" : number(limit),
                                    limit == 0 ? "-" : std::to_string(used * 100 / limit) + "%"};
  };
  table rows({shown_name(path), ">used", ">limit", ">use%"});
  rows.add(row("names", q.names_used, q.names_limit, false));
  rows.add(row("bytes", q.bytes_used, q.bytes_limit, true));
  rows.print();
}

boost::json::value limit_as_json(std::uint64_t limit) {
  return limit == 0 ? boost::json::value() : boost::json::value(limit);
}

}  // namespace

int run_quota(const argument_list& arguments) {
  command_line line("quota", "PATH [--names N] [--bytes SIZE] [--clear] [-h]",
                    "Shows or sets what a directory may hold: names (files and directories below "
                    "it) and content bytes (one copy). What would exceed a limit is refused; a "
                    "limit of 0 is none.",
                    {1, 1});
  line.value("names", "N", "limit of names")
      .value("bytes", "SIZE", "limit of bytes")
      .flag("clear", "remove both limits")
      .flag("human,h", "sizes with units");
  if (!line.parse(arguments)) return line.exit_code();
  quota_changes changes;
  if (line.has("names")) {
    const auto names = line.integer("names", 0, std::numeric_limits<std::int64_t>::max());
    if (!names) return line.exit_code();
    changes.names = static_cast<std::uint64_t>(*names);
  }
  if (line.has("bytes")) {
    changes.bytes = line.size("bytes");
    if (!changes.bytes) return line.exit_code();
  }
  if (line.has("clear")) {
    if (changes.names || changes.bytes) {
      return line.usage_error("--clear goes with neither --names nor --bytes");
    }
    changes = {.names = 0, .bytes = 0};
  }
  const auto in = session::open(line);
  if (!in) return line.exit_code();
  const auto named = source_path(*in, line.arguments().front());
  if (!named) return in->exit_code();
  const std::string& path = *named;
  diagnostics diag;
  call_settings settings;
  settings.diag = &diag;
  if (changes.names || changes.bytes) {
    const auto done = in->client().set_quota(path, changes, settings);
    if (!done) {
      in->error(path, done.error(), &diag);
      return in->exit_code();
    }
  }
  const auto now = in->client().quota(path, settings);
  if (!now) {
    in->error(path, now.error(), &diag);
  } else if (line.json()) {
    print_json({{"path", path},
                {"names_used", now->names_used},
                {"names_limit", limit_as_json(now->names_limit)},
                {"bytes_used", now->bytes_used},
                {"bytes_limit", limit_as_json(now->bytes_limit)}});
  } else {
    print_quota(path, *now, line.has("human"));
  }
  return in->exit_code();
}

}  // namespace ssdfs::cli
