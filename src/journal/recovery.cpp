#include "journal/recovery.hpp"

#include "base/log.hpp"
#include "journal/log_scan.hpp"

#include <vector>

namespace ssdfs::journal {
namespace {

failure damaged(const std::string& directory, const std::string& what) {
  return {errc::damaged, directory + "/" + what + "; nothing was changed; `ssdfs edits recover " +
                             directory + "` explains and repairs"};
}

// The segment that the records behind `start` begin in.
result<std::size_t> first_needed(const std::vector<segment_name>& segments,
                                 const recovery_options& options) {
  std::size_t i = 0;
  while (i < segments.size() && segments[i].last && *segments[i].last <= options.start.last) ++i;
  if (i < segments.size() && segments[i].first > options.start.last.next()) {
    return damaged(options.directory, segments[i].file + ": the records from txid " +
                                          std::to_string(options.start.last.next().value) + " to " +
                                          std::to_string(segments[i].first.value - 1) +
                                          " before it are missing");
  }
  return i;
}

class recovery {
 public:
  recovery(io::file_system& fs, recovery_options options, record_sink sink)
      : fs_(fs), options_(std::move(options)), sink_(std::move(sink)) {}

  result<recovery_report> run();

 private:
  result<void> scan();
  result<void> scan_one(std::size_t i);
  result<void> repair();

  io::file_system& fs_;
  recovery_options options_;
  record_sink sink_;
  std::vector<segment_name> segments_;
  scan_state state_;
  std::uint64_t bytes_ = 0;
};

result<void> recovery::scan_one(std::size_t i) {
  const segment_name& segment = segments_[i];
  auto mapped = fs_.map(options_.directory + "/" + segment.file);
  if (!mapped) return mapped.error();
  const std::string_view text = as_chars((*mapped)->bytes());
  line_sink sink = [&](const log_line& line) -> result<void> {
    if (options_.progress && state_.records % 65536 == 0) {
      const double part = static_cast<double>(line.offset) / static_cast<double>(text.size());
      options_.progress((static_cast<double>(i) + part) / static_cast<double>(segments_.size()));
    }
    auto done = sink_(*line.record, state_.at.chain);
    if (done) return done;
    return failure(done.error().code, options_.directory + "/" + segment.file + ": offset " +
                                          std::to_string(line.offset) + ": " +
                                          done.error().message());
  };
  state_.at.last = ssdfs::txid(segment.first.value - 1);
  const bool later = i + 1 < segments_.size();
  SSDFS_TRY(scan_segment(segment, text, options_.start, later, state_, sink));
  bytes_ += text.size();
  return {};
}

result<void> recovery::scan() {
  auto found = list_segments(fs_, options_.directory);
  if (!found) return found.error();
  segments_ = std::move(*found);
  auto first = first_needed(segments_, options_);
  if (!first) return first.error();
  state_.at = options_.start;
  for (std::size_t i = *first; i < segments_.size(); ++i) {
    const segment_name& segment = segments_[i];
    if (i > *first && segment.first != state_.at.last.next()) {
      return damaged(options_.directory, segment.file + ": the records from txid " +
                                             std::to_string(state_.at.last.next().value) + " to " +
                                             std::to_string(segment.first.value - 1) +
                                             " before it are missing");
    }
    // Behind the start of a segment that an image reaches into, the chain is known by its lines.
    state_.chain_known = i > *first || segment.first == options_.start.last.next();
    SSDFS_TRY(scan_one(i));
    if (state_.bad && !state_.bad->proof.empty()) {
      return damaged(options_.directory, describe(*state_.bad));
    }
  }
  if (state_.at.last < options_.start.last) {
    SSDFS_LOG(warning) << "edits log: ends with txid " << state_.at.last
                       << ", before the image at txid " << options_.start.last;
    state_.at = options_.start;
  }
  return {};
}

// Makes a log of finalized segments out of what was found.
result<void> recovery::repair() {
  // A crash may have come between the last rename and its sync.
  if (segments_.empty() || segments_.back().last) return fs_.sync_directory(options_.directory);
  const segment_name& open = segments_.back();
  const std::string path = options_.directory + "/" + open.file;
  if (state_.offset == 0) {
    SSDFS_TRY(fs_.remove(path));
    return fs_.sync_directory(options_.directory);
  }
  auto file = fs_.open(path, io::open_mode::read_write);
  if (!file) return file.error();
  SSDFS_TRY((*file)->truncate(state_.offset));
  // The last batch may be in memory only, even after a sync that failed; it has to be written to
  // be synced. Everything before it was durable before it was begun.
  std::vector<std::byte> tail(static_cast<std::size_t>(state_.offset - state_.batch));
  auto got = (*file)->read(tail, state_.batch);
  if (!got) return got.error();
  if (*got != tail.size()) return failure(errc::io, path + ": cannot read its end");
  const bytes_view part = tail;
  SSDFS_TRY((*file)->write({&part, 1}, state_.batch));
  SSDFS_TRY((*file)->sync());
  SSDFS_TRY(
      fs_.rename(path, options_.directory + "/" + finalized_name(open.first, state_.at.last)));
  return fs_.sync_directory(options_.directory);
}

result<recovery_report> recovery::run() {
  SSDFS_TRY(scan());
  if (options_.accept) SSDFS_TRY(options_.accept(state_.at.last));
  SSDFS_TRY(repair());
  recovery_report report;
  report.end = state_.at;
  report.records = state_.records;
  report.bytes = bytes_;
  report.cut = std::move(state_.bad);
  return report;
}

}  // namespace

std::string describe(const log_damage& damage) {
  std::string out = damage.segment + ": offset " + std::to_string(damage.offset) + ": txid " +
                    std::to_string(damage.txid.value) + ": " + damage.what;
  if (!damage.proof.empty()) out += "; " + damage.proof;
  return out;
}

result<recovery_report> recover(io::file_system& fs, recovery_options options, record_sink sink) {
  return recovery(fs, std::move(options), std::move(sink)).run();
}

}  // namespace ssdfs::journal
