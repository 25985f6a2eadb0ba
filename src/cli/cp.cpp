// cp: copies within the store, through this machine.
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/remote.hpp"
#include "cli/workers.hpp"

namespace ssdfs::cli {
namespace {

constexpr std::size_t piece = 1 * MiB;
constexpr std::size_t files_at_once = 8;

void copy_file(session& in, const file_status& source, const std::string& target, bool overwrite) {
  diagnostics diag;
  get_options from;
  from.diag = &diag;
  auto reader = in.client().open_read(source.path, from);
  if (!reader) return in.error(source.path, reader.error(), &diag);
  put_options to;
  to.overwrite = overwrite;
  to.mode = source.mode;
  to.replication = source.replication;
  to.content_type = source.content_type;
  to.diag = &diag;
  auto writer = in.client().open_write(target, to);
  if (!writer) return in.error(target, writer.error(), &diag);
  std::vector<std::byte> buffer(std::min<std::uint64_t>(piece, source.size + 1));
  for (;;) {
    const auto n = reader->read(boost::asio::buffer(buffer));
    if (!n) return in.error(source.path, n.error(), &diag);
    if (*n > 0) {
      const auto written = writer->write(boost::asio::buffer(buffer.data(), *n));
      if (!written) return in.error(target, written.error(), &diag);
    }
    if (*n < buffer.size()) break;
  }
  const auto done = writer->commit();
  if (!done) in.error(target, done.error(), &diag);
}

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
  workers pool(files_at_once);
  for (const auto& name : sources) {
    const auto source = stat_or_report(*in, trim_path(name));
    if (!source) continue;
    const std::string to = into ? join_path(target, base_name(source->path)) : target;
    if (source->type == entry_type::file) {
      copy_file(*in, *source, to, line.has("force"));
      continue;
    }
    if (!line.has("recursive")) {
      in->error(name, "is a directory (use -r)");
      continue;
    }
    if (to == source->path || to.starts_with(source->path == "/" ? "/" : source->path + "/")) {
      in->error(name, "cannot copy a directory into itself");
      continue;
    }
    walk(*in, *source, [&](const file_status& e, std::size_t) {
      const std::string path = to + e.path.substr(source->path == "/" ? 0 : source->path.size());
      if (e.type == entry_type::file) {
        pool.run([&in, e, path, force = line.has("force")] { copy_file(*in, e, path, force); });
        return true;
      }
      mkdir_options options;
      options.parents = true;
      const auto made = in->client().mkdir(path, options);
      if (!made) in->error(path, made.error());
      return made.has_value();
    });
  }
  pool.wait();
  return in->exit_code();
}

}  // namespace ssdfs::cli
