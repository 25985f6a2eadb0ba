// Requests as they come over the wire, in pieces whose lengths the first byte decides; then what
// the gateway does with them: URL, conditions, ranges, signature, the fields of an upload, origins,
// parameters. However the bytes are cut, the
// outcome is the same.
#include "base/assert.hpp"
#include "http/change_fields.hpp"
#include "http/conditions.hpp"
#include "http/content_type.hpp"
#include "http/cors.hpp"
#include "http/request_parser.hpp"
#include "http/signed_url.hpp"
#include "http/url.hpp"
#include "http/webhdfs_parameters.hpp"

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

// What is stored or repeated must not break out of its line, and is read again as it was.
void use_fields(const request_head& head) {
  const auto is_one_line = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
  };
  upload_fields fields;
  if (const auto refused = read_upload_fields(head, fields)) {
    SSDFS_ASSERT(refused->status >= 400 && !refused->why.empty());
  } else if (!fields.content_type.empty()) {
    SSDFS_ASSERT(fields.content_type.size() <= longest_media_type);
    SSDFS_ASSERT(is_one_line(fields.content_type));
    SSDFS_ASSERT(uploaded_type_of(fields.content_type).text == fields.content_type);
  }
  body_digest digest(fields.digests);
  digest.update(ssdfs::as_bytes(head.path));
  (void)digest.check();
  (void)check_change_fields(head, false);
  static const cors_policy policy = cors_policy::parse({"https://shop.example"}).value();
  const std::string lines =
      policy.fields(head.get(field::origin)) + policy.preflight_fields(head, "GET, HEAD");
  SSDFS_ASSERT(lines.find("\r\n\r\n") == std::string::npos);
}

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
  const auto op = query_value(head.query, "op", true);
  if (const auto parameters = parse_query(head.query)) {
    (void)check_webhdfs_parameters(*parameters, op.value_or("CREATE"), true);
  }
  use_fields(head);
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
