// Dates as HTTP writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// "Sun, 06 Nov 1994 08:49:37 GMT" of seconds since 1970. Years 0 to 9999.
[[nodiscard]] std::string http_date(std::int64_t seconds);
/// Seconds since 1970 of a date in any of the three forms that a recipient must take (the usual
/// one, RFC 850's, asctime's); nothing for other texts.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text);
/// The time now, as text that is valid until this thread's next call.
[[nodiscard]] std::string_view http_date_now();

}  // namespace ssdfs::http
