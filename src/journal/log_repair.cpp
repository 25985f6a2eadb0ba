// Looking at logs without changing them, and giving up what is damaged.
#include "io/epoch_file.hpp"
#include "journal/log_scan.hpp"
#include "journal/recovery.hpp"
#include "meta/record_codec.hpp"

#include <vector>

namespace ssdfs::journal {
namespace {

struct inspection {
  recovery_report report;
  scan_state state;
  std::size_t bad_segment = 0;  // if report.cut
};

// Scans the segments in turn up to the first bad record.
result<inspection> scan_all(io::file_system& fs, const std::string& directory,
                            const std::vector<segment_name>& segments, line_sink& sink) {
  inspection out;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const segment_name& segment = segments[i];
    scan_state& state = out.state;
    if (i == 0) {
      state.at.last = ssdfs::txid(segment.first.value - 1);
      state.chain_known = segment.first.value == 1;
    } else if (segment.first != state.at.last.next()) {
      log_damage gap;
      gap.segment = segment.file;
      gap.txid = state.at.last.next();
      gap.what =
          "the records up to txid " + std::to_string(segment.first.value - 1) + " are missing";
      gap.proof = "this segment says that they were durable";
      state.bad = std::move(gap);
      state.offset = 0;
    }
    if (!state.bad) {
      auto mapped = fs.map(directory + "/" + segment.file);
      if (!mapped) return mapped.error();
      const std::string_view text = as_chars((*mapped)->bytes());
      SSDFS_TRY(scan_segment(segment, text, {}, i + 1 < segments.size(), state, sink));
      out.report.bytes += text.size();
    }
    if (state.bad) {
      out.bad_segment = i;
      break;
    }
  }
  out.report.end = out.state.at;
  out.report.records = out.state.records;
  out.report.cut = out.state.bad;
  return out;
}

// The segments that `path` names: a directory's, or the one that it is itself.
result<std::vector<segment_name>> find_segments(io::file_system& fs, const std::string& path,
                                                std::string& directory) {
  directory = path;
  if (auto in_directory = list_segments(fs, path);
      in_directory || in_directory.error() == errc::damaged) {
    return in_directory;
  }
  const std::size_t slash = path.rfind('/');
  directory = slash == path.npos ? "." : path.substr(0, slash);
  const std::string file = slash == path.npos ? path : path.substr(slash + 1);
  if (auto named = parse_segment_name(file)) return std::vector<segment_name>{std::move(*named)};
  // A segment under another name: it says itself where it begins.
  auto mapped = fs.map(path);
  if (!mapped) return mapped.error();
  const ssdfs::txid first = meta::leading_txid(as_chars((*mapped)->bytes()));
  if (first.value == 0) return failure(errc::damaged, path + ": not a segment of an edits log");
  return std::vector<segment_name>{{file, first, std::nullopt}};
}

result<void> copy_file(io::file_system& fs, const std::string& from, const std::string& to) {
  auto mapped = fs.map(from);
  if (!mapped) return mapped.error();
  return io::replace_file(fs, to, (*mapped)->bytes());
}

result<void> give_up(io::file_system& fs, const std::string& directory,
                     const std::vector<segment_name>& segments, const inspection& found) {
  const std::string aside = directory + "/cut-" + std::to_string(found.report.cut->txid.value);
  SSDFS_TRY(fs.make_directories(aside));
  SSDFS_TRY(io::write_epoch_file(fs, directory + "/" + io::history_cut_file, io::history_cut_now));
  SSDFS_TRY(fs.sync_directory(directory));
  // The last first: at every moment what is left is a log that this function can go on with.
  for (std::size_t i = segments.size(); i-- > found.bad_segment + 1;) {
    SSDFS_TRY(fs.rename(directory + "/" + segments[i].file, aside + "/" + segments[i].file));
    SSDFS_TRY(fs.sync_directory(aside));
    SSDFS_TRY(fs.sync_directory(directory));
  }
  const segment_name& bad = segments[found.bad_segment];
  const std::string path = directory + "/" + bad.file;
  if (found.state.offset == 0) {
    SSDFS_TRY(fs.rename(path, aside + "/" + bad.file));
    SSDFS_TRY(fs.sync_directory(aside));
    return fs.sync_directory(directory);
  }
  SSDFS_TRY(copy_file(fs, path, aside + "/" + bad.file));
  auto file = fs.open(path, io::open_mode::read_write);
  if (!file) return file.error();
  SSDFS_TRY((*file)->truncate(found.state.offset));
  SSDFS_TRY((*file)->sync());
  SSDFS_TRY(fs.rename(path, directory + "/" + finalized_name(bad.first, found.report.end.last)));
  return fs.sync_directory(directory);
}

}  // namespace

result<recovery_report> inspect(io::file_system& fs, const std::string& path, line_sink sink) {
  std::string directory;
  auto segments = find_segments(fs, path, directory);
  if (!segments) return segments.error();
  auto found = scan_all(fs, directory, *segments, sink);
  if (!found) return found.error();
  return std::move(found->report);
}

result<recovery_report> cut_damage(io::file_system& fs, const std::string& directory) {
  auto segments = list_segments(fs, directory);
  if (!segments) return segments.error();
  line_sink nothing = [](const log_line&) { return result<void>(); };
  auto found = scan_all(fs, directory, *segments, nothing);
  if (!found) return found.error();
  if (found->report.cut) SSDFS_TRY(give_up(fs, directory, *segments, *found));
  return std::move(found->report);
}

}  // namespace ssdfs::journal
