#include "meta/intern.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

result<void> check_shared_text(std::string_view text) {
  if (text.size() > max_text_length) {
    return failure(errc::too_large,
                   "a name or type is longer than " + std::to_string(max_text_length) + " bytes");
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return failure(errc::invalid_argument, "control character in a name or type");
  }
  return {};
}

failure full_table() { return {errc::too_large, "more than 65535 values are shared by entries"}; }

// The place of an id in a deque that has all ids below the end.
template <class T>
T& slot_of(std::deque<T>& all, std::uint16_t id) {
  if (id >= all.size()) all.resize(std::size_t{id} + 1);
  return all[id];
}

}  // namespace

string_table::string_table() {
  const auto none = intern({});
  SSDFS_ASSERT(none.has_value() && *none == 0);
}

result<std::uint16_t> string_table::intern(std::string_view text) {
  if (const auto known = ids_.find(text); known != ids_.end()) return known->second;
  return add(text, set_.next());
}

result<std::uint16_t> string_table::add(std::string_view text, std::size_t id) {
  SSDFS_TRY(check_shared_text(text));
  if (id >= max_size) return full_table();
  const auto narrow = static_cast<std::uint16_t>(id);
  set_.take(narrow);
  std::string& kept = slot_of(texts_, narrow);
  kept = text;
  ids_.emplace(kept, narrow);
  return narrow;
}

result<void> string_table::append(std::string_view text) {
  if (ids_.contains(text)) return failure(errc::invalid_argument, "a value twice");
  if (auto added = add(text, set_.end()); !added) return added.error();
  return {};
}

std::optional<std::uint16_t> string_table::find(std::string_view text) const {
  const auto known = ids_.find(text);
  return known == ids_.end() ? std::nullopt : std::optional(known->second);
}

std::string_view string_table::text(std::uint16_t id) const {
  SSDFS_ASSERT(id < texts_.size());
  return texts_[id];
}

void string_table::release(std::uint16_t id) {
  SSDFS_ASSERT(id != 0 && taken(id));
  ids_.erase(texts_[id]);
  texts_[id] = {};
  set_.release(id);
}

void string_table::skip() {
  slot_of(texts_, static_cast<std::uint16_t>(set_.end()));
  set_.skip();
}

access_table::access_table() {
  const auto root = intern("root", "root", 0755);
  SSDFS_ASSERT(root.has_value() && *root == 0);
}

result<std::uint16_t> access_table::intern(std::string_view owner, std::string_view group,
                                           std::uint16_t mode) {
  if (const auto known = find(owner, group, mode)) return *known;
  return add({owner, group, mode}, set_.next());
}

result<std::uint16_t> access_table::add(const key& value, std::size_t id) {
  if (value.owner.empty() || value.group.empty()) {
    return failure(errc::invalid_argument, "empty owner or group");
  }
  if (value.mode > 07777) return failure(errc::invalid_argument, "mode out of range");
  SSDFS_TRY(check_shared_text(value.owner));
  SSDFS_TRY(check_shared_text(value.group));
  if (id >= max_size) return full_table();
  const auto narrow = static_cast<std::uint16_t>(id);
  set_.take(narrow);
  access_rights& kept = slot_of(rights_, narrow);
  kept = {std::string(value.owner), std::string(value.group), value.mode};
  ids_.emplace(key{kept.owner, kept.group, value.mode}, narrow);
  return narrow;
}

result<void> access_table::append(std::string_view owner, std::string_view group,
                                  std::uint16_t mode) {
  if (find(owner, group, mode)) return failure(errc::invalid_argument, "a combination twice");
  if (auto added = add({owner, group, mode}, set_.end()); !added) return added.error();
  return {};
}

std::optional<std::uint16_t> access_table::find(std::string_view owner, std::string_view group,
                                                std::uint16_t mode) const {
  const auto known = ids_.find(key{owner, group, mode});
  return known == ids_.end() ? std::nullopt : std::optional(known->second);
}

const access_rights& access_table::at(std::uint16_t id) const {
  SSDFS_ASSERT(id < rights_.size());
  return rights_[id];
}

void access_table::release(std::uint16_t id) {
  SSDFS_ASSERT(id != 0 && taken(id));
  const access_rights& gone = rights_[id];
  ids_.erase(key{gone.owner, gone.group, gone.mode});
  rights_[id] = {};
  set_.release(id);
}

void access_table::skip() {
  slot_of(rights_, static_cast<std::uint16_t>(set_.end()));
  set_.skip();
}

}  // namespace ssdfs::meta
