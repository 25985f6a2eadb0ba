#include "cluster/register_value.hpp"

#include "base/assert.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace ssdfs::cluster {
namespace {

constexpr std::string_view register_format = "ssdfs-register-1";

failure bad_register(std::string what) {
  return {errc::damaged, "the register's value: " + std::move(what)};
}

std::optional<std::string_view> register_text(const boost::json::object& from,
                                              std::string_view key) {
  const auto* found = from.if_contains(boost::json::string_view(key.data(), key.size()));
  if (found == nullptr || !found->is_string()) return std::nullopt;
  const auto& text = found->get_string();
  return std::string_view(text.data(), text.size());
}

std::optional<uuid> register_uuid(const boost::json::object& from, std::string_view key) {
  const auto text = register_text(from, key);
  if (!text) return std::nullopt;
  const auto parsed = parse_uuid(*text);
  if (!parsed || parsed->is_nil()) return std::nullopt;
  return *parsed;
}

std::optional<std::uint64_t> register_number(const boost::json::object& from,
                                             std::string_view key) {
  const auto text = register_text(from, key);
  std::uint64_t number = 0;
  if (!text || text->empty()) return std::nullopt;
  const auto [end, bad] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (bad != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

result<std::vector<member_address>> register_set(const boost::json::object& from) {
  const auto* list = from.if_contains("insync");
  if (list == nullptr || !list->is_array()) return bad_register("no set");
  if (list->get_array().empty() || list->get_array().size() > max_members) {
    return bad_register("a set of " + std::to_string(list->get_array().size()) + " members");
  }
  std::vector<member_address> set;
  for (const auto& entry : list->get_array()) {
    if (!entry.is_object()) return bad_register("a member that is no object");
    const auto node = register_uuid(entry.get_object(), "node");
    const auto address = register_text(entry.get_object(), "address");
    if (!node || !address || address->empty() || address->size() > max_address_length) {
      return bad_register("a member without uuid or address");
    }
    if (names(set, node_id(*node))) return bad_register("a member named twice");
    set.push_back({node_id(*node), std::string(*address)});
  }
  return set;
}

}  // namespace

bool names(const std::vector<member_address>& set, node_id node) {
  return std::any_of(set.begin(), set.end(), [&](const auto& m) { return m.node == node; });
}

std::vector<member_address> without(std::vector<member_address> set, node_id node) {
  std::erase_if(set, [&](const auto& m) { return m.node == node; });
  return set;
}

std::string encode_register(const register_value& value) {
  SSDFS_ASSERT(names(value.insync, value.leader) && value.insync.size() <= max_members);
  boost::json::array set;
  for (const auto& m : value.insync) {
    set.push_back(boost::json::object{{"node", to_string(m.node)}, {"address", m.address}});
  }
  const boost::json::object out{
      {"format", boost::json::string_view(register_format.data(), register_format.size())},
      {"cluster", to_string(value.cluster)},
      {"epoch", std::to_string(value.epoch.value)},
      {"leader", to_string(value.leader)},
      {"insync", std::move(set)},
      {"writer", to_string(value.writer)},
      {"nonce", std::to_string(value.nonce)}};
  return boost::json::serialize(out);
}

result<register_value> decode_register(std::string_view text) {
  if (text.size() > max_register_bytes) return bad_register("too long");
  boost::system::error_code bad;
  boost::json::parse_options options;
  options.max_depth = 4;
  const auto parsed = boost::json::parse({text.data(), text.size()}, bad, {}, options);
  if (bad || !parsed.is_object()) return bad_register("no JSON object");
  const auto& object = parsed.get_object();
  const auto format = register_text(object, "format");
  if (!format) return bad_register("no format");
  if (*format != register_format) {
    return failure(errc::version_mismatch,
                   "the register's value has the format " + std::string(format->substr(0, 64)));
  }
  register_value out;
  const auto cluster = register_uuid(object, "cluster");
  const auto leader = register_uuid(object, "leader");
  const auto writer = register_uuid(object, "writer");
  const auto epoch = register_number(object, "epoch");
  const auto nonce = register_number(object, "nonce");
  if (!cluster || !leader || !writer || !epoch || !nonce) return bad_register("a field is missing");
  if (*epoch == 0 || *epoch > std::numeric_limits<std::uint32_t>::max()) {
    return bad_register("an epoch out of range");
  }
  auto set = register_set(object);
  if (!set) return set.error();
  if (!names(*set, node_id(*leader))) return bad_register("a leader outside of its set");
  out.cluster = cluster_id(*cluster);
  out.epoch = epoch_t(static_cast<std::uint32_t>(*epoch));
  out.leader = node_id(*leader);
  out.insync = std::move(*set);
  out.writer = node_id(*writer);
  out.nonce = *nonce;
  return out;
}

}  // namespace ssdfs::cluster
