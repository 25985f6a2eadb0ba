// What the fields of a request that changes something (PUT, DELETE) ask for: each that would change
// what the request means is acted upon or refused by name. docs/http.md has the table.
#pragma once

#include "http/body_digest.hpp"
#include "http/exchange.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// A field that asks for something that is not done here.
struct refused_field {
  unsigned status = 400;
  std::string_view error;        ///< as in the JSON of an answer: "media_type"
  std::string why;               ///< names the field
  std::string_view fields = {};  ///< lines for the answer
};

/// What the fields of an upload say of the file.
struct upload_fields {
  std::string content_type;           ///< in its one spelling; empty: the name's extension decides
  expected_digests digests;           ///< all of them must be right
  std::optional<std::uint64_t> size;  ///< so must this
};

/// Of a body to be stored, whose length must be known or which must come in chunks: what is wrong,
/// or nothing and the file's properties in `to`.
[[nodiscard]] std::optional<refused_field> read_upload_fields(const request_head& head,
                                                              upload_fields& to);

/// Of any change, without those of the body. `conditions`: the caller looks at If-Match and its
/// like; else they are refused, too.
[[nodiscard]] std::optional<refused_field> check_change_fields(const request_head& head,
                                                               bool conditions);

/// The names that the two look for; "X-Amz-*" stands for all that begin so.
[[nodiscard]] std::span<const std::string_view> change_field_names() noexcept;

}  // namespace ssdfs::http
