// Characters that grow at the end, without the zero-filling and the bounds of std::string: what
// records are encoded into and what the log's buffers are made of.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace ssdfs::meta {

/// Owns its memory; keeps it when cleared. Not thread-safe.
class text_buffer {
 public:
  text_buffer() = default;
  text_buffer(text_buffer&& other) noexcept { swap(other); }
  text_buffer& operator=(text_buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  /// A place for at least `bytes` more characters; valid until the next non-const call. Throws
  /// std::bad_alloc.
  [[nodiscard]] char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) grow(bytes);
    return data_.get() + size_;
  }
  /// The first `bytes` of the last room() are filled.
  void commit(std::size_t bytes) noexcept { size_ += bytes; }

  void append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(room(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void clear() noexcept { size_ = 0; }
  /// Forgets what lies behind the first `bytes`.
  void truncate(std::size_t bytes) noexcept { size_ = bytes < size_ ? bytes : size_; }
  void swap(text_buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  [[nodiscard]] std::string_view view() const noexcept { return {data_.get(), size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  void grow(std::size_t bytes) {
    std::size_t capacity = capacity_ < 2048 ? 4096 : capacity_ * 2;
    while (capacity - size_ < bytes) capacity *= 2;
    std::unique_ptr<char[]> data(new char[capacity]);
    if (size_ != 0) std::memcpy(data.get(), data_.get(), size_);
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace ssdfs::meta
