// Messages to bytes and back, from one Boost.Describe description a struct.
//
// Encoding: fields in the order of their description, little-endian, without tags.
//   integers, enums, strong ids   their width
//   bool                          1 byte, 0 or 1
//   uuid                          16 bytes
//   string, string_view           u32 length, bytes
//   vector<T>                     u32 count, elements
//   described struct as a field   u32 length, its fields
// Compatibility: a struct may grow by fields at its end. A decoder that finds fewer bytes than it
// has fields leaves the rest at their defaults; one that finds more ignores them. This holds for
// the message itself (its length is the frame's message length) and for nested structs (their own
// length). A field that is cut in the middle is an error.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ssdfs::wire {

template <class T>
concept described = boost::describe::has_describe_members<T>::value && std::is_class_v<T>;

/// Number of bytes that a value takes.
template <class T>
  requires(std::is_integral_v<T> || std::is_enum_v<T>)
[[nodiscard]] constexpr std::size_t encoded_size(const T&) noexcept {
  return sizeof(T);
}
[[nodiscard]] constexpr std::size_t encoded_size(const uuid&) noexcept { return 16; }
[[nodiscard]] inline std::size_t encoded_size(std::string_view s) noexcept { return 4 + s.size(); }
[[nodiscard]] inline std::size_t encoded_size(const std::string& s) noexcept {
  return 4 + s.size();
}
template <class Tag, class T>
[[nodiscard]] constexpr std::size_t encoded_size(const strong<Tag, T>& id) noexcept {
  return encoded_size(id.value);
}
template <class T>
[[nodiscard]] std::size_t encoded_size(const std::vector<T>& list) noexcept;
template <described T>
[[nodiscard]] std::size_t encoded_size(const T& value) noexcept;

/// The same for the fields alone: a whole message.
template <described T>
[[nodiscard]] std::size_t encoded_fields_size(const T& value) noexcept {
  using members = boost::describe::describe_members<T, boost::describe::mod_public>;
  std::size_t total = 0;
  boost::mp11::mp_for_each<members>(
      [&](auto member) { total += encoded_size(value.*member.pointer); });
  return total;
}
template <described T>
std::size_t encoded_size(const T& value) noexcept {
  return 4 + encoded_fields_size(value);
}
template <class T>
std::size_t encoded_size(const std::vector<T>& list) noexcept {
  if constexpr (std::is_arithmetic_v<T>) {
    return 4 + list.size() * sizeof(T);
  } else {
    std::size_t total = 4;
    for (const T& item : list) total += encoded_size(item);
    return total;
  }
}

/// Writes values into memory of the size that encoded_size told: one growth of the output a
/// message, and no test for room a field.
class writer {
 public:
  explicit writer(std::byte* to) noexcept : at_(to) {}

  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void put(T v) noexcept {
    static_assert(!std::is_same_v<T, bool> || sizeof(T) == 1);
    if constexpr (std::is_enum_v<T>) {
      store_le(at_, static_cast<std::underlying_type_t<T>>(v));
    } else {
      store_le(at_, v);
    }
    at_ += sizeof(T);
  }
  void put(std::string_view s) noexcept {
    put(static_cast<std::uint32_t>(s.size()));
    append(s.data(), s.size());
  }
  void put(const std::string& s) noexcept { put(std::string_view(s)); }
  void put(const uuid& id) noexcept { append(id.data, 16); }
  template <class Tag, class T>
  void put(const strong<Tag, T>& id) noexcept {
    put(id.value);
  }
  template <class T>
  void put(const std::vector<T>& list) noexcept {
    put(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) put(item);
  }
  template <described T>
  void put(const T& value) noexcept {
    std::byte* const length = at_;
    at_ += 4;
    put_fields(value);
    store_le(length, static_cast<std::uint32_t>(at_ - length - 4));
  }

  /// The fields alone: the form of a whole message.
  template <described T>
  void put_fields(const T& value) noexcept {
    using members = boost::describe::describe_members<T, boost::describe::mod_public>;
    boost::mp11::mp_for_each<members>([&](auto member) { put(value.*member.pointer); });
  }
  /// Where the next value goes.
  [[nodiscard]] std::byte* at() const noexcept { return at_; }

 private:
  void append(const void* from, std::size_t n) noexcept {
    if (n > 0) std::memcpy(at_, from, n);
    at_ += n;
  }
  std::byte* at_;
};

/// Takes values from the front of a view; every get returns false, without reading further, if
/// bytes are missing. Decoded string_views alias the input.
class reader {
 public:
  explicit reader(bytes_view in) : in_(in) {}
  [[nodiscard]] bool empty() const noexcept { return in_.empty(); }

  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  [[nodiscard]] bool get(T& v) {
    if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> raw{};
      if (!get(raw)) return false;
      v = static_cast<T>(raw);
    } else if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t raw = 0;
      if (!get(raw) || raw > 1) return false;
      v = raw != 0;
    } else {
      if (in_.size() < sizeof(T)) return false;
      v = load_le<T>(in_.data());
      in_ = in_.subspan(sizeof(T));
    }
    return true;
  }
  [[nodiscard]] bool get(std::string_view& s) {
    std::uint32_t n = 0;
    if (!get(n) || n > in_.size()) return false;
    s = as_chars(in_.first(n));
    in_ = in_.subspan(n);
    return true;
  }
  [[nodiscard]] bool get(std::string& s) {
    std::string_view v;
    if (!get(v)) return false;
    s.assign(v);
    return true;
  }
  [[nodiscard]] bool get(uuid& id) {
    if (in_.size() < 16) return false;
    std::memcpy(id.data, in_.data(), 16);
    in_ = in_.subspan(16);
    return true;
  }
  template <class Tag, class T>
  [[nodiscard]] bool get(strong<Tag, T>& id) {
    return get(id.value);
  }
  template <class T>
  [[nodiscard]] bool get(std::vector<T>& list) {
    std::uint32_t n = 0;
    // Every element takes at least one byte, so a count beyond the bytes that are left is a lie;
    // memory grows only as elements really decode.
    if (!get(n) || n > in_.size()) return false;
    list.clear();
    if constexpr (std::is_arithmetic_v<T>) {
      if (n > in_.size() / sizeof(T)) return false;
      list.reserve(n);
    }
    for (std::uint32_t i = 0; i < n; ++i) {
      list.emplace_back();
      if (!get(list.back())) return false;
    }
    return true;
  }
  template <described T>
  [[nodiscard]] bool get(T& value) {
    std::uint32_t n = 0;
    if (!get(n) || n > in_.size()) return false;
    reader inner(in_.first(n));
    in_ = in_.subspan(n);
    return inner.get_fields(value);
  }
  /// Fields up to the end of the input; missing trailing fields keep their values.
  template <described T>
  [[nodiscard]] bool get_fields(T& value) {
    using members = boost::describe::describe_members<T, boost::describe::mod_public>;
    bool ok = true;
    boost::mp11::mp_for_each<members>([&](auto member) {
      if (ok && !in_.empty()) ok = get(value.*member.pointer);
    });
    return ok;
  }

 private:
  bytes_view in_;
};

/// Encodes a whole message, appending to `out`.
template <described T>
void encode(const T& message, std::vector<std::byte>& out) {
  const std::size_t start = out.size();
  out.resize(start + encoded_fields_size(message));
  writer to(out.data() + start);
  to.put_fields(message);
}

/// Decodes a whole message into `out`, which should be default-constructed. False if malformed.
/// string_view fields alias `in`.
template <described T>
[[nodiscard]] bool decode(bytes_view in, T& out) {
  return reader(in).get_fields(out);
}

}  // namespace ssdfs::wire
