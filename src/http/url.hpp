// Paths and queries of URLs. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// With %XX replaced; nothing if a '%' is not followed by two hexadecimal digits. '+' stays.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// Everything but unreserved characters and '/' as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// The path of the store behind `prefix` in a URL's path: decoded, without slashes at the end,
/// which `slash` (if not null) tells of. "/fs" and "/fs/" are "/". Nothing if the text is not
/// percent-encoded properly or holds NUL.
[[nodiscard]] std::optional<std::string> store_path(std::string_view url_path,
                                                    std::string_view prefix, bool* slash = nullptr);

/// The decoded value of the first parameter `name` (in any case if `any_case`); '+' is a blank.
/// Nothing if it is not there, or not encoded properly.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name,
                                                     bool any_case = false);

/// A decimal number with nothing else around it.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ssdfs::http
