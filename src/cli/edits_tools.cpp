// edits dump, verify and recover: offline looks at a master's log.
#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "io/file.hpp"
#include "journal/recovery.hpp"

#include <filesystem>
#include <iostream>
#include <system_error>

namespace ssdfs::cli {
namespace {

boost::json::object recovery_json(const journal::recovery_report& r) {
  boost::json::object out{
      {"records", r.records}, {"bytes", r.bytes}, {"last_txid", std::to_string(r.end.last.value)}};
  if (!r.cut) return out;
  out["damage"] = boost::json::object{{"segment", r.cut->segment},
                                      {"offset", r.cut->offset},
                                      {"txid", std::to_string(r.cut->txid.value)},
                                      {"what", r.cut->what},
                                      {"proof", r.cut->proof}};
  return out;
}

// A directory with neither segments nor an image is somebody else's, and no empty log.
bool holds_log(const std::string& path) {
  std::error_code ec;
  if (!std::filesystem::is_directory(path, ec)) return true;  // what it is instead is said later
  for (auto at = std::filesystem::directory_iterator(path, ec);
       !ec && at != std::filesystem::directory_iterator(); at.increment(ec)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with("edits_") || name.starts_with("image_")) return true;
  }
  return bool(ec);
}

}  // namespace

int run_edits_dump(const std::vector<std::string>& arguments) {
  command_line line("edits dump", "PATH",
                    "The records of a log's directory, or of one segment, as they are.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& path = line.arguments().front();
  if (!holds_log(path))
    return report_failure(line.name(), path, {errc::not_found, "holds no edits log"});
  const auto report =
      journal::inspect(io::system_files(), path, [](const journal::log_line& l) -> result<void> {
        std::cout << l.text << "\n";
        if (!std::cout) return failure(errc::io, "standard output: write failed");
        return {};
      });
  if (!report) return report_failure("edits dump", path, report.error());
  if (!report->cut) return exit_done;
  print_error("edits dump", path, journal::describe(*report->cut));
  return exit_failed;
}

int run_edits_verify(const std::vector<std::string>& arguments) {
  command_line line("edits verify", "PATH",
                    "Checks the chain of records of a log's directory, or of one segment.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& path = line.arguments().front();
  if (!holds_log(path))
    return report_failure(line.name(), path, {errc::not_found, "holds no edits log"});
  const auto report = journal::inspect(io::system_files(), path,
                                       [](const journal::log_line&) -> result<void> { return {}; });
  if (!report) return report_failure("edits verify", path, report.error());
  if (line.json()) {
    print_json(recovery_json(*report));
  } else {
    std::cout << report->records << " records, " << report->bytes << " bytes, last txid "
              << report->end.last << "\n";
  }
  if (!report->cut) return exit_done;
  const bool torn = report->cut->proof.empty();
  print_error(
      "edits verify", path,
      journal::describe(*report->cut) +
          (torn ? " (looks like a write that a crash cut off: the next start cuts it)" : ""));
  return torn ? exit_done : exit_failed;
}

int run_edits_recover(const std::vector<std::string>& arguments) {
  command_line line(
      "edits recover", "DIRECTORY [--yes]",
      "Gives up everything from the first damaged record on. What is given up is kept "
      "in a directory beside the log. The master must not be running.",
      {1, 1});
  line.flag("yes,y", "do it; without this only tell what would be given up");
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& path = line.arguments().front();
  if (!holds_log(path))
    return report_failure(line.name(), path, {errc::not_found, "holds no edits log"});
  const auto lock = io::system_files().lock(path);
  if (!lock) return report_failure("edits recover", path, lock.error());
  const auto seen = journal::inspect(io::system_files(), path,
                                     [](const journal::log_line&) -> result<void> { return {}; });
  if (!seen) return report_failure("edits recover", path, seen.error());
  if (!seen->cut) {
    std::cout << "nothing to do: " << seen->records << " records, last txid " << seen->end.last
              << "\n";
    return exit_done;
  }
  std::cout << journal::describe(*seen->cut) << "\n";
  if (!line.has("yes")) {
    std::cout << "With --yes everything from txid " << seen->cut->txid
              << " on is given up; the last one kept is " << seen->end.last
              << ". What is cut off is kept beside the log.\nA backup, or an older image with the "
                 "segments behind it, may still have what is lost here: look there first.\n";
    return exit_failed;
  }
  const auto done = journal::cut_damage(io::system_files(), path);
  if (!done) return report_failure("edits recover", path, done.error());
  if (line.json()) {
    print_json(recovery_json(*done));
  } else {
    std::cout << "cut: the log ends with txid " << done->end.last
              << " now; what was given up is in " << path << "/cut-" << seen->cut->txid << "\n";
  }
  return exit_done;
}

}  // namespace ssdfs::cli
