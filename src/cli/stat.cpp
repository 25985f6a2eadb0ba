// stat, checksum and test.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"

#include <iostream>

namespace ssdfs::cli {
namespace {

void print_status(const file_status& s) {
  const bool file = s.type == entry_type::file;
  std::cout << "path:         " << shown_name(s.path) << "\n"
            << "type:         " << (file ? "file" : "directory") << "\n";
  if (file) {
    std::cout << "size:         " << s.size << "\n"
              << "crc32c:       " << format_crc(s.crc32c) << "\n"
              << "copies:       " << static_cast<int>(s.replication) << "\n";
    if (!s.content_type.empty()) std::cout << "content type: " << s.content_type << "\n";
  }
  std::cout << "modified:     " << format_time(s.mtime_ms) << "\n"
            << "owner:        " << s.owner << ":" << s.group << "\n"
            << "mode:         " << format_octal(s.mode) << "\n";
  for (std::size_t i = 0; i < s.chunks.size(); ++i) {
    const auto& c = s.chunks[i];
    std::cout << "chunk " << i << ":      volume " << c.volume << " key " << c.key << ", " << c.size
              << " bytes, crc32c " << format_crc(c.crc32c) << ", on";
    for (const auto& n : c.nodes) std::cout << " " << n;
    std::cout << "\n";
  }
}

}  // namespace

int run_stat(const std::vector<std::string>& arguments) {
  command_line line("stat", "PATH...", "Shows attributes and where the chunks are.", {1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  bool first = true;
  for (const auto& path : line.arguments()) {
    const auto status = stat_or_report(*from, path, true);
    if (!status) continue;
    if (line.json()) {
      print_json(to_json(*status, true));
      continue;
    }
    if (!std::exchange(first, false)) std::cout << "\n";
    print_status(*status);
  }
  return from->exit_code();
}

int run_checksum(const std::vector<std::string>& arguments) {
  command_line line("checksum", "PATH...", "Prints the CRC32C of files as they are stored.", {1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  for (const auto& path : line.arguments()) {
    const auto status = stat_or_report(*from, path);
    if (!status) continue;
    if (status->type == entry_type::directory) {
      from->error(path, make_error_code(errc::is_directory));
    } else if (line.json()) {
      print_json({{"path", status->path}, {"crc32c", format_crc(status->crc32c)}});
    } else {
      std::cout << format_crc(status->crc32c) << "  " << shown_name(path) << "\n";
    }
  }
  return from->exit_code();
}

int run_test(const std::vector<std::string>& arguments) {
  command_line line("test", "-e|-d|-f PATH",
                    "Exit code 0 if the path is there, 1 if not, 3 if it "
                    "cannot be told.",
                    {1, 1});
  line.flag("exists,e", "anything").flag("directory,d", "a directory").flag("file,f", "a file");
  if (!line.parse(arguments)) return line.exit_code();
  if (line.has("exists") + line.has("directory") + line.has("file") != 1) {
    return line.usage_error("one of -e, -d and -f is needed");
  }
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  diagnostics diag;
  stat_options options;
  options.diag = &diag;
  const typed_path named = parse_path(line.arguments().front());
  const std::string& path = named.path;
  const auto status = from->client().stat(path, options);
  if (!status) {
    const auto& ec = status.error();
    if (ec == errc::not_found || ec == errc::not_directory) {
      if (line.json()) print_json({{"path", path}, {"type", nullptr}});
      return exit_failed;
    }
    from->error(path, ec, &diag);
    return exit_unknown;
  }
  const bool directory = status->type == entry_type::directory;
  if (named.names_directory && !directory) {  // nothing is there under this name
    if (line.json()) print_json({{"path", path}, {"type", nullptr}});
    return exit_failed;
  }
  if (line.json()) {
    print_json({{"path", path}, {"type", directory ? "directory" : "file"}});
  }
  if (line.has("directory")) return directory ? exit_done : exit_failed;
  if (line.has("file")) return directory ? exit_failed : exit_done;
  return exit_done;
}

}  // namespace ssdfs::cli
