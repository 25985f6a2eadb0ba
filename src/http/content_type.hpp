// Media types: of a name's extension, and as an upload says them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// "image/jpeg" for "/a/b.JPG"; "application/octet-stream" for what is not known.
[[nodiscard]] std::string_view content_type_of(std::string_view path) noexcept;

/// What the Content-Type of an upload says of the file.
struct uploaded_type {
  enum class kind : std::uint8_t {
    nothing,    ///< none, or one that clients send of anything: the name's extension decides
    type,       ///< `text`
    multipart,  ///< parts between boundary lines: the body is not the file
    malformed,  ///< not TYPE/SUBTYPE with parameters, or longer than a file keeps
  } what = kind::nothing;
  std::string text;  ///< at most longest_media_type bytes of ASCII
};
inline constexpr std::size_t longest_media_type = 255;

/// The type in one spelling: lower case, of the parameters only those that say how to read the file
/// (charset, codecs, profile). Others, such as a name, belong to one transfer.
[[nodiscard]] uploaded_type uploaded_type_of(std::string_view value);

}  // namespace ssdfs::http
