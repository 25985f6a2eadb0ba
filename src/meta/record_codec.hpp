// Records to lines of the edits log and back.
//
//   {"txid":"17","op":"CREATE","time":1700000000000,...,"crc":"1a2b3c4d"}\n
//
// The CRC32C covers the line up to `,"crc":"` and is seeded with the CRC of the line before, so
// lines form a chain: none can be lost, doubled or moved unseen. docs/formats/edits.md has it all.
#pragma once

#include "base/result.hpp"
#include "meta/records.hpp"
#include "meta/text_buffer.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace ssdfs::meta {

/// Appends the line of `r`, newline included, and returns its CRC, the seed of the next line.
std::uint32_t encode_line(const record& r, std::uint32_t seed, text_buffer& out);

/// Characters behind the checked part of a line: `,"crc":"1a2b3c4d"}`.
inline constexpr std::size_t crc_field_size = 18;
/// The CRC that a line (without its newline) states; nullopt if it does not end in a CRC field.
[[nodiscard]] std::optional<std::uint32_t> stated_crc(std::string_view line) noexcept;
/// The CRC that a line should state; it must end in a CRC field.
[[nodiscard]] std::uint32_t computed_crc(std::string_view line, std::uint32_t seed) noexcept;
/// The txid that a line begins with; 0 if it does not look like a record.
[[nodiscard]] ssdfs::txid leading_txid(std::string_view line) noexcept;
/// How every line begins. It cannot appear inside of one, where quotes in texts are escaped.
inline constexpr std::string_view line_begin = "{\"txid\":\"";

/// Reads lines. Keeps memory for what the records it returned alias.
///
/// Lines whose fields stand in the encoder's order, without spaces, take a fast path; all others go
/// through a general JSON parser, which takes any order, ignores unknown fields and unescapes.
class line_parser {
 public:
  /// Parses a line without its newline into `out` and returns its CRC. The record aliases the line
  /// and the parser until the parser's next call. checksum: the CRC does not continue the chain or
  /// is missing. protocol: not a record although the CRC is right (written by a defect, or by a
  /// newer version). `out` is then unspecified.
  result<std::uint32_t> parse(std::string_view line, std::uint32_t seed, record& out);

  /// The same without looking at the CRC: for lines that were checked before.
  result<void> parse_unchecked(std::string_view line, record& out);

 private:
  bool parse_fast(std::string_view line, record& out);
  result<void> parse_general(std::string_view line, record& out);

  boost::json::value document_;  ///< what strings of a general parse alias
};

}  // namespace ssdfs::meta
