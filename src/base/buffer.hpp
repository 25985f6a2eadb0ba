// Reference-counted memory for bytes that travel: read from a socket, written to a disk, forwarded
// to the next replica, without being copied.
#pragma once

#include "base/bytes.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstdint>

namespace ssdfs {

/// One block of memory of fixed capacity. Shared by buffer_ref; freed with the last one. The
/// contents may be written only by its producer, before others see it.
class buffer {
 public:
  /// Uninitialized; throws std::bad_alloc.
  [[nodiscard]] static boost::intrusive_ptr<buffer> make(std::size_t capacity);

  [[nodiscard]] std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// True if the caller's reference is the only one, so that the memory may be written again: all
  /// that others did with it happened before.
  [[nodiscard]] bool unique() const noexcept {
    return references_.load(std::memory_order_acquire) == 1;
  }

  friend void intrusive_ptr_add_ref(buffer* b) noexcept {
    b->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(buffer* b) noexcept;

 private:
  explicit buffer(std::size_t capacity) : capacity_(capacity) {}
  std::atomic<std::uint32_t> references_{0};
  std::size_t capacity_;
};

using buffer_ref = boost::intrusive_ptr<buffer>;

/// A view together with what keeps it alive. A null hold means that the bytes outlive the user by
/// other means, which the interface that takes it states.
struct shared_bytes {
  bytes_view view;
  buffer_ref hold;
};

/// Copies `data` into a new buffer.
[[nodiscard]] shared_bytes copy_bytes(bytes_view data);

}  // namespace ssdfs
