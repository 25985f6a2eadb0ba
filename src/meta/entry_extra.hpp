// Optional attributes of an entry: what few entries have costs the others nothing.
//
//   extra = *(tag(1) length(2) value), tags in ascending order
#pragma once

#include "base/bytes.hpp"
#include "ssdfs/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs::meta {

/// Numbers are in images.
enum class extra_tag : std::uint8_t {
  access = 1,        ///< owner, group and mode that are in no table; see kept_access
  content_type = 2,  ///< a content type that is in no table
};

/// An extra at most, so that it fits a block of the arena together with a name.
inline constexpr std::size_t max_extra_bytes = 3584;

/// The id that an entry has in place of one of a table, if the value is in its extra.
inline constexpr std::uint16_t kept_id = 0xffff;

/// Owner, group and permission bits of an entry; views into whatever has them.
struct access_view {
  std::string_view owner;
  std::string_view group;
  std::uint16_t mode = 0;
};

/// A field's value; a view without data if the extra does not have it. `extra` must be valid.
[[nodiscard]] std::string_view extra_field(std::string_view extra, extra_tag tag) noexcept;

/// Appends a field, whose tag must be greater than those before.
void append_extra(std::string& extra, extra_tag tag, std::string_view value);
/// `extra` with another value of one field; "" takes the field out.
[[nodiscard]] std::string with_extra(std::string_view extra, extra_tag tag, std::string_view value);
/// The value of the field `access`.
[[nodiscard]] std::string encode_access(const access_view& access);

/// Of a valid extra that has the field.
[[nodiscard]] access_view kept_access_of(std::string_view extra) noexcept;

/// True if these bytes are fields in order, with known tags and values that can be, and not too
/// many. What has the fields is not asked.
[[nodiscard]] bool is_extra(std::string_view extra) noexcept;

}  // namespace ssdfs::meta
