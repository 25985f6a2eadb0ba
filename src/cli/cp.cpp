// cp: copies within the store, through this machine.
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/remote.hpp"
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

  void add_file(const file_status& source, const std::string& target) {
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
      diagnostics diag;
      mkdir_options options;
      options.parents = true;
      options.diag = &diag;
      const auto made = in_.client().mkdir(path, options);
      if (!made) error(path, made.error(), diag);
      return made.has_value();
    });
  }

  void finish() {
    progress_.totals_known = true;
    workers_.wait();
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
  progress progress_;
  workers workers_;  // last: its threads use the rest
};

}  // namespace

int run_cp(const std::vector<std::string>& arguments) {
  command_line line("cp", "[-r] [-f] [-T] SRC... DST", "Copies within the store.", {2});
  line.flag("recursive,r", "directories with all that is in them")
      .flag("force,f", "replace existing files, atomically")
      .flag("no-target-directory,T", "DST is the new name even if it is a directory");
  if (!line.parse(arguments)) return line.exit_code();
  std::vector<std::string> sources = line.arguments();
  const std::string target = trim_path(sources.back());
  sources.pop_back();
  const bool exact = line.has("no-target-directory");
  if (exact && sources.size() > 1) return line.usage_error("-T takes one SRC and DST");
  const auto in = session::open(line);
  if (!in) return line.exit_code();
  diagnostics diag;
  stat_options look;
  look.diag = &diag;
  const auto there = in->client().stat(target, look);
  if (!there && there.error() != errc::not_found) {
    in->error(target, there.error(), &diag);
    return in->exit_code();
  }
  const bool into = !exact && there && there->type == entry_type::directory;
  if (sources.size() > 1 && !into) {
    in->error(target, make_error_code(errc::not_directory));
    return in->exit_code();
  }
  cp_command command(*in, line.has("force"));
  for (const auto& name : sources) {
    const auto source = stat_or_report(*in, trim_path(name));
    if (!source) continue;
    const std::string to = into ? join_path(target, base_name(source->path)) : target;
    if (source->type == entry_type::file) {
      command.add_file(*source, to);
    } else if (!line.has("recursive")) {
      in->error(name, "is a directory (use -r)");
    } else if (to == source->path ||
               to.starts_with(source->path == "/" ? "/" : source->path + "/")) {
      in->error(name, "cannot copy a directory into itself");
    } else {
      command.add_tree(*source, to);
    }
  }
  command.finish();
  if (line.json()) print_json(command.totals());
  return in->exit_code();
}

}  // namespace ssdfs::cli
