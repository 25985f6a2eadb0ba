#include "meta/intern.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

constexpr std::uint64_t pack(std::uint16_t owner, std::uint16_t group, std::uint16_t mode) {
  return std::uint64_t{owner} << 32 | std::uint64_t{group} << 16 | mode;
}

}  // namespace

string_table::string_table() {
  texts_.emplace_back();
  ids_.emplace(texts_.back(), std::uint16_t{0});
}

result<std::uint16_t> string_table::intern(std::string_view text) {
  if (const auto known = ids_.find(text); known != ids_.end()) return known->second;
  if (text.size() > max_length) {
    return failure(errc::too_large, "a name or type is longer than 255 bytes");
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return failure(errc::invalid_argument, "control character in a name or type");
  }
  if (texts_.size() >= max_size) {
    return failure(errc::too_large, "more than 65535 different names or types");
  }
  const auto id = static_cast<std::uint16_t>(texts_.size());
  ids_.emplace(texts_.emplace_back(text), id);
  return id;
}

std::optional<std::uint16_t> string_table::find(std::string_view text) const {
  const auto known = ids_.find(text);
  return known == ids_.end() ? std::nullopt : std::optional(known->second);
}

std::string_view string_table::text(std::uint16_t id) const {
  SSDFS_ASSERT(id < texts_.size());
  return texts_[id];
}

access_table::access_table() {
  const auto root = intern("root", "root", 0755);
  SSDFS_ASSERT(root.has_value() && *root == 0);
}

result<std::uint16_t> access_table::intern(std::string_view owner, std::string_view group,
                                           std::uint16_t mode) {
  if (owner.empty() || group.empty()) {
    return failure(errc::invalid_argument, "empty owner or group");
  }
  if (mode > 07777) return failure(errc::invalid_argument, "mode out of range");
  const auto owner_id = names_.intern(owner);
  if (!owner_id) return owner_id.error();
  const auto group_id = names_.intern(group);
  if (!group_id) return group_id.error();
  const std::uint64_t packed = pack(*owner_id, *group_id, mode);
  if (const auto known = ids_.find(packed); known != ids_.end()) return known->second;
  if (triples_.size() >= max_size) {
    return failure(errc::too_large, "more than 65535 combinations of owner, group and mode");
  }
  const auto id = static_cast<std::uint16_t>(triples_.size());
  triples_.push_back({*owner_id, *group_id, mode});
  ids_.emplace(packed, id);
  return id;
}

std::optional<std::uint16_t> access_table::find(std::string_view owner, std::string_view group,
                                                std::uint16_t mode) const {
  const auto owner_id = names_.find(owner);
  const auto group_id = names_.find(group);
  if (!owner_id || !group_id) return std::nullopt;
  const auto known = ids_.find(pack(*owner_id, *group_id, mode));
  return known == ids_.end() ? std::nullopt : std::optional(known->second);
}

std::string_view access_table::owner(std::uint16_t id) const {
  SSDFS_ASSERT(id < triples_.size());
  return names_.text(triples_[id].owner);
}

std::string_view access_table::group(std::uint16_t id) const {
  SSDFS_ASSERT(id < triples_.size());
  return names_.text(triples_[id].group);
}

std::uint16_t access_table::mode(std::uint16_t id) const {
  SSDFS_ASSERT(id < triples_.size());
  return triples_[id].mode;
}

access_rights access_table::rights(std::uint16_t id) const {
  return {std::string(owner(id)), std::string(group(id)), mode(id)};
}

}  // namespace ssdfs::meta
