#include "journal/log_scan.hpp"

#include "meta/record_codec.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace ssdfs::journal {
namespace {

bool only_zeros(std::string_view text) { return text.find_first_not_of('\0') == text.npos; }

// Notes why the line at state.offset cannot be used.
// `complete` says that its CRC is right all the same, which no crash leaves behind.
void note(const segment_name& segment, std::string_view text, bool later, std::string what,
          scan_state& state, bool complete = false) {
  log_damage bad;
  bad.segment = segment.file;
  bad.offset = state.offset;
  bad.txid = state.at.last.next();
  bad.what = std::move(what);
  if (segment.last) {
    bad.proof = bad.txid <= *segment.last ? "the segment's name says that it was durable"
                                          : "the segment's name says that it ends before";
  } else if (complete) {
    bad.proof = "its CRC is right, so it was written like this";
  } else if (later) {
    bad.proof = "a later segment says that it was durable";
  } else {
    const std::string_view rest = text.substr(static_cast<std::size_t>(state.offset));
    const ssdfs::txid proof = find_proof(rest, bad.txid, state.at.chain);
    if (proof.value != 0) {
      bad.proof = "txid " + std::to_string(proof.value) + " says that it was durable";
    }
  }
  state.bad = std::move(bad);
}

// Checks one line and hands it out; a failure is the line's, not the sink's.
class line_checker {
 public:
  result<void> check(std::string_view line, scan_state& state) {
    std::uint32_t crc = 0;
    if (state.chain_known) {
      auto parsed = parser_.parse(line, state.at.chain, record_);
      if (!parsed) return parsed.error();
      crc = *parsed;
    } else {
      // The first line of a log whose beginning was dropped: its seed is not known.
      if (!meta::stated_crc(line)) return failure(errc::checksum, "no CRC at its end");
      SSDFS_TRY(parser_.parse_unchecked(line, record_));
      crc = *meta::stated_crc(line);
    }
    if (record_.txid != state.at.last.next()) {
      return failure(errc::damaged, "txid " + std::to_string(record_.txid.value) + " is here");
    }
    state.at = {record_.txid, crc};
    state.chain_known = true;
    return {};
  }
  [[nodiscard]] const meta::record& record() const noexcept { return record_; }

 private:
  meta::line_parser parser_;
  meta::record record_;
};

}  // namespace

ssdfs::txid find_proof(std::string_view text, ssdfs::txid bad, std::uint32_t chain) {
  meta::line_parser parser;
  meta::record record;
  // Seeds that the line before this piece offers: the CRC that it states, and, for the bad line,
  // the one that it should state (its CRC field may be what is damaged).
  std::vector<std::uint32_t> seeds;
  std::size_t begin = 0;
  while (begin < text.size()) {
    // Where a newline is damaged, the begin of the next line still separates them.
    const std::size_t next = std::min(text.find(meta::line_begin, begin + 1), text.size());
    std::string_view line = text.substr(begin, next - begin);
    if (const std::size_t newline = line.find('\n'); newline != line.npos) {
      line = line.substr(0, newline);
    } else if (next < text.size()) {
      line.remove_suffix(1);
    }
    for (const std::uint32_t seed : seeds) {
      if (begin == 0 || !parser.parse(line, seed, record) || record.txid <= bad) continue;
      if (record.durable >= bad) return record.txid;
    }
    seeds.clear();
    if (const auto stated = meta::stated_crc(line)) seeds.push_back(*stated);
    if (begin == 0 && line.size() > meta::crc_field_size) {
      seeds.push_back(meta::computed_crc(line, chain));
    }
    begin = next;
  }
  return {};
}

result<void> scan_segment(const segment_name& segment, std::string_view text, log_position start,
                          bool later, scan_state& state, line_sink& sink) {
  line_checker checker;
  state.offset = state.batch = 0;
  state.zeros = false;
  while (state.offset < text.size()) {
    const std::string_view rest = text.substr(static_cast<std::size_t>(state.offset));
    if (rest.front() == '\0' && only_zeros(rest)) {
      state.zeros = true;
      break;
    }
    const std::size_t length = rest.substr(0, meta::max_line_bytes).find('\n');
    if (length == rest.npos) {
      note(segment, text, later, "the line has no end", state);
      return {};
    }
    const std::string_view line = rest.substr(0, length);
    if (auto good = checker.check(line, state); !good) {
      note(segment, text, later, good.error().message(), state, !(good.error() == errc::checksum));
      return {};
    }
    if (checker.record().durable.value != 0) state.batch = state.offset;
    if (state.at.last == start.last && state.at.chain != start.chain) {
      return failure(errc::damaged, segment.file + ": offset " + std::to_string(state.offset) +
                                        ": txid " + std::to_string(start.last.value) +
                                        ": another record than the one that the image knows");
    }
    if (state.at.last > start.last) {
      SSDFS_TRY(sink({segment.file, state.offset, line, state.at.chain, &checker.record()}));
      ++state.records;
    }
    state.offset += length + 1;
  }
  if (segment.last ? state.at.last != *segment.last : later) {
    note(segment, text, later, "the segment ends here", state);
  } else if (segment.last && state.zeros) {
    note(segment, text, later, "zeros behind the last record", state);
  }
  return {};
}

}  // namespace ssdfs::journal
