// get: from the store to this machine.
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/local_file.hpp"
#include "cli/output.hpp"
#include "cli/process_setup.hpp"
#include "cli/progress.hpp"
#include "cli/remote.hpp"
#include "cli/target.hpp"
#include "cli/transfer_limits.hpp"
#include "cli/workers.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

namespace ssdfs::cli {
namespace {

class get_command {
 public:
  get_command(session& from, const command_line& line, std::size_t in_flight)
      : from_(from),
        overwrite_(line.has("force")),
        json_(line.json()),
        progress_("get"),
        memory_(memory_limit),
        workers_(in_flight) {}

  /// To be told of all sources before the first is added.
  [[nodiscard]] places& known() noexcept { return known_; }

  void add_tree(const file_status& top, const std::string& target) {
    walk(from_, top, [&](const file_status& e, std::size_t depth) {
      const std::string local =
          depth == 0 ? target
                     : target + (target.ends_with('/') ? "" : "/") +
                           e.path.substr(top.path.size() + (top.path == "/" ? 0 : 1));
      if (e.type == entry_type::file) {
        add_file(e, local);
        return true;
      }
      if (known_.take(local, true)) return make_directory(local, e, depth == 0);
      error(local, just_made_text());
      return false;
    });
  }

  void add_file(const file_status& status, const std::string& target) {
    if (!known_.take(target)) return error(target, just_made_text());
    ++progress_.total_files;
    progress_.total_bytes += status.size;
    workers_.run([this, status, target] { get_file(status, target); });
  }

  void finish() {
    progress_.totals_known = true;
    workers_.wait();
    for (const auto& [local, mode] : modes_) {
      if (::chmod(local.c_str(), mode) != 0) error(local, std::strerror(errno));
    }
    if (json_) {
      print_json({{"files", progress_.files.load()},
                  {"bytes", progress_.bytes.load()},
                  {"errors", from_.errors()}});
    }
  }

 private:
  void error(const std::string& path, const std::string& why) {
    const std::lock_guard lock(errors_);
    progress_.clear_line();
    from_.error(path, why);
  }
  void error(const std::string& path, const boost::system::error_code& ec,
             const diagnostics& more) {
    const std::lock_guard lock(errors_);
    progress_.clear_line();
    from_.error(path, ec, &more);
  }

  // Makes a directory, or takes one that is there: the first itself may be a link to one, but below
  // it a link leads out of what was asked for. A new one gets the mode that the store has, as far
  // as the umask allows; in the end, if its owner may not write to it.
  bool make_directory(const std::string& local, const file_status& status, bool first) {
    constexpr mode_t owners = 0700;
    struct stat s {};
    if (::mkdir(local.c_str(), (status.mode & 0777U) | owners) == 0) {
      if ((status.mode & owners) != owners && ::stat(local.c_str(), &s) == 0) {
        modes_.emplace_back(local, s.st_mode & status.mode & 0777U);
      }
      return true;
    }
    const int why = errno;
    const bool there =
        why == EEXIST && (first ? ::stat(local.c_str(), &s) : ::lstat(local.c_str(), &s)) == 0;
    if (there && S_ISDIR(s.st_mode)) return true;
    if (there && S_ISLNK(s.st_mode)) {
      error(local, "is a symbolic link where a directory should be");
    } else {
      error(local, why == EEXIST ? "is not a directory" : std::strerror(why));
    }
    return false;
  }

  void get_file(const file_status& status, const std::string& local) {
    auto target = local_target::create(local, overwrite_, status.mode);
    if (!target) return error(local, target.error().message());
    const std::string& path = status.path;
    const bool stream = status.size > whole_file_limit;
    {
      const gate::pass pass(memory_, stream ? memory_of_stream : status.size);
      if (!(stream ? copy_stream(path, local, target->fd())
                   : copy_whole(path, local, target->fd()))) {
        return;
      }
    }
    if (const auto named = target->commit(); !named) return error(local, named.error().message());
    ++progress_.files;
  }

  bool copy_whole(const std::string& path, const std::string& local, int fd) {
    diagnostics diag;
    get_options options;
    options.diag = &diag;
    const auto content = from_.client().get(path, options);
    if (!content) {
      error(path, content.error(), diag);
      return false;
    }
    if (const auto written = write_full(fd, content->bytes()); !written) {
      error(local, written.error().message());
      return false;
    }
    progress_.bytes += content->size();
    return true;
  }

  bool copy_stream(const std::string& path, const std::string& local, int fd) {
    diagnostics diag;
    get_options options;
    options.diag = &diag;
    auto reader = from_.client().open_read(path, options);
    if (!reader) {
      error(path, reader.error(), diag);
      return false;
    }
    std::vector<std::byte> buffer(stream_piece);
    for (;;) {
      const auto n = reader->read(boost::asio::buffer(buffer));
      if (!n) {
        error(path, n.error(), diag);
        return false;
      }
      if (const auto written = write_full(fd, {buffer.data(), *n}); !written) {
        error(local, written.error().message());
        return false;
      }
      progress_.bytes += *n;
      if (*n < buffer.size()) return true;
    }
  }

  session& from_;
  bool overwrite_;
  bool json_;
  std::mutex errors_;
  places known_;
  std::vector<std::pair<std::string, mode_t>> modes_;  // of directories, for when all is there
  progress progress_;
  gate memory_;
  workers workers_;  // last: its threads use the rest
};

}  // namespace

int run_get(const std::vector<std::string>& arguments) {
  command_line line(
      "get", "[-r] [-f] [-T] [-j N] SRC... DST",
      "Copies files of the store to this machine, each whole or not at all. A device or a "
      "pipe is written into, a link stays one.",
      {2});
  line.flag("recursive,r", "directories with all that is in them")
      .flag("force,f", "replace existing files")
      .flag("no-target-directory,T", "DST is the new name even if it is a directory")
      .value("jobs,j", "N", "files in flight", "64");
  if (!line.parse(arguments)) return line.exit_code();
  const auto in_flight = line.integer("jobs", 1, 1024);
  if (!in_flight) return line.exit_code();
  std::vector<std::string> sources = line.arguments();
  const std::string target = sources.back();
  sources.pop_back();
  if (target == "-") {
    return line.usage_error(
        "'-' is no DST: 'ssdfs cat' writes to standard output ('./-' is a file)");
  }
  const bool exact = line.has("no-target-directory");
  if (exact && sources.size() > 1) return line.usage_error("-T takes one SRC and DST");
  std::signal(SIGPIPE, SIG_IGN);  // DST may be a pipe
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  const auto there = local_stat(target);
  const bool into = !exact && there && there->is_directory;
  if (!into && (sources.size() > 1 || (there && !there->is_directory && target.ends_with('/')))) {
    from->error(target, make_error_code(errc::not_directory));
    return from->exit_code();
  }
  {
    get_command command(*from, line, files_at_once(static_cast<std::size_t>(*in_flight)));
    std::vector<file_status> found;
    std::vector<places::plan> plans;
    for (const auto& source : sources) {
      auto status = stat_or_report(*from, source);
      if (!status) continue;
      if (status->type == entry_type::directory && !line.has("recursive")) {
        from->error(source, "is a directory (use -r)");
        continue;
      }
      const std::string name = base_name(status->path);
      const std::string local =
          into && !name.empty() ? target + (target.ends_with('/') ? "" : "/") + name : target;
      if (command.known().is_repeated({status->path, local})) {
        warn_of_repeated(line.name(), source);
        continue;
      }
      plans.push_back({status->path, local});
      found.push_back(std::move(*status));
    }
    command.known().expect(plans);
    for (std::size_t i = 0; i < plans.size(); ++i) {
      if (found[i].type == entry_type::directory) {
        command.add_tree(found[i], plans[i].target);
      } else {
        command.add_file(found[i], plans[i].target);
      }
    }
    command.finish();
  }
  return from->exit_code();
}

}  // namespace ssdfs::cli
