#include "base/buffer.hpp"

#include <cstdlib>
#include <new>

namespace ssdfs {

buffer_ref buffer::make(std::size_t capacity) {
  void* memory = std::malloc(sizeof(buffer) + capacity);
  if (memory == nullptr) throw std::bad_alloc();
  return buffer_ref(::new (memory) buffer(capacity));
}

void intrusive_ptr_release(buffer* b) noexcept {
  if (b->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    b->~buffer();
    std::free(b);
  }
}

shared_bytes copy_bytes(bytes_view data) {
  shared_bytes out;
  out.hold = buffer::make(data.size());
  if (!data.empty()) std::memcpy(out.hold->data(), data.data(), data.size());
  out.view = {out.hold->data(), data.size()};
  return out;
}

}  // namespace ssdfs
