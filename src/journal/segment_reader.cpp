#include "journal/segment_reader.hpp"

#include "meta/record_codec.hpp"

#include <algorithm>

namespace ssdfs::journal {

result<log_lines> segment_reader::read(ssdfs::txid from, ssdfs::txid durable,
                                       std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  if (from > durable) return log_lines{};
  // A segment may get its final name between being listed and being opened.
  for (int attempt = 0;; ++attempt) {
    auto segments = list_segments(fs_, directory_);
    if (!segments) return segments.error();
    const auto at = std::find_if(segments->begin(), segments->end(), [&](const segment_name& s) {
      return s.first <= from && (!s.last || from <= *s.last);
    });
    if (at == segments->end()) {
      return failure(errc::not_found, "no segment holds txid " + std::to_string(from.value));
    }
    auto lines = read_segment(*at, from, durable, max_bytes);
    if (lines || !(lines.error() == errc::not_found) || attempt == 2) return lines;
  }
}

result<log_lines> segment_reader::read_segment(const segment_name& segment, ssdfs::txid from,
                                               ssdfs::txid durable, std::size_t max_bytes) {
  auto mapped = fs_.map(directory_ + "/" + segment.file);
  if (!mapped) return mapped.error();
  const std::string_view text = as_chars((*mapped)->bytes());
  const auto damaged = [&](ssdfs::txid id, std::size_t offset) {
    return failure(errc::damaged, segment.file + ": offset " + std::to_string(offset) +
                                      ": no record with txid " + std::to_string(id.value));
  };

  ssdfs::txid id = segment.first;
  std::size_t offset = 0;
  const auto known = std::find_if(places_.begin(), places_.end(), [&](const place& p) {
    return p.next == from && p.first == segment.first && p.offset <= text.size();
  });
  if (known != places_.end()) {
    id = from;
    offset = static_cast<std::size_t>(known->offset);
  }
  for (; id < from; id = id.next()) {
    const std::size_t end = text.find('\n', offset);
    if (end == text.npos || meta::leading_txid(text.substr(offset)) != id) {
      return damaged(id, offset);
    }
    offset = end + 1;
  }

  log_lines out;
  const ssdfs::txid limit = segment.last ? std::min(*segment.last, durable) : durable;
  for (; id <= limit; id = id.next()) {
    const std::size_t end = text.find('\n', offset);
    if (end == text.npos || meta::leading_txid(text.substr(offset)) != id) {
      return damaged(id, offset);
    }
    if (!out.text.empty() && out.text.size() + (end + 1 - offset) > max_bytes) break;
    out.text.append(text, offset, end + 1 - offset);
    out.last = id;
    offset = end + 1;
  }
  if (out.text.empty()) return failure(errc::not_found, "no such record");
  out.first = from;
  place& remembered = known != places_.end() ? *known : places_[oldest_++ % places_.size()];
  remembered = {id, segment.first, offset};
  return out;
}

}  // namespace ssdfs::journal
