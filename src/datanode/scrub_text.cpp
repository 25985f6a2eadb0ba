#include "datanode/scrub_text.hpp"

#include "base/crc32c.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::size_t crc_length = 9;  // a space and eight digits

std::string crc_text(std::string_view of) {
  std::array<char, crc_length + 1> out;
  std::snprintf(out.data(), out.size(), " %08x", crc32c(as_bytes(of)));
  return out.data();
}

}  // namespace

std::string to_checked_line(const boost::json::object& fields) {
  const std::string text = boost::json::serialize(fields);
  return text + crc_text(text) + "\n";
}

result<boost::json::object> parse_checked_line(bytes_view line, std::string_view format) {
  std::string_view text = as_chars(line);
  if (text.size() < crc_length + 1 || text.back() != '\n') {
    return failure(errc::damaged, "it does not end as it should");
  }
  text.remove_suffix(1);
  const std::string_view crc = text.substr(text.size() - crc_length);
  text.remove_suffix(crc_length);
  if (crc != crc_text(text)) return failure(errc::damaged, "its CRC does not match");
  boost::system::error_code bad;
  boost::json::value parsed = boost::json::parse(text, bad);
  auto* fields = bad ? nullptr : parsed.if_object();
  if (fields == nullptr) return failure(errc::damaged, "not a JSON object");
  const auto* found = fields->if_contains("format");
  if (found == nullptr || !found->is_string() || std::string_view(found->get_string()) != format) {
    return failure(errc::damaged, "of an unknown format");
  }
  return std::move(*fields);
}

}  // namespace ssdfs::datanode
