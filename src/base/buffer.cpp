#include "base/buffer.hpp"

#include <array>
#include <bit>
#include <cstdlib>
#include <new>

namespace ssdfs {
namespace {

// Blocks of 1 to 32 KiB, the contents of small files, come and go with every request, and the
// general allocator puts its small free blocks together each time. Each thread keeps some of those
// that it frees. Under a sanitizer none: it could not see their misuse.
class block_cache {
 public:
  static constexpr std::size_t most = std::size_t{32} << 10;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr bool enabled = false;
#elif defined(__has_feature)
  static constexpr bool enabled =
      !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
  static constexpr bool enabled = true;
#endif

  ~block_cache();

  [[nodiscard]] static bool suits(std::size_t capacity) noexcept {
    return enabled && capacity > least / 2 && capacity <= most;
  }
  /// What is to be allocated for `capacity` bytes: any block of a class serves all of it.
  [[nodiscard]] static std::size_t room(std::size_t capacity) noexcept {
    return suits(capacity) ? std::bit_ceil(capacity) : capacity;
  }
  /// Null if there is none.
  [[nodiscard]] void* take(std::size_t capacity) noexcept {
    list& from = lists_[class_of(capacity)];
    return from.count == 0 ? nullptr : from.blocks[--from.count];
  }
  void give(void* block, std::size_t capacity) noexcept {
    list& to = lists_[class_of(capacity)];
    if (to.count == to.blocks.size()) return std::free(block);
    to.blocks[to.count++] = block;
  }

 private:
  static constexpr std::size_t least = std::size_t{1} << 10;
  static constexpr std::size_t classes = std::bit_width(most) - std::bit_width(least) + 1;
  struct list {
    std::array<void*, 32> blocks;
    std::size_t count = 0;
  };
  static std::size_t class_of(std::size_t capacity) noexcept {
    return static_cast<std::size_t>(std::bit_width(std::bit_ceil(capacity)) -
                                    std::bit_width(least));
  }
  std::array<list, classes> lists_{};
};

thread_local constinit bool cache_is_gone = false;  // at the end of a thread
thread_local block_cache cache;

block_cache::~block_cache() {
  cache_is_gone = true;
  for (list& l : lists_) {
    while (l.count > 0) std::free(l.blocks[--l.count]);
  }
}

}  // namespace

buffer_ref buffer::make(std::size_t capacity) {
  void* memory = nullptr;
  if (block_cache::suits(capacity) && !cache_is_gone) memory = cache.take(capacity);
  if (memory == nullptr) memory = std::malloc(sizeof(buffer) + block_cache::room(capacity));
  if (memory == nullptr) throw std::bad_alloc();
  return buffer_ref(::new (memory) buffer(capacity));
}

void intrusive_ptr_release(buffer* b) noexcept {
  if (b->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::size_t capacity = b->capacity_;
  b->~buffer();
  if (block_cache::suits(capacity) && !cache_is_gone) {
    cache.give(b, capacity);
  } else {
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
