// Paths and queries of URLs. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

/// With %XX replaced; nothing if a '%' is not followed by two hexadecimal digits. '+' stays.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// Everything but unreserved characters and '/' as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// The path of the store behind `prefix` in a URL's path: decoded, without slashes at the end.
/// "/fs" and "/fs/" are "/". Nothing if the text is not percent-encoded UTF-8 or holds NUL.
[[nodiscard]] std::optional<std::string> store_path(std::string_view url_path,
                                                    std::string_view prefix);
/// True if a URL's path ends in a slash, encoded or not: it is that of a directory, never a file's.
[[nodiscard]] bool names_directory(std::string_view url_path) noexcept;

/// The query of a request's target: what stands between '?' and a '#', if there is one.
[[nodiscard]] std::string_view query_of(std::string_view target) noexcept;

/// The decoded value of the first parameter whose decoded name is `name` (in any case if
/// `any_case`); '+' is a blank, a parameter without '=' has the value "". Nothing if it is not
/// there, not encoded properly, or holds NUL.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name,
                                                     bool any_case = false);

struct query_parameter {
  std::string name;
  std::string value;  ///< "" also without a '='
};
/// All parameters in their order, decoded as by query_value. Nothing if one of them is not encoded
/// properly or holds NUL.
[[nodiscard]] std::optional<std::vector<query_parameter>> parse_query(std::string_view query);

/// Bytes of the UTF-8 sequence that `text` begins with; 0 if there is none (RFC 3629).
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;
/// With a '?' for every byte that is not UTF-8: for JSON.
[[nodiscard]] std::string printable_utf8(std::string_view text);

/// A decimal number with nothing else around it.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ssdfs::http
