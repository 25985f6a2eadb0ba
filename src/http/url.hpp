// Paths and queries of URLs. Pure.
#pragma once

#include <cstddef>
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
/// percent-encoded UTF-8 or holds NUL.
[[nodiscard]] std::optional<std::string> store_path(std::string_view url_path,
                                                    std::string_view prefix, bool* slash = nullptr);

/// The query of a request's target: what stands between '?' and a '#', if there is one.
[[nodiscard]] std::string_view query_of(std::string_view target) noexcept;

/// The decoded value of the first parameter whose decoded name is `name` (in any case if
/// `any_case`); '+' is a blank, a parameter without '=' has the value "". Nothing if it is not
/// there, not encoded properly, or holds NUL.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name,
                                                     bool any_case = false);

/// Bytes of the UTF-8 sequence that `text` begins with; 0 if there is none (RFC 3629).
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;
/// With a '?' for every byte that is not UTF-8: for JSON.
[[nodiscard]] std::string printable_utf8(std::string_view text);

/// A decimal number with nothing else around it.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ssdfs::http
