#include "http/conditions.hpp"

#include "http/date.hpp"
#include "http/url.hpp"
#include "io/clock.hpp"

#include <algorithm>

namespace ssdfs::http {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

struct parsed_range {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> last;
};

// One "first-last", "first-" or "-suffix"; nothing for anything else.
std::optional<parsed_range> parse_range(std::string_view value) {
  const auto equals = value.find('=');
  if (equals == std::string_view::npos || !iequal(trim(value.substr(0, equals)), "bytes"))
    return {};
  const std::string_view spec = trim(value.substr(equals + 1));
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return {};
  const std::string_view first = trim(spec.substr(0, dash));
  const std::string_view last = trim(spec.substr(dash + 1));
  parsed_range out;
  const auto number = [](std::string_view text, std::optional<std::uint64_t>& to) {
    if (text.empty()) return true;
    if (text.find_first_not_of("0123456789") != std::string_view::npos) return false;
    // Beyond 64 bits is beyond every file.
    to = parse_number(text).value_or(UINT64_MAX);
    return true;
  };
  if (!number(first, out.first) || !number(last, out.last)) return {};
  if (!out.first && !out.last) return {};
  if (out.first && out.last && *out.last < *out.first) return {};
  return out;
}

bool if_range_holds(const request_head& head, const validators& now) {
  const std::string_view value = trim(head.get(field::if_range));
  if (value.empty()) return true;
  if (value.front() == '"') return value == now.etag;
  if (value.starts_with("W/")) return false;
  // A date is a weak validator unless it is well in the past of the answer; equal is what counts.
  const auto date = parse_http_date(value);
  const auto today = parse_http_date(http_date_now());
  return date && *date == now.mtime_s && today && *today > *date + 1;
}

// "*" alone, or tags.
bool is_tag_list(std::string_view list) {
  if (trim(list) == "*") return true;
  for (list = trim(list); !list.empty(); list = trim(list)) {
    if (list.starts_with(',')) {
      list.remove_prefix(1);
      continue;
    }
    if (list.starts_with("W/")) list.remove_prefix(2);
    const auto end = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) return false;
    list = trim(list.substr(end + 1));
    if (!list.empty() && !list.starts_with(',')) return false;
  }
  return true;
}

}  // namespace

bool etag_matches(std::string_view list, const validators& now, bool weak) {
  if (trim(list) == "*") return now.exists;
  if (!now.exists) return false;
  while (!list.empty()) {
    list = trim(list);
    if (list.starts_with(',')) {
      list.remove_prefix(1);
      continue;
    }
    const bool is_weak = list.starts_with("W/");
    if (is_weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;  // not a list of tags
    const auto end = list.find('"', 1);
    if (end == std::string_view::npos) return false;
    if ((weak || !is_weak) && list.substr(0, end + 1) == now.etag) return true;
    list.remove_prefix(end + 1);
  }
  return false;
}

verdict check_conditions(const request_head& head, const validators& now) {
  const bool reads = head.verb == method::get || head.verb == method::head;
  if (const auto list = head.get(field::if_match); !list.empty()) {
    if (!etag_matches(list, now, false)) return verdict::failed;
  } else if (const auto date = parse_http_date(trim(head.get(field::if_unmodified_since)))) {
    if (now.exists && now.mtime_s > *date) return verdict::failed;
  }
  if (const auto list = head.get(field::if_none_match); !list.empty()) {
    if (!reads && !is_tag_list(list)) return verdict::malformed;
    if (etag_matches(list, now, true)) return reads ? verdict::not_modified : verdict::failed;
  } else if (reads && now.exists) {
    const auto date = parse_http_date(trim(head.get(field::if_modified_since)));
    // A date that has not come yet is none: no copy was made then.
    const bool has_come = date && *date <= io::wall_ms() / 1000;
    if (has_come && now.mtime_s <= *date) return verdict::not_modified;
  }
  return verdict::proceed;
}

range_request wanted_range(const request_head& head, std::uint64_t size, const validators& now) {
  using kind = range_request::kind;
  const std::string_view value = head.get(field::range);
  if (value.empty() || head.verb != method::get) return {};
  const auto range = parse_range(value);
  if (!range || !if_range_holds(head, now)) return {};
  if (!range->first) {  // the last so many
    if (*range->last == 0) return {kind::unsatisfiable, {}};
    const std::uint64_t length = std::min(*range->last, size);
    if (length == 0) return {};
    return {kind::part, {size - length, length}};
  }
  if (*range->first == 0 && size == 0) return {};
  if (*range->first >= size) return {kind::unsatisfiable, {}};
  const std::uint64_t last = std::min(range->last.value_or(size - 1), size - 1);
  return {kind::part, {*range->first, last - *range->first + 1}};
}

std::string content_range(const std::optional<byte_range>& part, std::uint64_t size) {
  std::string out = "Content-Range: bytes ";
  if (part) {
    out += std::to_string(part->offset) + "-" + std::to_string(part->offset + part->length - 1);
  } else {
    out += "*";
  }
  return out + "/" + std::to_string(size) + "\r\n";
}

}  // namespace ssdfs::http
