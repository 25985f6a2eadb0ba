// volume dump, verify and rebuild-index: offline looks at a datanode's files.
#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "io/file.hpp"
#include "volume/tools.hpp"

#include <boost/json/array.hpp>

#include <iostream>

namespace ssdfs::cli {
namespace {

boost::json::object record_json(const volume::dump_record& r) {
  boost::json::object out{{"offset", r.offset}, {"kind", r.kind}, {"bytes", r.bytes}};
  if (r.kind == "data" || r.kind == "reserved") {
    out["key"] = std::to_string(r.key);
    out["size"] = r.size;
    out["crc32c"] = format_crc(r.crc32c);
    out["intact"] = r.intact;
    out["live"] = r.live;
  }
  if (r.number != 0) out["number"] = r.number;
  if (r.settled) out["settled"] = true;
  if (!r.keys.empty()) {
    boost::json::array keys;
    for (const auto key : r.keys) keys.emplace_back(std::to_string(key));
    out["keys"] = std::move(keys);
  }
  if (!r.state.empty()) {
    out["state"] = r.state;
    out["generation"] = r.generation;
  }
  return out;
}

boost::json::object verify_json(const volume::verify_report& r) {
  boost::json::array problems;
  for (const auto& p : r.problems) problems.emplace_back(p);
  return {{"volume", std::to_string(r.volume)},
          {"state", r.state},
          {"generation", r.generation},
          {"removal_number", r.removal_number},
          {"chunks", r.chunks},
          {"bytes", r.bytes},
          {"dead_bytes", r.dead_bytes},
          {"bad_records", r.bad_records},
          {"damaged_bytes", r.damaged_bytes},
          {"torn_bytes", r.torn_bytes},
          {"problems", std::move(problems)}};
}

int show(const command_line& line, const std::string& path, const volume::verify_report& r) {
  if (line.json()) {
    print_json(verify_json(r));
  } else {
    std::cout << path << ": volume " << r.volume << ", " << r.state << ", generation "
              << r.generation << ", " << r.chunks << " chunks, " << r.bytes << " bytes, "
              << r.dead_bytes << " dead\n";
    for (const auto& p : r.problems) std::cout << "  " << p << "\n";
    if (r.problems.empty()) std::cout << "  in good order\n";
  }
  return r.problems.empty() ? exit_done : exit_failed;
}

}  // namespace

int run_volume_dump(const std::vector<std::string>& arguments) {
  command_line line("volume dump", "FILE", "Every record of a volume file, as JSON lines.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto done = volume::dump(
      io::system_files(), line.arguments().front(),
      [](const volume::dump_head& h) {
        print_json({{"format", h.format},
                    {"volume", std::to_string(h.volume)},
                    {"cluster", h.cluster},
                    {"salt", std::to_string(h.salt)},
                    {"file_bytes", h.file_bytes}});
      },
      [](const volume::dump_record& r) {
        print_json(record_json(r));
        return static_cast<bool>(std::cout);
      });
  if (done) return exit_done;
  print_error("volume dump", line.arguments().front(), done.error().message());
  return exit_failed;
}

int run_volume_verify(const std::vector<std::string>& arguments) {
  command_line line("volume verify", "FILE", "Checks every record of a volume file.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto report = volume::verify(io::system_files(), line.arguments().front());
  if (report) return show(line, line.arguments().front(), *report);
  print_error("volume verify", line.arguments().front(), report.error().message());
  return exit_failed;
}

int run_volume_rebuild_index(const std::vector<std::string>& arguments) {
  command_line line("volume rebuild-index", "FILE",
                    "Makes the index of a volume file anew from the file alone.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto report = volume::rebuild_index(io::system_files(), line.arguments().front());
  if (report) return show(line, line.arguments().front(), *report);
  print_error("volume rebuild-index", line.arguments().front(), report.error().message());
  return exit_failed;
}

}  // namespace ssdfs::cli
