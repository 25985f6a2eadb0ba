// Failures as answers.
#pragma once

#include "base/result.hpp"
#include "http/exchange.hpp"

#include <string_view>

namespace ssdfs::http {

/// The status that a failure of the store has over HTTP.
[[nodiscard]] unsigned status_of(const failure& why) noexcept;
/// "not_found": the name of an error code as it is written in code; "internal" for foreign ones.
[[nodiscard]] std::string_view name_of(const boost::system::error_code& ec) noexcept;
/// The status with a JSON object {"error", "message", "path"}; Retry-After where that may help.
void respond_error(exchange& to, unsigned status, std::string_view name, std::string_view message,
                   std::string_view path, std::string_view fields = {});
void respond_error(exchange& to, const failure& why, std::string_view path);

}  // namespace ssdfs::http
