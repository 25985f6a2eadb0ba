// Parameters of WebHDFS: every one that Hadoop's document and HttpFS know, where it means something
// here, and what is refused. docs/http.md has the table. Pure.
#pragma once

#include "http/url.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

struct webhdfs_parameter {
  enum class form : std::uint8_t {
    text,
    boolean,       ///< true, false
    number,        ///< 0 or more
    positive,      ///< 1 or more
    copies,        ///< 1 to 3
    milliseconds,  ///< of 1970; -1: unchanged
    octal,         ///< 0 to 1777
    action,        ///< of r, w and x in this order each or '-'
    renaming,      ///< NONE or OVERWRITE
  };
  std::string_view name;        ///< lower case
  std::string_view operations;  ///< upper case, separated by blanks, that act upon it; "*": all
  form what;
  std::string_view fallback;  ///< the default, which may be said everywhere, as may nothing
};
[[nodiscard]] std::span<const webhdfs_parameter> webhdfs_parameters() noexcept;

/// As a RemoteException.
struct refused_parameter {
  unsigned status = 400;
  std::string_view java_class;
  std::string why;
};

/// Of `operation` (upper case): a value that is none, two values, a known parameter that this
/// operation does not act upon with another value than its default, and, where something is
/// changed, a parameter that nobody knows.
[[nodiscard]] std::optional<refused_parameter> check_webhdfs_parameters(
    const std::vector<query_parameter>& given, std::string_view operation, bool changes);

/// Permission bits in octal digits, 0 to 1777: nothing for any other text, so that neither 493
/// (0755 in decimal) nor rwxr-xr-x becomes some other mode.
[[nodiscard]] std::optional<std::uint16_t> parse_permission(std::string_view text) noexcept;

}  // namespace ssdfs::http
