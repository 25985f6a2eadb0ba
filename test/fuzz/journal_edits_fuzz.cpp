// Bytes as a segment of the edits log: as it is (recovery must tell what is wrong), and line by
// line with fresh CRCs and txids (parsing and applying whatever the fields say must do no harm).
#include "journal/log_scan.hpp"
#include "meta/record_codec.hpp"
#include "meta/state.hpp"

#include <cstdint>
#include <cstdlib>
#include <memory>

namespace {

using namespace ssdfs;

void scan(std::string_view text) {
  journal::scan_state at;
  at.chain_known = true;
  journal::line_sink sink = [](const journal::log_line& line) -> result<void> {
    if (line.record == nullptr) std::abort();
    return {};
  };
  const journal::segment_name open{"fuzz", txid(1), std::nullopt};
  if (!journal::scan_segment(open, text, {}, false, at, sink)) std::abort();
  if (at.offset > text.size() || at.batch > at.offset) std::abort();
}

void apply_lines(std::string_view text) {
  auto state = std::make_unique<meta::state>();
  meta::line_parser parser;
  meta::line_parser second;
  meta::text_buffer line;
  meta::record r;
  meta::record again;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view input = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!parser.parse_unchecked(input, r)) continue;
    r.txid = state->last_txid().next();
    // What was read is written, and reads back as what was written.
    line.clear();
    const std::uint32_t crc = meta::encode_line(r, state->chain(), line);
    std::string_view encoded = line.view();
    encoded.remove_suffix(1);
    if (!second.parse(encoded, state->chain(), again)) std::abort();
    meta::text_buffer twice;
    meta::encode_line(again, state->chain(), twice);
    if (twice.view() != line.view()) std::abort();
    // A record that does not fit may leave half of its change behind; the state ends there.
    if (!state->apply(r, crc)) break;
  }
  if (!state->names().verify()) std::abort();
  while (state->reclaim_step(100)) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  scan(text);
  apply_lines(text);
  return 0;
}
