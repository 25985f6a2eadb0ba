// setrep: how many copies of files there shall be.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/session.hpp"
#include "client/tools.hpp"
#include "wire/healing_messages.hpp"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <iostream>
#include <thread>

namespace ssdfs::cli {
namespace {

constexpr std::chrono::milliseconds setrep_poll_interval{300};

std::optional<std::uint8_t> parse_copies(command_line& line, const std::string& text) {
  if (text == "1" || text == "2" || text == "3") return static_cast<std::uint8_t>(text[0] - '0');
  line.usage_error("'" + text + "' is not a number of copies: 1, 2 or 3");
  return std::nullopt;
}

bool set(session& to, const std::string& path, std::uint8_t copies) {
  diagnostics diag;
  attribute_changes changes;
  changes.replication = copies;
  call_settings settings;
  settings.diag = &diag;
  const auto done = to.client().set_attributes(path, changes, settings);
  if (!done && done.error() == errc::is_directory) {
    to.error(path, "is a directory (use -R)");
  } else if (!done) {
    to.error(path, done.error(), &diag);
  }
  return done.has_value();
}

/// Waits until no chunk is in a volume of another class than its file's.
void wait_until_moved(session& to, bool shown) {
  for (;;) {
    const auto state = detail::master_call(to.client(), wire::admin_healing_request{});
    if (!state) return to.error("", state.error());
    if (state->relocations_known && state->relocations_left == 0) break;
    if (shown) {
      std::cerr << "\r\033[K" << state->relocations_left << " left" << std::flush;
    }
    std::this_thread::sleep_for(setrep_poll_interval);
  }
  if (shown) std::cerr << "\r\033[K";
}

}  // namespace

int run_setrep(const std::vector<std::string>& arguments) {
  command_line line("setrep", "[-R] [--wait] 1|2|3 PATH...",
                    "Sets how many copies of files there shall be.", {2});
  line.flag("recursive,R", "all files below directories")
      .flag("wait,w", "until the chunks have been moved");
  if (!line.parse(arguments)) return line.exit_code();
  const auto copies = parse_copies(line, line.arguments().front());
  if (!copies) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  std::uint64_t files = 0;
  for (std::size_t i = 1; i < line.arguments().size(); ++i) {
    const auto named = source_path(*to, line.arguments()[i]);
    if (!named) continue;
    const std::string& path = *named;
    if (!line.has("recursive")) {
      files += set(*to, path, *copies) ? 1 : 0;
      continue;
    }
    diagnostics diag;
    stat_options look;
    look.diag = &diag;
    const auto top = to->client().stat(path, look);
    if (!top) {
      to->error(path, top.error(), &diag);
      continue;
    }
    walk(*to, *top, [&](const file_status& e, std::size_t) {
      if (e.type == entry_type::file) files += set(*to, e.path, *copies) ? 1 : 0;
      return true;
    });
  }
  if (line.has("wait")) wait_until_moved(*to, ::isatty(STDERR_FILENO) == 1 && !line.json());
  if (line.json()) print_json({{"files", files}, {"replication", *copies}});
  return to->exit_code();
}

}  // namespace ssdfs::cli
