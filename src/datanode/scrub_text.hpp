// The form of the small files that the scrubber keeps: one line of JSON with its CRC.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace ssdfs::datanode {

/// The line for `fields`, which name their format in `format`. See docs/formats/scrub.md.
[[nodiscard]] std::string to_checked_line(const boost::json::object& fields);
/// The object of such a line. errc::damaged if its CRC does not match, if it is no line, or if it
/// is of another format.
[[nodiscard]] result<boost::json::object> parse_checked_line(bytes_view line,
                                                             std::string_view format);

/// The whole of `text` as a decimal number. False if it is none, or none of this type.
template <class T>
[[nodiscard]] bool parse_number(std::string_view text, T& to) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), to);
  return end.ec == std::errc{} && end.ptr == text.data() + text.size();
}

/// A number that is written as a string, as all 64-bit numbers are. errc::damaged if it is not.
template <class T>
[[nodiscard]] result<void> read_number(const boost::json::object& fields, std::string_view name,
                                       T& to) {
  const auto* field = fields.if_contains(name);
  if (field == nullptr || !field->is_string() || !parse_number(field->get_string(), to)) {
    return failure(errc::damaged, std::string(name) + " is missing or not a number");
  }
  return {};
}

}  // namespace ssdfs::datanode
