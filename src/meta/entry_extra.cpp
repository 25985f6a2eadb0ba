#include "meta/entry_extra.hpp"

#include "base/assert.hpp"
#include "meta/path.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

constexpr std::size_t extra_head = 3;  // tag and length

struct extra_item {
  std::uint8_t tag = 0;
  std::string_view value;
};

// Takes the first field off; false if there is none that is whole.
bool pop_extra(std::string_view& rest, extra_item& out) noexcept {
  if (rest.size() < extra_head) return false;
  const auto* bytes = reinterpret_cast<const std::byte*>(rest.data());
  const std::size_t length = load_le<std::uint16_t>(bytes + 1);
  if (rest.size() - extra_head < length) return false;
  out.tag = std::to_integer<std::uint8_t>(bytes[0]);
  out.value = rest.substr(extra_head, length);
  rest.remove_prefix(extra_head + length);
  return true;
}

bool is_extra_text(std::string_view text) noexcept {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !text.empty() && text.size() <= max_text_length &&
         std::none_of(text.begin(), text.end(), is_control) && is_utf8(text);
}

// mode(2), length of the owner(1), owner, group.
bool split_access(std::string_view value, access_view& out) noexcept {
  constexpr std::size_t head = 3;
  if (value.size() < head) return false;
  const auto* bytes = reinterpret_cast<const std::byte*>(value.data());
  out.mode = load_le<std::uint16_t>(bytes);
  const auto owner = std::to_integer<std::size_t>(bytes[2]);
  if (value.size() - head < owner) return false;
  out.owner = value.substr(head, owner);
  out.group = value.substr(head + owner);
  return true;
}

}  // namespace

std::string_view extra_field(std::string_view extra, extra_tag tag) noexcept {
  for (extra_item item; pop_extra(extra, item);) {
    if (item.tag == static_cast<std::uint8_t>(tag)) return item.value;
  }
  return {};
}

void append_extra(std::string& extra, extra_tag tag, std::string_view value) {
  const std::size_t at = extra.size();
  extra.resize(at + extra_head);
  auto* bytes = reinterpret_cast<std::byte*>(extra.data() + at);
  bytes[0] = static_cast<std::byte>(tag);
  store_le<std::uint16_t>(bytes + 1, static_cast<std::uint16_t>(value.size()));
  extra += value;
}

std::string with_extra(std::string_view extra, extra_tag tag, std::string_view value) {
  std::string out;
  bool placed = value.empty();
  for (extra_item item; pop_extra(extra, item);) {
    if (!placed && item.tag >= static_cast<std::uint8_t>(tag)) {
      append_extra(out, tag, value);
      placed = true;
    }
    if (item.tag == static_cast<std::uint8_t>(tag)) continue;
    append_extra(out, static_cast<extra_tag>(item.tag), item.value);
  }
  if (!placed) append_extra(out, tag, value);
  return out;
}

std::string encode_access(const access_view& access) {
  SSDFS_ASSERT(access.owner.size() <= max_text_length);
  std::string out(3, '\0');
  auto* bytes = reinterpret_cast<std::byte*>(out.data());
  store_le<std::uint16_t>(bytes, access.mode);
  bytes[2] = static_cast<std::byte>(access.owner.size());
  return out.append(access.owner).append(access.group);
}

access_view kept_access_of(std::string_view extra) noexcept {
  access_view out;
  const bool whole = split_access(extra_field(extra, extra_tag::access), out);
  SSDFS_ASSERT(whole);
  return out;
}

bool is_extra(std::string_view extra) noexcept {
  if (extra.size() > max_extra_bytes) return false;
  std::uint8_t last = 0;
  while (!extra.empty()) {
    extra_item item;
    if (!pop_extra(extra, item) || item.tag <= last) return false;
    last = item.tag;
    switch (static_cast<extra_tag>(item.tag)) {
      case extra_tag::access: {
        access_view access;
        if (!split_access(item.value, access) || access.mode > 07777 ||
            !is_extra_text(access.owner) || !is_extra_text(access.group)) {
          return false;
        }
        break;
      }
      case extra_tag::content_type:
        if (!is_extra_text(item.value)) return false;
        break;
      default: return false;
    }
  }
  return true;
}

}  // namespace ssdfs::meta
