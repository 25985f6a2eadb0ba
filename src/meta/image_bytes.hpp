// Numbers and texts in an image's payloads: LEB128 integers, zigzag for signed ones,
// length-prefixed texts, raw uuids. Used by the image codec alone.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ssdfs::meta {

/// Appends values to a payload. An image of 100 million files is a billion calls: room is made for
/// the longest number at once, and its bytes are stored without asking again.
class image_output {
 public:
  void number(std::uint64_t v) {
    constexpr std::size_t longest = 10;
    std::byte* at = room(longest);
    while (v >= 0x80) {
      *at++ = static_cast<std::byte>(v | 0x80);
      v >>= 7;
    }
    *at++ = static_cast<std::byte>(v);
    size_ = static_cast<std::size_t>(at - bytes_.data());
  }
  void signed_number(std::int64_t v) {
    number(static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63));
  }
  /// As a difference, modulo 2^64.
  void difference(std::uint64_t v, std::uint64_t before) {
    signed_number(static_cast<std::int64_t>(v - before));
  }
  void byte(std::uint8_t v) {
    *room(1) = static_cast<std::byte>(v);
    ++size_;
  }
  void fixed32(std::uint32_t v) { raw(&v, sizeof v); }
  void fixed64(std::uint64_t v) { raw(&v, sizeof v); }
  void id(const uuid& v) { raw(v.data, sizeof v.data); }
  void text(std::string_view v) {
    number(v.size());
    raw(v.data(), v.size());
  }
  void raw(const void* data, std::size_t size) {
    if (size == 0) return;
    std::memcpy(room(size), data, size);
    size_ += size;
  }

  [[nodiscard]] bytes_view bytes() const noexcept { return bytes_view(bytes_).first(size_); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Keeps the memory.
  void clear() noexcept { size_ = 0; }

 private:
  // Where the next `size` bytes go.
  std::byte* room(std::size_t size) {
    if (bytes_.size() - size_ < size) [[unlikely]] {
      bytes_.resize(std::max(2 * bytes_.size(), size_ + size));
    }
    return bytes_.data() + size_;
  }

  std::vector<std::byte> bytes_;  // the payload and room behind it
  std::size_t size_ = 0;          // of the payload
};

/// Takes values from a payload. After the first that is missing or malformed every get returns
/// zeros, and ok() is false.
class image_input {
 public:
  explicit image_input(bytes_view in) : at_(in.data()), end_(in.data() + in.size()) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool empty() const noexcept { return at_ == end_; }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  std::uint64_t number() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const auto b = std::to_integer<std::uint64_t>(*at_++);
      v |= (b & 0x7f) << shift;
      if (b < 0x80) {
        if (shift == 63 && b > 1) break;
        return v;
      }
    }
    return fail();
  }
  /// A number of at most `limit`.
  std::uint64_t number(std::uint64_t limit) {
    const std::uint64_t v = number();
    return v <= limit ? v : fail();
  }
  std::uint32_t number32() { return static_cast<std::uint32_t>(number(UINT32_MAX)); }
  std::int64_t signed_number() {
    const std::uint64_t v = number();
    return static_cast<std::int64_t>(v >> 1 ^ (~(v & 1) + 1));
  }
  std::uint64_t difference(std::uint64_t before) {
    return before + static_cast<std::uint64_t>(signed_number());
  }
  std::uint8_t byte() { return at_ == end_ ? static_cast<std::uint8_t>(fail()) : take_byte(); }
  std::uint32_t fixed32() { return fixed<std::uint32_t>(); }
  std::uint64_t fixed64() { return fixed<std::uint64_t>(); }
  uuid id() {
    uuid v{};
    if (const std::byte* from = take(sizeof v.data); from != nullptr) {
      std::memcpy(v.data, from, sizeof v.data);
    }
    return v;
  }
  /// Aliases the payload.
  std::string_view text(std::size_t limit) {
    const auto n = static_cast<std::size_t>(number(limit));
    const std::byte* from = take(n);
    if (from == nullptr) return {};
    return {reinterpret_cast<const char*>(from), n};
  }
  /// A count of items that take at least a byte each.
  std::size_t count() { return static_cast<std::size_t>(number(left())); }

  std::uint64_t fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

 private:
  std::uint8_t take_byte() { return std::to_integer<std::uint8_t>(*at_++); }
  const std::byte* take(std::size_t n) {
    if (n > left()) {
      fail();
      return nullptr;
    }
    const std::byte* from = at_;
    at_ += n;
    return from;
  }
  template <class T>
  T fixed() {
    const std::byte* from = take(sizeof(T));
    return from == nullptr ? T{} : load_le<T>(from);
  }

  const std::byte* at_;
  const std::byte* end_;
  bool ok_ = true;
};

/// Tags of items inside of payloads that are streams of items.
namespace image_item {
inline constexpr std::uint8_t volume = 1;
inline constexpr std::uint8_t grant = 2;
inline constexpr std::uint8_t removal = 3;
inline constexpr std::uint8_t freed = 4;
inline constexpr std::uint8_t lost = 5;

inline constexpr std::uint8_t client = 1;
inline constexpr std::uint8_t result = 2;

inline constexpr std::uint8_t end_of_directory = 0;
inline constexpr std::uint8_t file = 1;
inline constexpr std::uint8_t directory = 2;
inline constexpr std::uint8_t root = 3;
inline constexpr std::uint8_t detached = 4;
// Flags of a file's or directory's tag.
inline constexpr std::uint8_t kind_mask = 0x07;
inline constexpr std::uint8_t with_quota = 0x08;     // directories
inline constexpr std::uint8_t with_type = 0x08;      // files
inline constexpr std::uint8_t listed_chunks = 0x10;  // files with several chunks
inline constexpr unsigned replication_shift = 6;     // files
// Added to the id of owner, group and mode of what has an extra, which follows.
inline constexpr std::uint32_t with_extra = 0x10000;
}  // namespace image_item

}  // namespace ssdfs::meta
