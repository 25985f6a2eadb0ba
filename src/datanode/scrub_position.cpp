#include "datanode/scrub_position.hpp"

#include "base/log.hpp"
#include "datanode/scrub_text.hpp"

#include <boost/json.hpp>

namespace ssdfs::datanode {
namespace {

constexpr std::string_view position_format = "ssdfs-scrub-1";
constexpr std::uint64_t most_position_bytes = 4096;

std::string position_path(const std::string& directory) { return directory + "/scrub.json"; }

}  // namespace

std::string to_text(const scrub_position& p) {
  boost::json::object fields;
  fields["format"] = position_format;
  fields["pass"] = std::to_string(p.pass);
  fields["began_ms"] = std::to_string(p.began_ms);
  fields["volume"] = std::to_string(p.volume.value);
  fields["key"] = std::to_string(p.key);
  fields["last_full_ms"] = std::to_string(p.last_full_ms);
  fields["bad"] = std::to_string(p.bad);
  fields["repaired"] = std::to_string(p.repaired);
  return to_checked_line(fields);
}

result<scrub_position> parse_scrub_position(bytes_view text) {
  const auto fields = parse_checked_line(text, position_format);
  if (!fields) return fields.error();
  scrub_position out;
  SSDFS_TRY(read_number(*fields, "pass", out.pass));
  SSDFS_TRY(read_number(*fields, "began_ms", out.began_ms));
  SSDFS_TRY(read_number(*fields, "volume", out.volume.value));
  SSDFS_TRY(read_number(*fields, "key", out.key));
  SSDFS_TRY(read_number(*fields, "last_full_ms", out.last_full_ms));
  SSDFS_TRY(read_number(*fields, "bad", out.bad));
  SSDFS_TRY(read_number(*fields, "repaired", out.repaired));
  return out;
}

scrub_position load_scrub_position(io::file_system& fs, const std::string& directory) {
  const auto bytes = io::read_file(fs, position_path(directory), most_position_bytes);
  if (!bytes && bytes.error() == errc::not_found) return {};
  auto position = bytes ? parse_scrub_position(*bytes) : result<scrub_position>(bytes.error());
  if (position) return *position;
  SSDFS_LOG(warning) << position_path(directory)
                     << ": ignored, scrubbing begins anew: " << position.error().message();
  return {};
}

result<void> store_scrub_position(io::file_system& fs, const std::string& directory,
                                  const scrub_position& p) {
  return io::replace_file(fs, position_path(directory), as_bytes(to_text(p)));
}

}  // namespace ssdfs::datanode
