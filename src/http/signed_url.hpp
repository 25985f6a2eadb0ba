// Links that only somebody with the secret can make, and only for a time.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
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

/// How much longer a link is good, in seconds, by its query alone; nothing if it is not signed.
[[nodiscard]] std::optional<std::int64_t> seconds_left(std::string_view query, std::int64_t now_s);

/// Lines "Name: value\r\n" for an answer to a link that is good for `left_s` more seconds:
/// Cache-Control keeps the answer with its caller and lets it go with the link at the latest,
/// whatever `configured` (a Cache-Control value, may be empty) says for everybody; X-Accel-Expires
/// says the same to nginx, which may hold the content for others whose links it has had checked.
[[nodiscard]] std::string caching_of_link(std::string_view configured, std::int64_t left_s);

}  // namespace ssdfs::http
