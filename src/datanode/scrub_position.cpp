#include "datanode/scrub_position.hpp"

#include "base/crc32c.hpp"
#include "base/log.hpp"

#include <boost/json.hpp>

#include <array>
#include <charconv>
#include <cstdio>

namespace ssdfs::datanode {
namespace {

constexpr std::size_t crc_length = 9;  // a space and eight digits
constexpr std::uint64_t most_bytes = 4096;

std::string path_in(const std::string& directory) { return directory + "/scrub.json"; }

std::string crc_text(std::string_view of) {
  std::array<char, crc_length + 1> out;
  std::snprintf(out.data(), out.size(), " %08x", crc32c(as_bytes(of)));
  return out.data();
}

// A number that is written as a string, as all 64-bit numbers are.
template <class T>
result<T> number(const boost::json::object& fields, std::string_view name) {
  const auto* field = fields.if_contains(name);
  if (field == nullptr || !field->is_string()) return failure(errc::damaged, "a field is missing");
  const std::string_view digits(field->get_string());
  T value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec != std::errc{} || end.ptr != digits.data() + digits.size()) {
    return failure(errc::damaged, std::string(name) + " is not a number");
  }
  return value;
}

}  // namespace

std::string to_text(const scrub_position& p) {
  boost::json::object fields;
  fields["format"] = "ssdfs-scrub-1";
  fields["pass"] = std::to_string(p.pass);
  fields["began_ms"] = std::to_string(p.began_ms);
  fields["volume"] = std::to_string(p.volume.value);
  fields["key"] = std::to_string(p.key);
  fields["last_full_ms"] = std::to_string(p.last_full_ms);
  fields["bad"] = std::to_string(p.bad);
  fields["repaired"] = std::to_string(p.repaired);
  const std::string text = boost::json::serialize(fields);
  return text + crc_text(text) + "\n";
}

result<scrub_position> parse_scrub_position(bytes_view bytes) {
  std::string_view text = as_chars(bytes);
  if (text.size() < crc_length + 1 || text.back() != '\n') {
    return failure(errc::damaged, "it does not end as it should");
  }
  text.remove_suffix(1);
  const std::string_view crc = text.substr(text.size() - crc_length);
  text.remove_suffix(crc_length);
  if (crc != crc_text(text)) return failure(errc::damaged, "its CRC does not match");
  boost::system::error_code bad;
  const boost::json::value parsed = boost::json::parse(text, bad);
  const auto* fields = bad ? nullptr : parsed.if_object();
  if (fields == nullptr) return failure(errc::damaged, "not a JSON object");
  const auto* format = fields->if_contains("format");
  if (format == nullptr || *format != "ssdfs-scrub-1") {
    return failure(errc::damaged, "of an unknown format");
  }
  scrub_position out;
  const auto read = [&](std::string_view name, auto& to) -> result<void> {
    auto value = number<std::remove_reference_t<decltype(to)>>(*fields, name);
    if (!value) return value.error();
    to = *value;
    return {};
  };
  SSDFS_TRY(read("pass", out.pass));
  SSDFS_TRY(read("began_ms", out.began_ms));
  SSDFS_TRY(read("volume", out.volume.value));
  SSDFS_TRY(read("key", out.key));
  SSDFS_TRY(read("last_full_ms", out.last_full_ms));
  SSDFS_TRY(read("bad", out.bad));
  SSDFS_TRY(read("repaired", out.repaired));
  return out;
}

scrub_position load_scrub_position(io::file_system& fs, const std::string& directory) {
  const auto bytes = io::read_file(fs, path_in(directory), most_bytes);
  if (!bytes && bytes.error() == errc::not_found) return {};
  auto position = bytes ? parse_scrub_position(*bytes) : result<scrub_position>(bytes.error());
  if (position) return *position;
  SSDFS_LOG(warning) << path_in(directory)
                     << ": ignored, scrubbing begins anew: " << position.error().message();
  return {};
}

result<void> store_scrub_position(io::file_system& fs, const std::string& directory,
                                  const scrub_position& p) {
  return io::replace_file(fs, path_in(directory), as_bytes(to_text(p)));
}

}  // namespace ssdfs::datanode
