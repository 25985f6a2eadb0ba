// cp: copies within the store, through this machine.
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/remote.hpp"
#include "cli/target.hpp"
#include "cli/transfer_limits.hpp"
#include "cli/workers.hpp"

#include <mutex>

namespace ssdfs::cli {
namespace {

constexpr std::size_t copies_at_once = 8;

class cp_command {
 public:
  cp_command(session& in, bool overwrite)
      : in_(in), overwrite_(overwrite), progress_("cp"), workers_(copies_at_once) {}

  /// To be told of all sources before the first is added.
  [[nodiscard]] places& known() noexcept { return known_; }

  void add_file(const file_status& source, const std::string& target) {
    if (!known_.take(target)) {
      const std::lock_guard lock(errors_);
      return in_.error(target, just_made_text());
    }
    ++progress_.total_files;
    progress_.total_bytes += source.size;
    workers_.run([this, source, target] { copy_file(source, target); });
  }

  void add_tree(const file_status& top, const std::string& target) {
    walk(in_, top, [&](const file_status& e, std::size_t) {
      const std::string path = target + e.path.substr(top.path == "/" ? 0 : top.path.size());
      if (e.type == entry_type::file) {
        add_file(e, path);
        return true;
      }
      if (!known_.take(path, true)) {
        const std::lock_guard lock(errors_);
        in_.error(path, just_made_text());
        return false;
      }
      return make_directory(path, e.mode);
    });
  }

  void finish() {
    progress_.totals_known = true;
    workers_.wait();
    for (const auto& [path, mode] : modes_) {
      diagnostics diag;
      attribute_changes changes;
      changes.mode = mode;
      call_settings settings;
      settings.diag = &diag;
      const auto done = in_.client().set_attributes(path, changes, settings);
      if (!done) error(path, done.error(), diag);
    }
  }

  /// After finish().
  [[nodiscard]] boost::json::object totals() const {
    return {{"files", progress_.files.load()},
            {"bytes", progress_.bytes.load()},
            {"errors", in_.errors()}};
  }

 private:
  void error(const std::string& path, const boost::system::error_code& ec,
             const diagnostics& more) {
    const std::lock_guard lock(errors_);
    progress_.clear_line();
    in_.error(path, ec, &more);
  }

  // A copy of a directory has its mode, so what was private stays it. One that its owner may not
  // write to gets the mode when all is in it; one that was there keeps its own.
  bool make_directory(const std::string& path, std::uint16_t mode) {
    constexpr std::uint16_t owners = 0700;
    diagnostics diag;
    mkdir_options options;
    options.mode = mode | owners;
    options.diag = &diag;
    auto made = in_.client().mkdir(path, options);
    const bool there = !made && made.error() == errc::exists;
    if (!made) {
      options.parents = true;
      made = in_.client().mkdir(path, options);
    }
    if (!made) {
      error(path, made.error(), diag);
    } else if (!there && options.mode != mode) {
      modes_.emplace_back(path, mode);
    }
    return made.has_value();
  }

  void copy_file(const file_status& source, const std::string& target) {
    diagnostics diag;
    get_options from;
    from.diag = &diag;
    auto reader = in_.client().open_read(source.path, from);
    if (!reader) return error(source.path, reader.error(), diag);
    put_options to;
    to.overwrite = overwrite_;
    to.mode = source.mode;
    to.replication = source.replication;
    to.content_type = source.content_type;
    to.size = source.size;
    to.diag = &diag;
    auto writer = in_.client().open_write(target, to);
    if (!writer) return error(target, writer.error(), diag);
    std::vector<std::byte> buffer(std::min<std::uint64_t>(stream_piece, source.size + 1));
    for (;;) {
      const auto n = reader->read(boost::asio::buffer(buffer));
      if (!n) return error(source.path, n.error(), diag);
      if (*n > 0) {
        const auto written = writer->write(boost::asio::buffer(buffer.data(), *n));
        if (!written) return error(target, written.error(), diag);
        progress_.bytes += *n;
      }
      if (*n < buffer.size()) break;
    }
    const auto done = writer->commit();
    if (!done) return error(target, done.error(), diag);
    ++progress_.files;
  }

  session& in_;
  bool overwrite_;
  std::mutex errors_;
  places known_;
  std::vector<std::pair<std::string, std::uint16_t>> modes_;  // for when all is there
  progress progress_;
  workers workers_;  // last: its threads use the rest
};

}  // namespace

int run_cp(const std::vector<std::string>& arguments) {
  command_line line(
      "cp", "[-r] [-f] [-T] SRC... DST",
      "Copies within the store. A DST that ends with a slash is a directory, which is "
      "made if it is missing.",
      {2});
  line.flag("recursive,r", "directories with all that is in them")
      .flag("force,f", "replace existing files, atomically; what is replaced is not in the trash")
      .flag("no-target-directory,T", "DST is the new name even if it is a directory");
  if (!line.parse(arguments)) return line.exit_code();
  std::vector<std::string> sources = line.arguments();
  const std::string target = sources.back();
  sources.pop_back();
  const bool exact = line.has("no-target-directory");
  if (exact && sources.size() > 1) return line.usage_error("-T takes one SRC and DST");
  const auto in = session::open(line);
  if (!in) return line.exit_code();
  const auto rule = target_rule::look(*in, {target, sources.size(), exact});
  if (!rule) return in->exit_code();
  cp_command command(*in, line.has("force"));
  std::vector<file_status> found;
  std::vector<places::plan> plans;
  for (const auto& name : sources) {
    auto source = stat_or_report(*in, name);
    if (!source) continue;
    const bool directory = source->type == entry_type::directory;
    const auto place = rule->place_for(base_name(source->path), directory);
    if (!place) {
      in->error(target, place.error());
    } else if (directory && !line.has("recursive")) {
      in->error(name, "is a directory (use -r)");
    } else if (directory && is_same_or_below(place->path, source->path)) {
      in->error(name, "cannot copy a directory into itself");
    } else if (place->path == source->path) {
      in->error(name, same_file_text);
    } else if (command.known().is_repeated({source->path, place->path})) {
      warn_of_repeated(line.name(), name);
    } else {
      plans.push_back({source->path, place->path});
      found.push_back(std::move(*source));
    }
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
  if (line.json()) print_json(command.totals());
  return in->exit_code();
}

}  // namespace ssdfs::cli
