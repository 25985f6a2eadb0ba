// put: from this machine into the store.
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
#include <unistd.h>

#include <iostream>
#include <mutex>

namespace ssdfs::cli {
namespace {

constexpr const char* changed_text = "changed while it was read: not stored";

// A file that is written while it is read, or cut off: what was read is neither the old file nor
// the new one. Pipes and devices never change in this sense.
class change_watch {
 public:
  /// `fd` must be open as long as this is asked.
  explicit change_watch(int fd) : fd_(fd), begin_(look()) {}

  [[nodiscard]] bool has_changed() const {
    const struct stat now = look();
    return S_ISREG(now.st_mode) &&
           (now.st_size != begin_.st_size || now.st_mtim.tv_sec != begin_.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != begin_.st_mtim.tv_nsec);
  }

 private:
  [[nodiscard]] struct stat look() const {
    struct stat out {};
    static_cast<void>(::fstat(fd_, &out));  // of an open descriptor; zeros are no regular file
    return out;
  }

  int fd_;
  struct stat begin_;
};

class put_command {
 public:
  put_command(session& to, const command_line& line, std::size_t in_flight)
      : to_(to),
        update_(line.has("update")),
        keep_(line.has("preserve")),
        json_(line.json()),
        progress_("put"),
        memory_(memory_limit),
        workers_(in_flight) {
    options_.overwrite = line.has("force") || update_;
    options_.acknowledge = line.text("ack") == "one" ? ack::one : ack::all;
  }

  /// To be told of all sources before the first is added.
  [[nodiscard]] places& known() noexcept { return known_; }

  void add_tree(const std::string& source, const std::string& target) {
    walk_local(
        source,
        [&](const local_entry& e) {
          const std::string path = e.relative.empty() ? target : join_path(target, e.relative);
          if (e.status.is_directory) {
            if (!known_.take(path, true)) return error(path, just_made_text());
            add_directory(path);
            if (keep_) directories_.emplace_back(path, e.status);
          } else {
            add_file(e.path, path, e.status);
          }
        },
        [&](const std::string& path, const std::string& why) { error(path, why); });
  }

  void add_file(const std::string& source, const std::string& target, const local_status& status) {
    if (!known_.take(target)) return error(target, just_made_text());
    ++progress_.total_files;
    progress_.total_bytes += status.size;
    workers_.run([this, source, target, status] { put_file(source, target, status); });
  }

  void put_stdin(const std::string& target) {
    if (!known_.take(target)) return error(target, just_made_text());
    ++progress_.total_files;
    put_stream(STDIN_FILENO, "-", target, options_);
  }

  void put_descriptor(const std::string& source, const std::string& target) {
    if (!known_.take(target)) return error(target, just_made_text());
    const auto file = open_for_reading(source);
    if (!file) return error(source, file.error().message());
    ++progress_.total_files;
    put_stream(file->get(), source, target, options_);
  }

  void finish() {
    progress_.totals_known = true;
    workers_.wait();
    // Now that nothing is put into them any more.
    for (const auto& [path, status] : directories_) {
      workers_.run([this, path, status] { keep_attributes(path, status); });
    }
    workers_.wait();
    if (json_) {
      print_json({{"files", progress_.files.load()},
                  {"bytes", progress_.bytes.load()},
                  {"skipped", skipped_.load()},
                  {"errors", to_.errors()}});
    }
  }

 private:
  void error(const std::string& path, const std::string& why) {
    const std::lock_guard lock(errors_);
    progress_.clear_line();
    to_.error(path, why);
  }
  void error(const std::string& path, const boost::system::error_code& ec,
             const diagnostics& more) {
    const std::lock_guard lock(errors_);
    progress_.clear_line();
    to_.error(path, ec, &more);
  }

  void add_directory(const std::string& path) {
    workers_.run([this, path] {
      diagnostics diag;
      mkdir_options options;
      options.parents = true;
      options.diag = &diag;
      const auto done = to_.client().mkdir(path, options);
      if (!done) error(path, done.error(), diag);
    });
  }

  void keep_attributes(const std::string& path, const local_status& status) {
    diagnostics diag;
    call_settings settings;
    settings.diag = &diag;
    attribute_changes changes;
    changes.mtime_ms = status.mtime_ms;
    changes.mode = status.mode;
    const auto done = to_.client().set_attributes(path, changes, settings);
    if (!done) error(path, done.error(), diag);
  }

  // True if the store has the same bytes there already; with -p the time and mode are seen to.
  bool is_there(const std::string& source, const std::string& target, const local_status& local) {
    const auto status = to_.client().stat(target);
    if (!status || status->type != entry_type::file || status->size != local.size) return false;
    const auto crc = local_crc32c(source);
    if (!crc || *crc != status->crc32c) return false;
    if (keep_ && (status->mtime_ms != local.mtime_ms || status->mode != local.mode)) {
      keep_attributes(target, local);
    }
    return true;
  }

  void put_file(const std::string& source, const std::string& target, const local_status& status) {
    if (update_ && is_there(source, target, status)) {
      ++skipped_;
      progress_.bytes += status.size;
      return;
    }
    const auto file = open_for_reading(source);
    if (!file) return error(source, file.error().message());
    put_options options = options_;
    if (keep_) {
      options.mtime_ms = status.mtime_ms;
      options.mode = status.mode;
    }
    if (status.size > whole_file_limit) {
      const gate::pass pass(memory_, memory_of_stream);
      options.size = status.size;
      return put_stream(file->get(), source, target, options);
    }
    const gate::pass pass(memory_, status.size);
    // One byte more than it should have tells a file that grew since it was looked at.
    const change_watch before(file->get());
    std::vector<std::byte> bytes(status.size + 1);
    const auto n = read_full(file->get(), bytes.data(), bytes.size());
    if (!n) return error(source, n.error().message());
    if (*n > status.size) return put_grown(source, target, options);
    if (before.has_changed()) return error(source, changed_text);
    diagnostics diag;
    options.diag = &diag;
    const auto done = to_.client().put(target, boost::asio::buffer(bytes.data(), *n), options);
    if (!done) return error(target, done.error(), diag);
    ++progress_.files;
    progress_.bytes += *n;
  }

  void put_grown(const std::string& source, const std::string& target, const put_options& options) {
    const auto file = open_for_reading(source);
    if (!file) return error(source, file.error().message());
    put_stream(file->get(), source, target, options);
  }

  void put_stream(int fd, const std::string& source, const std::string& target,
                  put_options options) {
    diagnostics diag;
    options.diag = &diag;
    const change_watch before(fd);
    auto writer = to_.client().open_write(target, options);
    if (!writer) return error(target, writer.error(), diag);
    std::vector<std::byte> buffer(stream_piece);
    for (;;) {
      const auto n = read_full(fd, buffer.data(), buffer.size());
      if (!n) return error(source, n.error().message());
      if (*n > 0) {
        const auto written = writer->write(boost::asio::buffer(buffer.data(), *n));
        if (!written) return error(target, written.error(), diag);
        progress_.bytes += *n;
      }
      if (*n < buffer.size()) break;
    }
    // Without the commit nothing is stored.
    if (before.has_changed()) return error(source, changed_text);
    const auto done = writer->commit();
    if (!done) return error(target, done.error(), diag);
    ++progress_.files;
  }

  session& to_;
  put_options options_;
  bool update_;
  bool keep_;
  bool json_;
  std::mutex errors_;
  places known_;
  std::vector<std::pair<std::string, local_status>> directories_;  // whose attributes are kept
  std::atomic<std::uint64_t> skipped_{0};
  progress progress_;
  gate memory_;
  workers workers_;  // last: its threads use the rest
};

// "put -r ." and "put -r /" have no name of their own: their contents go into DST.
std::string name_of_source(const std::string& source) {
  const std::string name = base_name(trim_path(source));
  return name == "." || name == ".." ? std::string() : name;
}

// What the shell has opened for this process: "put <(zcat a.gz) /a" names a pipe so. Pipes and
// devices elsewhere are reported like other special files, since nobody may be writing to them.
bool is_own_descriptor(const std::string& source) {
  return source == "/dev/stdin" || source.starts_with("/dev/fd/") ||
         source.starts_with("/proc/self/fd/");
}

// A source that was found, and where it goes.
struct put_plan {
  std::string source;
  local_status status;  // not of standard input
  bool stream = false;  // read as it comes, as standard input is
  std::string target;
};

// Empty after an error, and for a source that was given before.
std::optional<put_plan> plan_put(session& to, const command_line& line, const target_rule& rule,
                                 places& known, const std::string& source) {
  const std::string& typed_target = line.arguments().back();
  put_plan out{source, {}, {}};
  bool directory = false;
  if (source != "-") {
    const auto status = local_stat(source);
    if (!status) {
      to.error(source, status.error().message());
      return std::nullopt;
    }
    directory = status->is_directory;
    if (directory && !line.has("recursive")) {
      to.error(source, "is a directory (use -r)");
      return std::nullopt;
    }
    out.stream = !directory && !status->is_regular && is_own_descriptor(source);
    if (!directory && !status->is_regular && !out.stream) {
      to.error(source, "not a regular file or directory");
      return std::nullopt;
    }
    out.status = *status;
  }
  auto place = rule.place_for(name_of_source(source), directory);
  if (place && source == "-" && place->path != rule.path()) place = failure(errc::is_directory);
  if (!place) {
    to.error(typed_target, place.error());
    return std::nullopt;
  }
  out.target = std::move(place->path);
  if (known.is_repeated({trim_path(source), out.target})) {
    warn_of_repeated(line.name(), source);
    return std::nullopt;
  }
  return out;
}

}  // namespace

int run_put(const std::vector<std::string>& arguments) {
  command_line line(
      "put", "[-r] [-f] [-u] [-T] [-p] [-j N] [--ack all|one] SRC... DST",

      "Stores local files; '-' is standard input. Missing directories are made; a DST "
      "that ends with a slash is one.",
      {2});
  line.flag("recursive,r", "directories with all that is in them")
      .flag("force,f", "replace existing files; what is replaced is not in the trash")
      .flag("update,u", "skip files that are there with the same size and checksum")
      .flag("no-target-directory,T", "DST is the new name even if it is a directory")
      .flag("preserve,p", "keep modification time and mode")
      .value("jobs,j", "N", "files in flight", "64")
      .value("ack", "all|one",
             "answer when all copies are written, or (files up to 256 KiB) when the first is: "
             "quicker, but the file is lost if that node dies before the others have it",
             "all");
  if (!line.parse(arguments)) return line.exit_code();
  const auto in_flight = line.integer("jobs", 1, 1024);
  if (!in_flight) return line.exit_code();
  if (line.text("ack") != "all" && line.text("ack") != "one") {
    return line.usage_error("option ack: '" + line.text("ack") + "' is none of all and one");
  }
  std::vector<std::string> sources = line.arguments();
  const std::string target = sources.back();
  sources.pop_back();
  if (line.has("no-target-directory") && sources.size() > 1) {
    return line.usage_error("-T takes one SRC and DST");
  }
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  target_rule::question about{target, sources.size(), line.has("no-target-directory")};
  about.made_for_several = true;
  const auto rule = target_rule::look(*to, std::move(about));
  if (!rule) return to->exit_code();
  {
    put_command command(*to, line, files_at_once(static_cast<std::size_t>(*in_flight)));
    std::vector<put_plan> found;
    std::vector<places::plan> plans;
    for (const auto& source : sources) {
      auto plan = plan_put(*to, line, *rule, command.known(), source);
      if (!plan) continue;
      plans.push_back({plan->source, plan->target});
      found.push_back(std::move(*plan));
    }
    command.known().expect(plans);
    for (const put_plan& plan : found) {
      if (plan.source == "-") {
        command.put_stdin(plan.target);
      } else if (plan.stream) {
        command.put_descriptor(plan.source, plan.target);
      } else if (plan.status.is_directory) {
        command.add_tree(plan.source, plan.target);
      } else {
        command.add_file(plan.source, plan.target, plan.status);
      }
    }
    command.finish();
  }
  return to->exit_code();
}

}  // namespace ssdfs::cli
