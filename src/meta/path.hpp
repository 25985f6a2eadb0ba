// Paths: what is accepted, and taking them apart without allocating.
#pragma once

#include "base/result.hpp"
#include "ssdfs/limits.hpp"

#include <cstddef>
#include <string_view>

namespace ssdfs::meta {

/// What was removed keeps its whole path, behind the trash's own "/.trash/<bucket>": paths in there
/// may be longer by as much, so that everything in the trash has a name.
inline constexpr std::size_t max_trash_path_length = max_path_length + 64;
inline constexpr std::string_view trash_path = "/.trash";

/// Checks one component. invalid_path: empty, "." or "..", '/' or NUL in it, or not UTF-8 (RFC
/// 3629: no overlong forms, no surrogates, nothing above U+10FFFF). name_too_long: over
/// max_name_length.
[[nodiscard]] result<void> check_name(std::string_view name);

/// Checks an absolute path: "/" or one '/' before each component, none behind the last.
/// invalid_path, name_too_long (a component over max_name_length or the whole over max_path_length;
/// in the trash over max_trash_path_length).
[[nodiscard]] result<void> check_path(std::string_view path);

/// True if `bytes` is well-formed UTF-8.
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

/// A valid path taken apart into the directory and the last component; both views into it.
struct path_parts {
  std::string_view parent;  ///< "/" for entries of the root
  std::string_view name;    ///< "" for the root
};
[[nodiscard]] path_parts split_path(std::string_view path) noexcept;

/// Takes the first component off "/a/b/c": returns "a" and leaves "/b/c". Returns "" at the end.
[[nodiscard]] inline std::string_view pop_component(std::string_view& rest) noexcept {
  if (rest.size() < 2) {
    rest = {};
    return {};
  }
  const std::size_t end = rest.find('/', 1);
  const std::string_view component = rest.substr(1, end == rest.npos ? rest.npos : end - 1);
  rest.remove_prefix(component.size() + 1);
  return component;
}

/// True if `path` is `ancestor` or lies below it; both valid.
[[nodiscard]] bool is_same_or_below(std::string_view path, std::string_view ancestor) noexcept;

}  // namespace ssdfs::meta
