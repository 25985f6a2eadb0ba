// Media types by the extension of a name.
#pragma once

#include <string_view>

namespace ssdfs::http {

/// "image/jpeg" for "/a/b.JPG"; "application/octet-stream" for what is not known.
[[nodiscard]] std::string_view content_type_of(std::string_view path) noexcept;

}  // namespace ssdfs::http
