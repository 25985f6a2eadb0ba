// Requests as they come over the wire, in pieces whose lengths the first byte decides; then what
// the gateway does with them: URL, conditions, ranges, signature. However the bytes are cut, the
// outcome is the same.
#include "base/assert.hpp"
#include "http/conditions.hpp"
#include "http/request_parser.hpp"
#include "http/signed_url.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

using namespace ssdfs::http;

namespace {

struct outcome {
  bool refused = false;
  bool done = false;
  std::string path;
  std::string body;
  bool operator==(const outcome&) const = default;
};

void use(const request_head& head) {
  const validators now{true, "\"00000000-64-0\"", 1'000'000'000};
  const auto r = wanted_range(head, 100, now);
  if (r.what == range_request::kind::part) {
    SSDFS_ASSERT(r.part.length > 0 && r.part.offset + r.part.length <= 100);
  }
  (void)check_conditions(head, now);
  const auto path = store_path(head.path, "/fs");
  if (path) {
    SSDFS_ASSERT(path->front() == '/' && path->find('\0') == std::string::npos);
    SSDFS_ASSERT(percent_decode(percent_encode(*path)) == *path);
    (void)check_signature("0123456789abcdef", *path, head.query, 1);
  }
  (void)query_value(head.query, "op", true);
}

outcome read_request(std::string_view input, std::size_t piece) {
  request_parser parser;
  outcome out;
  std::string pending;
  while (!parser.done()) {
    const auto taken = parser.put(pending);
    if (!taken) {
      SSDFS_ASSERT(parser.refused().status >= 400 && parser.refused().status < 600);
      out.refused = true;
      return out;
    }
    SSDFS_ASSERT(*taken <= pending.size());
    pending.erase(0, *taken);
    out.body += parser.body();
    parser.body().clear();
    if (*taken > 0) continue;
    if (input.empty()) break;
    const std::size_t n = std::min(piece, input.size());
    pending += input.substr(0, n);
    input.remove_prefix(n);
  }
  out.done = parser.done();
  if (parser.head_done()) {
    out.path = parser.head().path;
    use(parser.head());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const outcome cut = read_request(input, std::size_t{data[0]} + 1);
  const outcome whole = read_request(input, std::max<std::size_t>(1, input.size()));
  // A refusal may come before or behind the end of a body that is still read.
  // Of a body that is cut off, some bytes may be held back.
  if (cut.refused || whole.refused) return 0;
  SSDFS_ASSERT(cut.done == whole.done && cut.path == whole.path);
  if (cut.done) SSDFS_ASSERT(cut == whole);
  return 0;
}
