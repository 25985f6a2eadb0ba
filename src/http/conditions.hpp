// Conditional and range requests as RFC 9110 has them (sections 13 and 14). Pure but for
// the clock, which says which dates have come.
#pragma once

#include "http/exchange.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// What a request's conditions are compared with.
struct validators {
  bool exists = true;
  std::string_view etag;     ///< strong, with its quotes
  std::int64_t mtime_s = 0;  ///< of the last change, also where that is in the future
};

enum class verdict : std::uint8_t {
  proceed,
  not_modified,  ///< 304 for GET and HEAD
  failed,        ///< 412
  malformed,     ///< 400, but never for GET and HEAD
};

/// In the standard's order: If-Match or If-Unmodified-Since, then If-None-Match or (for GET and
/// HEAD) If-Modified-Since. Dates that cannot be read are ignored; lists of tags that cannot be
/// read name none, but where something is written an If-None-Match may have been there to prevent
/// it.
[[nodiscard]] verdict check_conditions(const request_head& head, const validators& now);

/// True if the list of a condition ("*", "a", W/"b") names the tag. A weak tag matches only where
/// `weak` comparison is asked for. "*" matches what exists.
[[nodiscard]] bool etag_matches(std::string_view list, const validators& now, bool weak);

struct byte_range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct range_request {
  enum class kind : std::uint8_t { whole, part, unsatisfiable } what = kind::whole;
  byte_range part{};
};

/// What to send of `size` bytes. Ranges that are malformed, in another unit or several are ignored,
/// as the standard allows, and so are a range whose If-Range does not hold and one from the start
/// of an empty file: 206 has no way to say "nothing", and proxies that fetch files in slices ask so
/// for every file.
[[nodiscard]] range_request wanted_range(const request_head& head, std::uint64_t size,
                                         const validators& now);

/// "Content-Range: bytes 0-9/10\r\n"; without a range "Content-Range: bytes */10\r\n".
[[nodiscard]] std::string content_range(const std::optional<byte_range>& part, std::uint64_t size);

}  // namespace ssdfs::http
