#include "io/identity.hpp"

#include <boost/json.hpp>

namespace ssdfs::io {
namespace {

constexpr std::int64_t identity_format = 1;

std::string path_in(const std::string& directory) { return directory + "/identity.json"; }

failure damaged(const std::string& directory, const char* why) {
  return failure(errc::damaged, path_in(directory) + ": " + why);
}

bool read_directories(const boost::json::value& from, std::vector<known_directory>& out) {
  constexpr std::size_t most = 1'024;
  const auto* list = from.if_array();
  if (list == nullptr || list->size() > most) return false;
  for (const boost::json::value& one : *list) {
    const auto* fields = one.if_object();
    const auto* id = fields == nullptr ? nullptr : fields->if_contains("id");
    const auto* path = fields == nullptr ? nullptr : fields->if_contains("path");
    if (id == nullptr || path == nullptr || !id->is_string() || !path->is_string()) return false;
    const auto parsed = parse_uuid(std::string_view(id->get_string()));
    if (!parsed) return false;
    out.push_back({*parsed, std::string(std::string_view(path->get_string()))});
  }
  return true;
}

}  // namespace

result<std::optional<identity>> read_identity(file_system& fs, const std::string& directory) {
  const auto bytes = read_file(fs, path_in(directory), 256 * 1024);
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
  identity out{std::string(text("role")), node_id(*node), cluster_id(*cluster), {}, {}};
  if (fields->contains("directory")) {
    const auto own = parse_uuid(text("directory"));
    if (!own) return damaged(directory, "\"directory\" is no uuid");
    out.directory = *own;
  }
  const auto* known = fields->if_contains("directories");
  if (known != nullptr && !read_directories(*known, out.directories)) {
    return damaged(directory, "\"directories\" is malformed");
  }
  return std::optional<identity>(std::move(out));
}

result<void> write_identity(file_system& fs, const std::string& directory, const identity& who) {
  boost::json::object fields;
  fields["format"] = identity_format;
  fields["role"] = who.role;
  fields["node"] = to_string(who.node);
  fields["cluster"] = to_string(who.cluster);
  if (!who.directory.is_nil()) fields["directory"] = to_string(who.directory);
  if (!who.directories.empty()) {
    boost::json::array known;
    for (const known_directory& one : who.directories) {
      known.push_back({{"id", to_string(one.id)}, {"path", one.path}});
    }
    fields["directories"] = std::move(known);
  }
  return replace_file(fs, path_in(directory), as_bytes(boost::json::serialize(fields) + "\n"));
}

}  // namespace ssdfs::io
