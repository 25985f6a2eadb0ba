// Bytes on their way out of a connection.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace ssdfs::http {

/// Memory of `size` bytes, not cleared; of some sizes a bounded stock is kept for the whole
/// process, which connections that are idle leave theirs to. Thread-safe.
[[nodiscard]] std::unique_ptr<char[]> take_memory(std::size_t size);
void give_memory(std::unique_ptr<char[]> memory, std::size_t size) noexcept;

/// Appends at the end, is taken from the front. Grows without clearing memory; lets go of much of
/// it when empty.
class output_buffer {
 public:
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] const char* data() const noexcept { return memory_.get() + begin_; }

  void append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(extend(text.size()), text.data(), text.size());
  }
  /// Room for n more bytes, to be written by the caller; moves what is there.
  [[nodiscard]] char* extend(std::size_t n) {
    if (capacity_ - end_ < n) grow(n);
    char* const at = memory_.get() + end_;
    end_ += n;
    return at;
  }
  /// Back to a size() that it had, with nothing consumed since.
  void shrink_to(std::size_t size) noexcept { end_ = begin_ + size; }
  void consume(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ != end_) return;
    begin_ = end_ = 0;
    if (capacity_ > kept) {
      give_memory(std::move(memory_), capacity_);
      capacity_ = 0;
    }
  }

 private:
  static constexpr std::size_t kept = 32 << 10;

  void grow(std::size_t n) {
    const std::size_t used = size();
    std::size_t wanted = capacity_ < 1024 ? 1024 : capacity_;
    while (wanted < used + n) wanted *= 2;
    std::unique_ptr<char[]> next = take_memory(wanted);
    if (used > 0) std::memcpy(next.get(), data(), used);
    if (memory_) give_memory(std::move(memory_), capacity_);
    memory_ = std::move(next);
    capacity_ = wanted;
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace ssdfs::http
