// Links that only somebody with the secret can make, and only for a time.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// HMAC-SHA256, as hexadecimal digits.
[[nodiscard]] std::string hmac_hex(std::string_view secret, std::string_view text);
/// Equal, in a time that does not tell how much of it is.
[[nodiscard]] bool same_digest(std::string_view a, std::string_view b) noexcept;

/// The content of a secret's file without white space around it. errc::invalid_argument if it is
/// missing, shorter than 16 bytes or longer than 4 KiB, or readable by everybody.
[[nodiscard]] result<std::string> read_secret(const std::string& file);

/// "/fs/image/a.jpg?expires=1700000000&signature=..." for the path "/image/a.jpg" (decoded).
[[nodiscard]] std::string sign_url(std::string_view secret, std::string_view path,
                                   std::int64_t expires_s);

enum class signature : std::uint8_t { none, good, expired, bad };
/// What the query of a request for `path` says.
[[nodiscard]] signature check_signature(std::string_view secret, std::string_view path,
                                        std::string_view query, std::int64_t now_s);

}  // namespace ssdfs::http
