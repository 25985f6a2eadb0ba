// Little-endian loads and stores, and the views of bytes that rooms hand to each other.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace ssdfs {

using bytes_view = std::span<const std::byte>;
using bytes_span = std::span<std::byte>;

static_assert(std::endian::native == std::endian::little, "SSDFS stores little-endian directly");

/// Reads an unsigned or signed integer at `at`, unaligned, little-endian.
template <class T>
  requires std::is_integral_v<T>
[[nodiscard]] T load_le(const std::byte* at) noexcept {
  T v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

/// Writes an integer at `at`, unaligned, little-endian.
template <class T>
  requires std::is_integral_v<T>
void store_le(std::byte* at, T v) noexcept {
  std::memcpy(at, &v, sizeof v);
}

[[nodiscard]] inline bytes_view as_bytes(std::string_view s) noexcept {
  return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}
[[nodiscard]] inline std::string_view as_chars(bytes_view b) noexcept {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

}  // namespace ssdfs
