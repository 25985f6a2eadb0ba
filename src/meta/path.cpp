#include "meta/path.hpp"

#include "base/bytes.hpp"

#include <cstdint>
#include <string>

namespace ssdfs::meta {
namespace {

// Bytes of the well-formed UTF-8 sequence at the begin of `s`, 0 if there is none.
std::size_t sequence_length(std::string_view s) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  // Bounds of the second byte: they exclude overlong forms, surrogates and what is too high.
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (length == 0 || s.size() < length) return 0;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// Everything about a component but its slashes.
result<void> check_component(std::string_view name) {
  if (name.empty()) return failure(errc::invalid_path, "empty path component");
  if (name.size() > max_name_length) {
    return failure(errc::name_too_long,
                   "a name is longer than " + std::to_string(max_name_length) + " bytes");
  }
  if (name == "." || name == "..") {
    return failure(errc::invalid_path, "\".\" and \"..\" are not allowed in a path");
  }
  if (name.find('\0') != name.npos) return failure(errc::invalid_path, "NUL in a path");
  if (!is_utf8(name)) return failure(errc::invalid_path, "path is not valid UTF-8");
  return {};
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080ULL;
  while (!bytes.empty()) {
    if (bytes.size() >= 8) {
      const auto word = load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(bytes.data()));
      if ((word & high_bits) == 0) {
        bytes.remove_prefix(8);
        continue;
      }
    }
    const std::size_t length = sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

result<void> check_name(std::string_view name) {
  if (name.find('/') != name.npos) return failure(errc::invalid_path, "'/' in a name");
  return check_component(name);
}

result<void> check_path(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return failure(errc::invalid_path, "path is not absolute");
  }
  if (path.size() > max_path_length &&
      (path.size() > max_trash_path_length || !is_same_or_below(path, trash_path))) {
    return failure(errc::name_too_long,
                   "a path is longer than " + std::to_string(max_path_length) + " bytes");
  }
  if (path.size() == 1) return {};
  std::string_view rest = path.substr(1);
  for (;;) {
    const std::size_t end = rest.find('/');
    SSDFS_TRY(check_component(rest.substr(0, end)));
    if (end == rest.npos) return {};
    rest.remove_prefix(end + 1);
  }
}

path_parts split_path(std::string_view path) noexcept {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos || path.size() == 1) return {path.substr(0, 1), {}};
  return {path.substr(0, slash == 0 ? 1 : slash), path.substr(slash + 1)};
}

bool is_same_or_below(std::string_view path, std::string_view ancestor) noexcept {
  if (ancestor == "/") return true;
  return path.starts_with(ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

}  // namespace ssdfs::meta
