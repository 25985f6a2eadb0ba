#include "io/epoch_file.hpp"

#include <boost/json.hpp>

#include <limits>

namespace ssdfs::io {
result<epoch_t> read_epoch_file(file_system& fs, const std::string& path) {
  const auto bytes = read_file(fs, path, 4096);
  if (!bytes) {
    if (bytes.error() == errc::not_found) return epoch_t{};
    return bytes.error();
  }
  boost::system::error_code bad;
  const boost::json::value parsed = boost::json::parse(as_chars(*bytes), bad);
  const auto* fields = bad ? nullptr : parsed.if_object();
  const auto* value = fields == nullptr ? nullptr : fields->if_contains("epoch");
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0 ||
      value->get_int64() > std::numeric_limits<std::uint32_t>::max()) {
    return failure(errc::damaged, path + ": not readable");
  }
  return epoch_t(static_cast<std::uint32_t>(value->get_int64()));
}

result<void> write_epoch_file(file_system& fs, const std::string& path, epoch_t epoch) {
  boost::json::object fields;
  fields["epoch"] = epoch.value;
  return replace_file(fs, path, as_bytes(boost::json::serialize(fields) + "\n"));
}

}  // namespace ssdfs::io
