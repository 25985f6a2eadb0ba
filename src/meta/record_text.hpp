// Values of record fields as JSON text: writing without bounds checks into a reserved place, and
// strict reading of what was written so. Used by the record codec alone.
#pragma once

#include "base/ids.hpp"
#include "meta/records.hpp"

#include <boost/describe/enum_to_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <emmintrin.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace ssdfs::meta::text {

template <class T>
concept described_struct =
    boost::describe::has_describe_members<T>::value && std::is_class_v<T> && !std::is_union_v<T>;
template <class T>
using members_of = boost::describe::describe_members<T, boost::describe::mod_public>;

/// Bit i is set if byte i must be escaped in JSON: quote, backslash, below 0x20.
[[nodiscard]] inline unsigned special_bytes(const char* at) noexcept {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
  const __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low)));
}
[[nodiscard]] inline bool is_special(char c) noexcept {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}
/// Bytes at the front of `s` that need no escape.
[[nodiscard]] inline std::size_t plain_prefix(std::string_view s) noexcept {
  std::size_t i = 0;
  for (; i + 16 <= s.size(); i += 16) {
    if (const unsigned mask = special_bytes(s.data() + i); mask != 0) {
      return i + static_cast<std::size_t>(std::countr_zero(mask));
    }
  }
  while (i < s.size() && !is_special(s[i])) ++i;
  return i;
}

inline constexpr char hex_digits[] = "0123456789abcdef";
/// Value of a lower-case hex digit; over 15 for everything else.
[[nodiscard]] constexpr unsigned hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  return 16;
}
inline char* put_hex(char* out, std::uint64_t value, int digits) noexcept {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
    *out++ = hex_digits[value >> shift & 15];
  return out;
}
/// Reads exactly `digits` hex digits; false if there is anything else.
inline bool get_hex(const char* at, int digits, std::uint64_t& value) noexcept {
  value = 0;
  for (int i = 0; i < digits; ++i) {
    const unsigned v = hex_value(at[i]);
    if (v > 15) return false;
    value = value << 4 | v;
  }
  return true;
}

inline char* put_literal(char* out, std::string_view s) noexcept {
  std::memcpy(out, s.data(), s.size());
  return out + s.size();
}
template <class T>
  requires std::is_integral_v<T>
char* put_number(char* out, T value) noexcept {
  return std::to_chars(out, out + 24, value).ptr;
}
inline constexpr std::array<int, 16> uuid_dash = {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0};
inline char* put_uuid(char* out, const uuid& id) noexcept {
  for (std::size_t i = 0; i < 16; ++i) {
    if (uuid_dash[i] != 0) *out++ = '-';
    *out++ = hex_digits[id.data[i] >> 4];
    *out++ = hex_digits[id.data[i] & 15];
  }
  return out;
}
/// Reads 36 characters.
inline bool get_uuid(const char* at, uuid& id) noexcept {
  for (std::size_t i = 0; i < 16; ++i) {
    if (uuid_dash[i] != 0 && *at++ != '-') return false;
    const unsigned high = hex_value(at[0]);
    const unsigned low = hex_value(at[1]);
    if ((high | low) > 15) return false;
    id.data[i] = static_cast<std::uint8_t>(high << 4 | low);
    at += 2;
  }
  return true;
}

/// `,"name":` of a described member, made at compile time.
template <class Member>
struct field_name {
  static constexpr std::size_t length = std::char_traits<char>::length(Member::name);
  struct text {
    char characters[length + 4]{};
    constexpr text() {
      characters[0] = ',';
      characters[1] = '"';
      for (std::size_t i = 0; i < length; ++i) characters[i + 2] = Member::name[i];
      characters[length + 2] = '"';
      characters[length + 3] = ':';
    }
  };
  static constexpr text whole{};
  static constexpr std::string_view with_comma{whole.characters, length + 4};
  static constexpr std::string_view without_comma = with_comma.substr(1);
};

/// The enumerator of that name; false if there is none.
template <class E>
[[nodiscard]] bool enum_of_name(std::string_view name, E& out) noexcept {
  bool found = false;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto e) {
    if (!found && name == e.name) {
      out = e.value;
      found = true;
    }
  });
  return found;
}

template <class T>
struct is_strong : std::false_type {};
template <class Tag, class V>
struct is_strong<strong<Tag, V>> : std::true_type {};
/// A list: anything but a text that has elements.
template <class T>
concept list_like =
    requires(T v) { v.push_back(*v.begin()); } && !std::is_same_v<T, std::string_view>;

}  // namespace ssdfs::meta::text
