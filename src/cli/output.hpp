// Forms in which commands print: JSON objects of the library's values, tables, times.
#pragma once

#include "ssdfs/types.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ssdfs::cli {

/// Prints one JSON value as a line on standard output.
void print_json(const boost::json::value& value);

/// As `ssdfs stat --json`: 64-bit ids as strings, the CRC as 8 hex digits, the mode in octal.
[[nodiscard]] boost::json::object to_json(const file_status& status, bool with_chunks);

/// 8 hex digits.
[[nodiscard]] std::string format_crc(std::uint32_t crc);
/// "rw-r--r--" behind 'd' or '-'.
[[nodiscard]] std::string format_mode(const file_status& status);
/// "0644".
[[nodiscard]] std::string format_octal(std::uint16_t mode);
/// "2026-01-02 03:04:05", local time.
[[nodiscard]] std::string format_time(std::int64_t ms);
/// Digits, or "1.5 GiB" if `human`.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes, bool human);
/// "1 file", "3 files"; `many` where it is not `one` with an s.
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view one,
                                  std::string_view many = {});
/// How long ago, for people: "424 ms", "15 s", "4 min", "3 h", "2 days".
[[nodiscard]] std::string format_age(std::int64_t ms);
/// What a peer or a file name says, fit for a terminal: '?' for each control character (C0, C1) and
/// each character that turns the direction of what follows (U+202A to U+202E, U+2066 to U+2069).
[[nodiscard]] std::string printable(std::string_view text);
/// The name as it is for a pipe, printable() for a terminal.
[[nodiscard]] std::string shown_name(const std::string& name);

/// Columns of text, as wide as their widest cell. A column whose header begins with '>' is aligned
/// to the right.
class table {
 public:
  explicit table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// The rows added since the last time, to standard output; first the header, if it has texts.
  /// A long table can so be printed in parts: columns get no narrower from part to part.
  void print();

 private:
  void widen(const std::vector<std::string>& row);
  void print_row(const std::vector<std::string>& row) const;

  std::vector<std::string> header_;
  bool header_done_ = false;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace ssdfs::cli
