// verify: compares local files with what is stored.
#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/local_file.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/remote.hpp"
#include "cli/transfer_limits.hpp"
#include "cli/workers.hpp"

#include <algorithm>
#include <cstring>
#include <iostream>
#include <map>
#include <mutex>

namespace ssdfs::cli {
namespace {

class verify_command {
 public:
  verify_command(session& from, const command_line& line)
      : from_(from),
        quick_(line.has("quick")),
        json_(line.json()),
        progress_("verify"),
        workers_(16) {}

  void compare_trees(const std::string& local, const file_status& remote) {
    std::map<std::string, file_status> stored;  // by path below the top
    walk(from_, remote, [&](const file_status& e, std::size_t depth) {
      if (depth > 0) stored[e.path.substr(remote.path == "/" ? 1 : remote.path.size() + 1)] = e;
      return true;
    });
    walk_local(
        local,
        [&](const local_entry& e) {
          if (e.relative.empty()) return;
          const auto at = stored.find(e.relative);
          if (at == stored.end()) {
            // A directory's absence shows in everything below it, unless nothing is.
            if (!e.status.is_directory || e.empty_directory) differs(e.relative, "not stored");
            return;
          }
          if (e.status.is_directory != (at->second.type == entry_type::directory)) {
            differs(e.relative, "a file here and a directory there");
          } else if (!e.status.is_directory) {
            compare(e.path, at->second, e.relative);
          }
          stored.erase(at);
        },
        [&](const std::string& path, const std::string& why) { unknown(path, why); });
    for (const auto& [path, status] : stored) {
      // What is missing with its directory is told once, by the directory.
      const auto slash = path.rfind('/');
      const bool told = slash != std::string::npos && stored.contains(path.substr(0, slash));
      if (!told) differs(path, "stored, but not here");
    }
  }

  void compare(const std::string& local, const file_status& remote, const std::string& name) {
    ++progress_.total_files;
    progress_.total_bytes += remote.size;
    workers_.run([this, local, remote, name] { compare_file(local, remote, name); });
  }

  int finish() {
    progress_.totals_known = true;
    workers_.wait();
    if (json_) {
      print_json({{"files", progress_.files.load()},
                  {"bytes", progress_.bytes.load()},
                  {"different", different_.load()},
                  {"unknown", unknown_.load()}});
    } else if (different_ == 0 && unknown_ == 0 && from_.errors() == 0) {
      std::cout << counted(progress_.files, "file") << ", " << counted(progress_.bytes, "byte")
                << ": equal\n";
    }
    if (different_ > 0) return exit_failed;
    return unknown_ > 0 || from_.errors() > 0 ? exit_unknown : exit_done;
  }

 private:
  void differs(const std::string& name, const std::string& how) {
    const std::lock_guard lock(mutex_);
    ++different_;
    progress_.clear_line();
    if (json_) {
      print_json({{"path", name}, {"difference", how}});
    } else {
      std::cout << shown_name(name) << ": " << how << "\n";
    }
  }
  void unknown(const std::string& path, const std::string& why) {
    const std::lock_guard lock(mutex_);
    ++unknown_;
    progress_.clear_line();
    from_.error(path, why);
  }

  void compare_file(const std::string& local, const file_status& remote, const std::string& name) {
    const auto status = local_stat(local);
    if (!status) return unknown(local, status.error().message());
    if (status->size != remote.size) return differs(name, "sizes differ");
    if (quick_) {
      const auto crc = local_crc32c(local);
      if (!crc) return unknown(local, crc.error().message());
      if (*crc != remote.crc32c) return differs(name, "checksums differ");
    } else if (!compare_bytes(local, remote, name)) {
      return;
    }
    ++progress_.files;
    progress_.bytes += remote.size;
  }

  bool compare_bytes(const std::string& local, const file_status& remote, const std::string& name) {
    const auto file = open_for_reading(local);
    if (!file) {
      unknown(local, file.error().message());
      return false;
    }
    diagnostics diag;
    get_options options;
    options.diag = &diag;
    auto reader = from_.client().open_read(remote.path, options);
    if (!reader) {
      unknown(remote.path, reader.error().message());
      return false;
    }
    const std::size_t size = std::min<std::uint64_t>(stream_piece, remote.size + 1);
    std::vector<std::byte> here(size);
    std::vector<std::byte> there(size);
    for (;;) {
      const auto a = read_full(file->get(), here.data(), size);
      if (!a) {
        unknown(local, a.error().message());
        return false;
      }
      const auto b = reader->read(boost::asio::buffer(there));
      if (!b) {
        unknown(remote.path, diag.message.empty() ? b.error().message() : diag.message);
        return false;
      }
      if (*a != *b || std::memcmp(here.data(), there.data(), *a) != 0) {
        differs(name, "contents differ");
        return false;
      }
      if (*a < size) return true;
    }
  }

  session& from_;
  bool quick_;
  bool json_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> different_{0};
  std::atomic<std::uint64_t> unknown_{0};
  progress progress_;
  workers workers_;  // last: its threads use the rest
};

}  // namespace

int run_verify(const std::vector<std::string>& arguments) {
  command_line line(
      "verify", "[-r] [--quick] LOCAL REMOTE",
      "Reads stored bytes and compares them with local files; lists differences. Exit "
      "code 0 equal, 1 different, 3 could not tell.",
      {2, 2});
  line.flag("recursive,r", "directories").flag("quick", "sizes and checksums only");
  if (!line.parse(arguments)) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  const std::string& local = line.arguments()[0];
  const auto here = local_stat(local);
  if (!here) {
    from->error(local, here.error().message());
    return exit_unknown;
  }
  if (!here->is_directory && !here->is_regular) {
    from->error(local, "not a regular file or directory");
    return exit_unknown;
  }
  diagnostics diag;
  stat_options options;
  options.diag = &diag;
  const typed_path named = parse_path(line.arguments()[1]);
  const auto remote = from->client().stat(named.path, options);
  if (!remote) {
    from->error(line.arguments()[1], remote.error(), &diag);
    return remote.error() == errc::not_found ? exit_failed : exit_unknown;
  }
  const bool directory = remote->type == entry_type::directory;
  if (named.names_directory && !directory) {
    from->error(line.arguments()[1], make_error_code(errc::not_directory));
    return exit_failed;
  }
  if (directory != here->is_directory) {
    from->error(line.arguments()[1], directory ? "is a directory" : "is not a directory");
    return exit_failed;
  }
  if (directory && !line.has("recursive")) {
    from->error(local, "is a directory (use -r)");
    return exit_unknown;
  }
  verify_command command(*from, line);
  if (directory) {
    command.compare_trees(local, *remote);
  } else {
    command.compare(local, *remote, local);
  }
  return command.finish();
}

}  // namespace ssdfs::cli
