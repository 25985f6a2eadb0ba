#include "journal/restore.hpp"

#include "base/log.hpp"
#include "journal/log_scan.hpp"
#include "journal/segments.hpp"

#include <algorithm>

namespace ssdfs::journal {
namespace {

// A byte of the log takes about so many times as long as one of an image.
constexpr std::uint64_t log_weight = 2;

std::string number(ssdfs::txid id) { return std::to_string(id.value); }

// What to do when this directory cannot give the state back by itself.
std::string advice(const std::string& directory) {
  return "; nothing was changed. Copy the whole directory first. Then either start a backup's data "
         "directory with --promote, or put an image of a backup and the segments behind it into " +
         directory + ", or (losing what came later) move the damaged image away and start again";
}

// Shares of the whole that image and log take.
class progress_split {
 public:
  progress_split(io::file_system& fs, const std::string& directory, load_hooks& hooks)
      : hooks_(hooks) {
    const auto entries = fs.list(directory);
    const auto images = list_images(fs, directory);
    if (!entries || !images) return;
    const ssdfs::txid newest = images->empty() ? ssdfs::txid{} : images->front().txid;
    if (!images->empty()) image_ = images->front().bytes;
    for (const auto& entry : *entries) {
      const auto name = parse_segment_name(entry.name);
      if (name && (!name->last || *name->last > newest)) log_ += log_weight * entry.size;
    }
  }
  void image(double share) { tell(share * static_cast<double>(image_)); }
  void log(double share) { tell(static_cast<double>(image_) + share * static_cast<double>(log_)); }

 private:
  void tell(double done) {
    if (!hooks_.progress) return;
    hooks_.progress(
        std::min(1.0, done / static_cast<double>(std::max<std::uint64_t>(1, image_ + log_))));
  }
  load_hooks& hooks_;
  std::uint64_t image_ = 0;
  std::uint64_t log_ = 0;
};

failure with_reasons(const std::string& directory, const std::vector<image_refusal>& refused,
                     const std::string& what) {
  return {errc::damaged, refused.front().why.message() + "; " + what + advice(directory)};
}

// The log can be replayed from the image, or the beginning, that was chosen.
result<void> check_reach(io::file_system& fs, const std::string& directory,
                         const loaded_state& from) {
  const auto segments = list_segments(fs, directory);
  if (!segments) return segments.error();
  const ssdfs::txid wanted = from.position.last.next();
  const auto behind = std::find_if(segments->begin(), segments->end(), [&](const segment_name& s) {
    return !s.last || *s.last >= wanted;
  });
  const std::string base = from.path.empty() ? std::string("there is no older image")
                                             : "the one before, " + from.path + ", is good";
  if (behind == segments->end() || behind->first > wanted) {
    return with_reasons(directory, from.refused,
                        base + ", but the segments of the edits log do not reach from txid " +
                            number(wanted) + " on");
  }
  return {};
}

}  // namespace

result<restored> restore(io::file_system& fs, restore_options options) {
  progress_split progress(fs, options.directory, options.hooks);
  const auto stopped = [&] { return options.hooks.stop && options.hooks.stop(); };
  load_hooks loading;
  loading.progress = [&](double share) { progress.image(share); };
  loading.stop = stopped;
  auto from = load_newest(fs, options.directory, std::move(loading));
  if (!from) return from.error();
  if (!from->refused.empty()) SSDFS_TRY(check_reach(fs, options.directory, *from));

  recovery_options replay;
  replay.directory = options.directory;
  replay.start = from->position;
  replay.progress = [&](double share) { progress.log(share); };
  restored out;
  out.state = std::move(from->state);
  if (!from->refused.empty()) {
    // The log must give back what the damaged image held before anything in it is changed.
    const ssdfs::txid held = from->refused.front().image.txid;
    replay.accept = [&options, &from, held](ssdfs::txid end) -> result<void> {
      if (end >= held) return {};
      return with_reasons(
          options.directory, from->refused,
          "the edits log ends with txid " + number(end) + ", before what that image held");
    };
  }
  auto report =
      recover(fs, std::move(replay), [&](const meta::record& r, std::uint32_t crc) -> result<void> {
        if (stopped()) return errc::shutting_down;
        SSDFS_TRY(out.state->apply(r, crc));
        if (options.on_record) options.on_record(r, *out.state);
        return {};
      });
  if (!report) {
    if (stopped()) return errc::shutting_down;
    return report.error();
  }
  out.image = from->position.last;
  out.chain = from->position.chain;
  out.digest = from->digest;
  out.log = std::move(*report);
  out.refused = std::move(from->refused);
  return out;
}

result<void> replay_to(io::file_system& fs, const std::string& directory, ssdfs::txid upto,
                       meta::state& s, unique_function<bool()> stop) {
  const auto done = [&] { return s.last_txid() >= upto; };
  line_sink sink = [&](const log_line& line) -> result<void> {
    if (stop && stop()) return errc::shutting_down;
    if (done()) return {};
    return s.apply(*line.record, line.crc);
  };
  while (!done()) {
    const auto segments = list_segments(fs, directory);
    if (!segments) return segments.error();
    const ssdfs::txid wanted = s.last_txid().next();
    const auto at = std::find_if(segments->begin(), segments->end(), [&](const segment_name& n) {
      return n.first <= wanted && (!n.last || *n.last >= wanted);
    });
    if (at == segments->end()) {
      return failure(errc::not_found, directory + ": no segment holds txid " + number(wanted));
    }
    auto mapped = fs.map(directory + "/" + at->file);
    if (!mapped) {
      // It may have got its final name since it was listed.
      if (mapped.error() == errc::not_found && !at->last) continue;
      return mapped.error();
    }
    const log_position start{s.last_txid(), s.chain()};
    scan_state state;
    state.chain_known = at->first == start.last.next();
    state.at = {ssdfs::txid(at->first.value - 1), start.chain};
    SSDFS_TRY(scan_segment(*at, as_chars((*mapped)->bytes()), start, false, state, sink));
    if (s.last_txid() == start.last) {
      return failure(errc::not_found, directory + "/" + at->file + ": ends before txid " +
                                          number(upto) +
                                          (state.bad ? ": " + describe(*state.bad) : ""));
    }
  }
  return {};
}

}  // namespace ssdfs::journal
