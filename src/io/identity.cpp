#include "io/identity.hpp"

#include <boost/json.hpp>

namespace ssdfs::io {
namespace {

constexpr std::int64_t identity_format = 1;

std::string path_in(const std::string& directory) { return directory + "/identity.json"; }

failure damaged(const std::string& directory, const char* why) {
  return failure(errc::damaged, path_in(directory) + ": " + why);
}

}  // namespace

result<std::optional<identity>> read_identity(file_system& fs, const std::string& directory) {
  const auto bytes = read_file(fs, path_in(directory), 64 * 1024);
  if (!bytes) {
    if (bytes.error() == errc::not_found) return std::optional<identity>{};
    return bytes.error();
  }
  boost::system::error_code bad;
  const boost::json::value parsed = boost::json::parse(as_chars(*bytes), bad);
  const auto* fields = bad ? nullptr : parsed.if_object();
  if (fields == nullptr) return damaged(directory, "not a JSON object");
  const auto text = [&](const char* name) -> std::string_view {
    const auto* found = fields->if_contains(name);
    const auto* string = found == nullptr ? nullptr : found->if_string();
    return string == nullptr ? std::string_view{} : std::string_view(*string);
  };
  const auto* format = fields->if_contains("format");
  if (format == nullptr || !format->is_int64() || format->get_int64() != identity_format) {
    return damaged(directory, "unknown format");
  }
  const auto node = parse_uuid(text("node"));
  const auto cluster = parse_uuid(text("cluster"));
  if (text("role").empty() || !node || !cluster) return damaged(directory, "a field is missing");
  return std::optional<identity>(
      identity{std::string(text("role")), node_id(*node), cluster_id(*cluster)});
}

result<void> write_identity(file_system& fs, const std::string& directory, const identity& who) {
  boost::json::object fields;
  fields["format"] = identity_format;
  fields["role"] = who.role;
  fields["node"] = to_string(who.node);
  fields["cluster"] = to_string(who.cluster);
  return replace_file(fs, path_in(directory), as_bytes(boost::json::serialize(fields) + "\n"));
}

}  // namespace ssdfs::io
