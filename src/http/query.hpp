// The query of a request's target.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// Percent-decodes `text`; with `plus`, "+" is a space, as in queries. No value if an escape is
/// malformed or decodes to NUL.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus = false);

/// The decoded value of the first parameter `name` of "path?name=value&..."; no value if it is not
/// there or malformed. A parameter without "=" has the value "".
[[nodiscard]] std::optional<std::string> query_value(std::string_view target,
                                                     std::string_view name);

}  // namespace ssdfs::http
