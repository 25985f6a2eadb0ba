// image dump, verify, install, build and synth: offline work with images of the namespace.
#include "base/units.hpp"
#include "cli/bench_set.hpp"
#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/local_file.hpp"
#include "cli/logging.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "io/child_process.hpp"
#include "io/clock.hpp"
#include "io/epoch_file.hpp"
#include "io/identity.hpp"
#include "journal/image_store.hpp"
#include "journal/restore.hpp"
#include "meta/image_synth.hpp"
#include "meta/image_text.hpp"
#include "meta/volume_check.hpp"

#include <boost/json/array.hpp>

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iostream>

namespace ssdfs::cli {
namespace {

constexpr std::size_t most_problems = 100;

boost::json::object image_head_json(const meta::image_head& h) {
  return {{"format", h.format},     {"cluster", to_string(h.cluster)},
          {"epoch", h.epoch.value}, {"txid", std::to_string(h.txid.value)},
          {"files", h.files},       {"directories", h.directories},
          {"bytes", h.bytes}};
}

// Everything that is wrong with an image: first its bytes, then what they mean.
result<meta::image_head> verify_image(const std::string& path, std::vector<std::string>& problems) {
  auto& files = io::system_files();
  meta::image_head head;
  const auto note = [&](const std::string& what) {
    if (problems.size() < most_problems) problems.push_back(what);
  };
  const auto read = journal::read_sections(
      files, path,
      [&](const meta::decoded_section& section) -> result<void> {
        if (section.kind != meta::image_section::head) return {};
        auto decoded = meta::decode_head(section.payload);
        if (!decoded) return decoded.error();
        head = *decoded;
        return {};
      },
      [&](std::uint64_t offset, const std::string& what) {
        note("offset " + std::to_string(offset) + ": " + what);
      });
  if (!read) {
    if (!(read.error() == errc::damaged)) return read.error();
    note(read.error().message());
  }
  if (!problems.empty()) return head;
  meta::state state;
  const auto loaded = journal::load_image(files, path, state);
  if (!loaded) {
    if (!(loaded.error() == errc::damaged)) return loaded.error();
    note(loaded.error().message());
    return head;
  }
  if (const auto sound = state.names().verify(); !sound) note(sound.error().message());
  for (const auto& wrong : meta::check_volumes(state, most_problems)) note(wrong);
  return head;
}

result<void> copy_file(io::file_system& files, const std::string& from, const std::string& to) {
  auto source = files.open(from, io::open_mode::read);
  if (!source) return source.error();
  auto target = files.open(to, io::open_mode::create);
  if (!target) return target.error();
  SSDFS_TRY((*target)->truncate(0));
  std::vector<std::byte> block(std::size_t{4} << 20);
  for (std::uint64_t offset = 0;;) {
    const auto got = (*source)->read(block, offset);
    if (!got) return got.error();
    const bytes_view piece = bytes_view(block).first(*got);
    if (!piece.empty()) SSDFS_TRY((*target)->write({&piece, 1}, offset));
    (*target)->start_writeback(offset, *got);
    offset += *got;
    if (*got < block.size()) break;
  }
  return (*target)->sync();
}

// The identity comes last: until then the directory belongs to nobody.
result<meta::image_head> install_image(const std::string& image, const std::string& directory) {
  auto& files = io::system_files();
  const auto head = journal::check_image(files, image);
  if (!head) return head;
  SSDFS_TRY(files.make_directories(directory));
  const auto entries = files.list(directory);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    if (entry.name == "LOCK" || entry.name == "lost+found") continue;
    return failure(errc::not_empty, directory + ": is not empty (" + entry.name + ")");
  }
  const auto lock = files.lock(directory);
  if (!lock) return lock.error();
  const std::string temporary = directory + "/" + journal::image_name(head->txid) + ".tmp";
  SSDFS_TRY(copy_file(files, image, temporary));
  if (const auto copy = journal::check_image(files, temporary); !copy) return copy;
  auto placed = journal::place_image(files, directory, temporary, head->txid);
  if (!placed) return placed.error();
  // Whatever was logged behind the image is missing.
  SSDFS_TRY(
      io::write_epoch_file(files, directory + "/" + io::history_cut_file, io::history_cut_now));
  SSDFS_TRY(
      io::write_identity(files, directory, {"master", node_id(io::random_uuid()), head->cluster}));
  return head;
}

// Where a link leads, and never in the place of a device or a pipe.
result<std::uint64_t> write_image(const std::string& path, const meta::state& state) {
  const auto target = replaceable_path(path);
  if (!target) return failure(target.error().code, path + ": " + target.error().message());
  return journal::write_image_file(io::system_files(), *target, state);
}

result<void> build_image(std::istream& in, const std::string& path, meta::state& state) {
  meta::image_text_reader reader(state);
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    if (auto taken = reader.take(line); !taken) {
      return failure(taken.error().code,
                     "line " + std::to_string(number) + ": " + taken.error().message());
    }
  }
  if (in.bad()) return failure(errc::io, "cannot be read");
  SSDFS_TRY(reader.finish());
  auto written = write_image(path, state);
  if (!written) return written.error();
  return {};
}

}  // namespace

int run_image_dump(const std::vector<std::string>& arguments) {
  command_line line("image dump", "FILE",
                    "Everything in an image as JSON lines; 'image build' makes the image of them "
                    "again.",
                    {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& path = line.arguments().front();
  meta::image_text_writer writer([](std::string_view text) -> result<void> {
    std::cout << text << '\n';
    if (!std::cout) return failure(errc::io, "standard output: write failed");
    return {};
  });
  const auto done = journal::read_sections(
      io::system_files(), path, [&](const meta::decoded_section& s) { return writer.take(s); });
  if (done || !std::cout) return done ? exit_done : exit_failed;
  std::cout.flush();
  return report_failure("image dump", path, done.error());
}

int run_image_verify(const std::vector<std::string>& arguments) {
  command_line line(
      "image verify", "FILE",
      "Reads all of an image and says what is wrong with it, and where. Needs as much "
      "memory as a master.",
      {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& path = line.arguments().front();
  std::vector<std::string> problems;
  const auto head = verify_image(path, problems);
  if (!head) return report_failure("image verify", path, head.error());
  if (line.json()) {
    auto out = image_head_json(*head);
    boost::json::array all;
    for (const auto& p : problems) all.emplace_back(p);
    out["problems"] = std::move(all);
    print_json(out);
  } else {
    std::cout << path << ": cluster " << to_string(head->cluster) << ", epoch " << head->epoch.value
              << ", txid " << head->txid << ", " << head->files << " files, " << head->directories
              << " directories, " << format_size(head->bytes) << "\n";
    for (const auto& p : problems) std::cout << "  " << p << "\n";
    if (problems.empty()) std::cout << "  in good order\n";
  }
  return problems.empty() ? exit_done : exit_failed;
}

int run_image_install(const std::vector<std::string>& arguments) {
  command_line line(
      "image install", "FILE DIRECTORY",
      "Makes the data directory of a new master from an image. Records that came after "
      "the image are not in it.",
      {2, 2});
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& path = line.arguments()[0];
  const std::string& directory = line.arguments()[1];
  const auto head = install_image(path, directory);
  if (!head) return report_failure("image install", path, head.error());
  if (line.json()) {
    print_json(image_head_json(*head));
  } else {
    std::cout << directory << ": a master of cluster " << to_string(head->cluster) << " at txid "
              << head->txid << ", " << head->files << " files\n";
  }
  return exit_done;
}

int run_image_build(const std::vector<std::string>& arguments) {
  command_line line("image build", "JSONL FILE",
                    "Makes an image of lines as 'image dump' writes them ('-': standard input). "
                    "Totals and digest are computed anew.",
                    {2, 2});
  if (!line.parse(arguments)) return line.exit_code();
  const std::string& from = line.arguments()[0];
  meta::state state;
  result<void> done;
  if (from == "-") {
    done = build_image(std::cin, line.arguments()[1], state);
  } else {
    std::ifstream in(from);
    done = in ? build_image(in, line.arguments()[1], state)
              : result<void>(failure(errc::not_found, "cannot be read"));
  }
  if (!done) return report_failure("image build", from, done.error());
  const auto totals = state.names().totals(meta::root_directory);
  if (line.json()) {
    print_json({{"txid", std::to_string(state.last_txid().value)},
                {"files", totals.files},
                {"directories", totals.directories}});
  } else {
    std::cout << line.arguments()[1] << ": " << totals.files << " files, " << totals.directories
              << " directories\n";
  }
  return exit_done;
}

int run_image_synth(const std::vector<std::string>& arguments) {
  command_line line("image synth", "--files N FILE",
                    "The image of a plausible picture store, for sizing a master before buying it. "
                    "Prints one sample path.",
                    {1, 1});
  line.value("files", "N", "how many files")
      .value("files-per-dir", "N", "files in a directory", "1000")
      .value("seed", "S", "another store of the same kind", "1");
  if (!line.parse(arguments)) return line.exit_code();
  if (!line.has("files")) return line.usage_error("--files is needed");
  const auto files = line.integer("files", 1, 1'000'000'000);
  const auto per_directory = line.integer("files-per-dir", 1, 100'000'000);
  const auto seed = line.integer("seed", 0, INT64_MAX);
  if (!files || !per_directory || !seed) return line.exit_code();
  meta::synth_options options;
  options.files = static_cast<std::uint64_t>(*files);
  options.files_per_directory = static_cast<std::uint64_t>(*per_directory);
  options.seed = static_cast<std::uint64_t>(*seed);
  options.size_of = mix_size;
  const std::string& path = line.arguments().front();
  meta::state state;
  const auto sample = meta::synthesize(options, state);
  if (!sample) return report_failure("image synth", path, sample.error());
  const auto written = write_image(path, state);
  if (!written) return report_failure("image synth", path, written.error());
  const auto totals = state.names().totals(meta::root_directory);
  if (line.json()) {
    print_json({{"files", totals.files},
                {"directories", totals.directories},
                {"bytes", totals.bytes},
                {"image_bytes", *written},
                {"sample", *sample}});
  } else {
    std::cout << *sample << "\n";
  }
  return exit_done;
}

int run_image_checkpoint(const std::vector<std::string>& arguments) {
  command_line line("image checkpoint", "DIRECTORY TXID",
                    "Called by a master: writes the image at a record of its log beside it.",
                    {2, 2});
  if (!line.parse(arguments)) return line.exit_code();
  io::become_background_child(::getppid());
  const log_output log("warning", "text");
  const std::string& directory = line.arguments()[0];
  const std::string& text = line.arguments()[1];
  std::uint64_t upto = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), upto);
  if (error != std::errc() || end != text.data() + text.size()) {
    return line.usage_error("'" + text + "' is not a txid");
  }
  auto& files = io::system_files();
  auto from = journal::load_newest(files, directory);
  if (!from) return report_failure("image checkpoint", directory, from.error());
  const auto replayed = journal::replay_to(files, directory, txid(upto), *from->state, {});
  if (!replayed) return report_failure("image checkpoint", directory, replayed.error());
  const auto written = journal::write_image_beside(files, directory, *from->state);
  if (!written) return report_failure("image checkpoint", directory, written.error());
  return exit_done;
}

}  // namespace ssdfs::cli
