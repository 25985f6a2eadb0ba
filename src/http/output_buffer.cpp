#include "http/output_buffer.hpp"

#include <array>
#include <bit>
#include <mutex>
#include <utility>
#include <vector>

namespace ssdfs::http {
namespace {

// Fresh memory of this size is mapped and cleared page by page, which costs more than to fill it.
struct store {
  static constexpr std::size_t most_bytes = 32 << 20;
  std::mutex mutex;
  std::array<std::vector<std::unique_ptr<char[]>>, 8> by_size;  // guarded by mutex
  std::size_t bytes = 0;                                        // guarded by mutex
};

store& the_store() {
  static store s;
  return s;
}

// 64 KiB to 1 MiB, powers of two; nothing for other sizes.
bool is_pooled(std::size_t size, std::size_t& index) {
  if (size < (64U << 10) || size > (1U << 20) || !std::has_single_bit(size)) return false;
  index = static_cast<std::size_t>(std::countr_zero(size)) - 16;
  return true;
}

}  // namespace

std::unique_ptr<char[]> take_memory(std::size_t size) {
  std::size_t index = 0;
  if (is_pooled(size, index)) {
    store& s = the_store();
    const std::lock_guard lock(s.mutex);
    auto& free = s.by_size[index];
    if (!free.empty()) {
      auto memory = std::move(free.back());
      free.pop_back();
      s.bytes -= size;
      return memory;
    }
  }
  return std::unique_ptr<char[]>(new char[size]);  // not cleared
}

void give_memory(std::unique_ptr<char[]> memory, std::size_t size) noexcept {
  std::size_t index = 0;
  if (!is_pooled(size, index)) return;
  store& s = the_store();
  const std::lock_guard lock(s.mutex);
  if (s.bytes + size > store::most_bytes) return;
  s.by_size[index].push_back(std::move(memory));
  s.bytes += size;
}

}  // namespace ssdfs::http
