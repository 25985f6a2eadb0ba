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

/// Appends to a byte vector. Reuse one writer to keep its memory.
class writer {
 public:
  explicit writer(std::vector<std::byte>& out) : out_(out) {}

  template <class T>
  void put(const T& value) {
    put_value(value);
  }

 private:
  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void put_value(T v) {
    if constexpr (std::is_enum_v<T>) {
      put_value(static_cast<std::underlying_type_t<T>>(v));
    } else if constexpr (std::is_same_v<T, bool>) {
      put_value(static_cast<std::uint8_t>(v ? 1 : 0));
    } else {
      std::byte raw[sizeof(T)];
      store_le(raw, v);
      append({raw, sizeof(T)});
    }
  }
  void put_value(std::string_view s) {
    put_value(static_cast<std::uint32_t>(s.size()));
    append(as_bytes(s));
  }
  void put_value(const std::string& s) { put_value(std::string_view(s)); }
  void put_value(const uuid& id) { append({reinterpret_cast<const std::byte*>(id.data), 16}); }
  template <class Tag, class T>
  void put_value(const strong<Tag, T>& id) {
    put_value(id.value);
  }
  template <class T>
  void put_value(const std::vector<T>& list) {
    put_value(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) put_value(item);
  }
  template <described T>
  void put_value(const T& value) {
    const std::size_t at = out_.size();
    put_value(std::uint32_t{0});
    put_fields(value);
    store_le(out_.data() + at, static_cast<std::uint32_t>(out_.size() - at - 4));
  }

 public:
  /// The fields alone: the form of a whole message.
  template <described T>
  void put_fields(const T& value) {
    using members = boost::describe::describe_members<T, boost::describe::mod_public>;
    boost::mp11::mp_for_each<members>([&](auto member) { put_value(value.*member.pointer); });
  }

 private:
  void append(bytes_view b) { out_.insert(out_.end(), b.begin(), b.end()); }
  std::vector<std::byte>& out_;
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
  writer(out).put_fields(message);
}

/// Decodes a whole message into `out`, which should be default-constructed. False if malformed.
/// string_view fields alias `in`.
template <described T>
[[nodiscard]] bool decode(bytes_view in, T& out) {
  return reader(in).get_fields(out);
}

}  // namespace ssdfs::wire
