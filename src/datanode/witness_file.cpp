#include "datanode/witness_file.hpp"

#include "base/log.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <tuple>

namespace ssdfs::datanode {
namespace {

std::string witness_path(const std::string& directory) { return directory + "/witness.json"; }

bool higher(const witness& a, const witness& b) {
  return std::tuple(a.epoch, a.durable) > std::tuple(b.epoch, b.durable);
}

result<witness> parse(bytes_view text) {
  boost::system::error_code bad;
  const boost::json::value parsed = boost::json::parse(as_chars(text), bad);
  const auto* fields = bad ? nullptr : parsed.if_object();
  if (fields == nullptr) return failure(errc::damaged, "not a JSON object");
  const auto* epoch = fields->if_contains("epoch");
  const auto* leader = fields->if_contains("leader");
  const auto* durable = fields->if_contains("durable");
  if (epoch == nullptr || !epoch->is_int64() || leader == nullptr || !leader->is_string() ||
      durable == nullptr || !durable->is_string()) {
    return failure(errc::damaged, "a field is missing");
  }
  const auto id = parse_uuid(std::string_view(leader->get_string()));
  if (!id) return id.error();
  const std::string_view digits(durable->get_string());
  std::uint64_t number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end.ec != std::errc{} || end.ptr != digits.data() + digits.size()) {
    return failure(errc::damaged, "durable is not a number");
  }
  return witness{epoch_t(static_cast<std::uint32_t>(epoch->get_int64())), node_id(*id),
                 txid(number)};
}

}  // namespace

witness_file::witness_file(io::file_system& fs, std::vector<std::string> directories)
    : fs_(fs), directories_(std::move(directories)) {
  bool known = false;
  for (const std::string& directory : directories_) {
    const auto bytes = io::read_file(fs_, witness_path(directory), 64 * 1024);
    if (!bytes && bytes.error() == errc::not_found) continue;
    if (!bytes) unreadable_ = bytes.error();
    known = known || bytes.has_value();
    const auto heard = bytes ? parse(*bytes) : result<witness>(bytes.error());
    if (!heard) {
      SSDFS_LOG(warning) << witness_path(directory) << ": ignored: " << heard.error().message();
    } else if (higher(*heard, highest_)) {
      highest_ = *heard;
    }
  }
  if (known) unreadable_.reset();
}

witness witness_file::highest() const {
  const std::lock_guard lock(mutex_);
  return highest_;
}

result<void> witness_file::remember(const witness& heard) {
  const std::lock_guard lock(mutex_);
  if (heard == highest_) return {};
  boost::json::object fields;
  fields["epoch"] = heard.epoch.value;
  fields["leader"] = to_string(heard.leader);
  fields["durable"] = std::to_string(heard.durable.value);
  const std::string text = boost::json::serialize(fields) + "\n";
  result<void> outcome = failure(errc::io, "no data directory");
  bool stored = false;
  for (const std::string& directory : directories_) {
    auto written = io::replace_file(fs_, witness_path(directory), as_bytes(text));
    if (written) {
      stored = true;
    } else {
      SSDFS_LOG(error) << written.error().message();
      outcome = std::move(written);
    }
  }
  if (!stored) return outcome;
  highest_ = heard;
  return {};
}

}  // namespace ssdfs::datanode
