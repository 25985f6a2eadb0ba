// SSDFS: bytes of a file as a read hands them over. Needs no Asio.
#pragma once

#include "ssdfs/types.hpp"

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace ssdfs {

/// Owns the bytes (or the range) of a file that was read, and what is known about the file. The
/// bytes may lie in the memory that they were received in. Move-only. Empty by default.
class file_content {
 public:
  file_content() noexcept = default;
  /// For the library: adopts `bytes`, which live until `release(owner)` is called.
  file_content(std::span<const std::byte> bytes, void* owner, void (*release)(void*) noexcept,
               file_status status) noexcept
      : bytes_(bytes), owner_(owner), release_(release), status_(std::move(status)) {}
  file_content(file_content&& other) noexcept { swap(other); }
  file_content& operator=(file_content&& other) noexcept {
    file_content(std::move(other)).swap(*this);
    return *this;
  }
  ~file_content() {
    if (release_ != nullptr) release_(owner_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  /// Attributes of the whole file, without path and chunks.
  [[nodiscard]] const file_status& status() const noexcept { return status_; }

  void swap(file_content& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(owner_, other.owner_);
    std::swap(release_, other.release_);
    std::swap(status_, other.status_);
  }

 private:
  std::span<const std::byte> bytes_;
  void* owner_ = nullptr;
  void (*release_)(void*) noexcept = nullptr;
  file_status status_;
};

}  // namespace ssdfs
