#include "http/change_fields.hpp"

#include "http/content_type.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ssdfs::http {
namespace {

enum class rule : std::uint8_t {
  condition,  // unless the door looks at it
  dav,        // WebDAV's conditions
  verb,       // another method than the request's
  early,      // may be a repeated request
  copy,       // a copy by other stores' protocols
  foreign,    // other words of theirs
  resumable,  // uploads that go on in another request
  coding,     // of the body, as the rest
  range,
  disposition,
  size,
  trailer,
  crc,
  content_md5,
  digest,
  old_digest,
};

struct field_rule {
  std::string_view name;
  rule what;
};

constexpr std::array field_rules = {
    field_rule{"If-Match", rule::condition},
    field_rule{"If-None-Match", rule::condition},
    field_rule{"If-Unmodified-Since", rule::condition},
    field_rule{"If", rule::dav},
    field_rule{"X-HTTP-Method-Override", rule::verb},
    field_rule{"X-HTTP-Method", rule::verb},
    field_rule{"X-Method-Override", rule::verb},
    field_rule{"Early-Data", rule::early},
    field_rule{"Upload-Complete", rule::resumable},
    field_rule{"Upload-Incomplete", rule::resumable},
    field_rule{"Upload-Offset", rule::resumable},
    field_rule{"X-Copy-From", rule::copy},
    field_rule{"X-Cos-Copy-Source", rule::copy},
    field_rule{"X-Goog-Copy-Source", rule::copy},
    field_rule{"X-Ms-Copy-Source", rule::copy},
    field_rule{"X-Obs-Copy-Source", rule::copy},
    field_rule{"X-Oss-Copy-Source", rule::copy},
    field_rule{"X-Cos-Forbid-Overwrite", rule::foreign},
    field_rule{"X-Delete-At", rule::foreign},
    field_rule{"X-Delete-After", rule::foreign},
    field_rule{"X-Goog-If-Generation-Match", rule::foreign},
    field_rule{"X-Object-Manifest", rule::foreign},
    field_rule{"X-Oss-Forbid-Overwrite", rule::foreign},
    field_rule{"Content-Encoding", rule::coding},
    field_rule{"Content-Range", rule::range},
    field_rule{"Content-Disposition", rule::disposition},
    field_rule{"X-Expected-Entity-Length", rule::size},
    field_rule{"Trailer", rule::trailer},
    field_rule{"X-Ssdfs-Crc32c", rule::crc},
    field_rule{"Content-MD5", rule::content_md5},
    field_rule{"Content-Digest", rule::digest},
    field_rule{"Repr-Digest", rule::digest},
    field_rule{"Digest", rule::old_digest},
};

// A content delivery network puts X-Amz-Cf-Id into what it passes on.
constexpr std::string_view amazon_prefix = "X-Amz-";
constexpr std::string_view amazon_network_prefix = "X-Amz-Cf-";
constexpr std::string_view own_prefix = "X-Ssdfs-";

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequal(text.substr(0, prefix.size()), prefix);
}

const field_rule* find_field_rule(std::string_view name) {
  const auto* const at = std::find_if(field_rules.begin(), field_rules.end(),
                                      [&](const field_rule& r) { return iequal(r.name, name); });
  return at == field_rules.end() ? nullptr : at;
}

bool is_of_body(rule r) { return r >= rule::coding; }

refused_field unsupported(std::string_view name, std::string_view why) {
  return {501, "unsupported", std::string(name) + ": " + std::string(why)};
}

refused_field invalid(std::string why) { return {400, "invalid_argument", std::move(why)}; }

std::optional<refused_field> as_refusal(const result<void>& done) {
  if (done) return {};
  return invalid(done.error().message());
}

// Trailers are dropped, which nobody minds but who sends a digest there.
std::optional<refused_field> check_trailer(std::string_view value) {
  for (const field_rule& r : field_rules) {
    if (r.what >= rule::crc && has_token(value, r.name)) {
      return unsupported("Trailer", std::string(r.name) + " is not looked at behind a body");
    }
  }
  return {};
}

// Of a body whose own length nobody knows at its beginning.
std::optional<refused_field> read_size(std::string_view value, upload_fields& to) {
  const auto size = parse_number(value);
  if (!size || (to.size && *to.size != *size)) {
    return invalid("X-Expected-Entity-Length is not one number");
  }
  to.size = size;
  return {};
}

// Whole uploads only: these are the values of one.
bool is_whole_upload(std::string_view name, std::string_view value) {
  if (iequal(name, "Upload-Complete")) return value == "?1";
  return value == (iequal(name, "Upload-Offset") ? "0" : "?0");
}

std::optional<refused_field> read_crc(std::string_view value, expected_digests& to) {
  std::uint32_t crc = 0;
  const auto [at, ec] = std::from_chars(value.data(), value.data() + value.size(), crc, 16);
  if (value.size() != 8 || ec != std::errc() || at != value.data() + value.size()) {
    return invalid("X-Ssdfs-Crc32c needs 8 hex digits");
  }
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>((crc >> shift) & 0xff);
  to.push_back({digest_algorithm::crc32c, std::move(bytes), "X-Ssdfs-Crc32c"});
  return {};
}

bool is_identity(std::string_view codings) {
  while (!codings.empty()) {
    const auto comma = codings.find(',');
    const std::string_view one = codings.substr(0, comma);
    if (one.find_first_not_of(" \t") != std::string_view::npos && !has_token(one, "identity")) {
      return false;
    }
    codings.remove_prefix(comma == std::string_view::npos ? codings.size() : comma + 1);
  }
  return true;
}

std::optional<refused_field> read_body_field(rule what, const request_head::line& line,
                                             upload_fields& to) {
  switch (what) {
    case rule::coding:
      if (is_identity(line.value)) return {};
      return refused_field{415, "media_type",
                           "Content-Encoding: a body is stored as it is, without a coding",
                           "Accept-Encoding: identity\r\n"};
    case rule::range: return invalid("Content-Range: a PUT replaces the whole file");
    case rule::disposition:
      if (iequal(line.value, "inline")) return {};
      return unsupported(line.name, "is not kept with a file");
    case rule::trailer: return check_trailer(line.value);
    case rule::size: return read_size(line.value, to);
    case rule::crc: return read_crc(line.value, to.digests);
    case rule::content_md5: return as_refusal(read_content_md5(line.value, to.digests));
    case rule::digest:
    case rule::old_digest:
      return as_refusal(read_digests(line.name, line.value, what == rule::old_digest, to.digests));
    default: return {};
  }
}

std::optional<refused_field> read_type(const request_head& head, upload_fields& to) {
  using kind = uploaded_type::kind;
  uploaded_type type = uploaded_type_of(head.get(field::content_type));
  if (type.what == kind::malformed) {
    return invalid("Content-Type is not TYPE/SUBTYPE, or too long");
  }
  if (type.what == kind::multipart) {
    return refused_field{415, "media_type",
                         "Content-Type: a form or another body of several parts is not the file: "
                         "send the file's bytes"};
  }
  to.content_type = std::move(type.text);
  return {};
}

}  // namespace

std::optional<refused_field> read_upload_fields(const request_head& head, upload_fields& to) {
  if (!head.chunked && !head.content_length) {
    return refused_field{411, "length_required",
                         "neither Content-Length nor chunks: it is not known where the body ends"};
  }
  if (auto refused = read_type(head, to)) return refused;
  for (const request_head::line& line : head.lines) {
    const field_rule* const r = find_field_rule(line.name);
    if (r == nullptr || !is_of_body(r->what)) continue;
    if (auto refused = read_body_field(r->what, line, to)) return refused;
  }
  return {};
}

std::optional<refused_field> check_change_fields(const request_head& head, bool conditions) {
  for (const request_head::line& line : head.lines) {
    const field_rule* const r = find_field_rule(line.name);
    if (r == nullptr) {
      if (istarts_with(line.name, own_prefix)) {
        return invalid(std::string(line.name) + ": there is no such field");
      }
      if (istarts_with(line.name, amazon_prefix) &&
          !istarts_with(line.name, amazon_network_prefix)) {
        return unsupported(line.name, "S3 is not spoken here");
      }
      continue;
    }
    switch (r->what) {
      case rule::condition:
        if (conditions) break;
        return unsupported(line.name, "conditions are not looked at here");
      case rule::dav:
        return refused_field{412, "precondition", "If: conditions of WebDAV are not known here"};
      case rule::verb:
        if (iequal(line.value, head.method_name)) break;
        return invalid(std::string(line.name) + ": is not the request's method");
      case rule::early:
        if (line.value != "1") break;
        return refused_field{425, "too_early", "Early-Data: a change may not come twice"};
      case rule::copy: return unsupported(line.name, "nothing is copied by PUT");
      case rule::resumable:
        if (is_whole_upload(line.name, line.value)) break;
        return unsupported(line.name, "a file comes in one request");
      case rule::foreign: return unsupported(line.name, "is a word of another store");
      default: break;
    }
  }
  return {};
}

std::span<const std::string_view> change_field_names() noexcept {
  static const auto names = [] {
    std::array<std::string_view, field_rules.size() + 2> out;
    std::transform(field_rules.begin(), field_rules.end(), out.begin(),
                   [](const field_rule& r) { return r.name; });
    out[field_rules.size()] = "X-Amz-*";
    out[field_rules.size() + 1] = "X-Ssdfs-*";
    return out;
  }();
  return names;
}

}  // namespace ssdfs::http
