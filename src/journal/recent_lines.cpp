#include "journal/recent_lines.hpp"

#include <algorithm>

namespace ssdfs::journal {

void recent_lines::add(std::string_view lines, ssdfs::txid first, ssdfs::txid last) {
  if (lines.empty()) return;
  const std::lock_guard lock(mutex_);
  // Small batches share a block, so that an idle log does not hold a block a record.
  const std::size_t block_bytes = std::min(std::size_t{256} << 10, max_bytes_ / 8);
  if (!batches_.empty() && batches_.back().text.size() + lines.size() <= block_bytes) {
    batches_.back().text.append(lines);
    batches_.back().last = last;
  } else {
    batches_.push_back({first, last, std::string(lines)});
  }
  bytes_ += lines.size();
  while (bytes_ > max_bytes_ && batches_.size() > 1) {
    bytes_ -= batches_.front().text.size();
    batches_.pop_front();
  }
}

ssdfs::txid recent_lines::read(ssdfs::txid from, std::size_t max_bytes, std::string& out) const {
  const std::lock_guard lock(mutex_);
  auto at = std::find_if(batches_.begin(), batches_.end(),
                         [&](const batch& b) { return b.first <= from && from <= b.last; });
  if (at == batches_.end()) return {};
  ssdfs::txid last{from.value - 1};
  std::size_t offset = 0;
  for (ssdfs::txid id = at->first; id < from; id = id.next()) {
    offset = at->text.find('\n', offset) + 1;
  }
  std::size_t taken = 0;
  for (; at != batches_.end(); ++at, offset = 0) {
    while (offset < at->text.size()) {
      const std::size_t end = at->text.find('\n', offset) + 1;
      if (taken != 0 && taken + (end - offset) > max_bytes) return last;
      out.append(at->text, offset, end - offset);
      taken += end - offset;
      offset = end;
      last = last.next();
    }
  }
  return last;
}

}  // namespace ssdfs::journal
