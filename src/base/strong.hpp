// Strong types for ids, so that a txid is never passed for a volume.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <ostream>

namespace ssdfs {

/// A value of type T that mixes with no other Tag. Conversion from and to T is explicit.
template <class Tag, class T>
struct strong {
  using value_type = T;
  T value{};

  constexpr strong() = default;
  constexpr explicit strong(T v) : value(v) {}
  // Not defaulted: uuids, which have neither constexpr nor three-way comparison, are wrapped, too.
  friend constexpr bool operator==(const strong& a, const strong& b) { return a.value == b.value; }
  friend constexpr std::strong_ordering operator<=>(const strong& a, const strong& b) {
    if (a.value < b.value) return std::strong_ordering::less;
    return b.value < a.value ? std::strong_ordering::greater : std::strong_ordering::equal;
  }

  /// The following id.
  [[nodiscard]] constexpr strong next() const { return strong(static_cast<T>(value + 1)); }

  friend std::ostream& operator<<(std::ostream& out, const strong& s) { return out << s.value; }
  friend std::size_t hash_value(const strong& s) noexcept { return std::hash<T>{}(s.value); }
};

}  // namespace ssdfs

template <class Tag, class T>
struct std::hash<ssdfs::strong<Tag, T>> {
  std::size_t operator()(const ssdfs::strong<Tag, T>& s) const noexcept {
    return std::hash<T>{}(s.value);
  }
};
