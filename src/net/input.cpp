#include "net/input.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace ssdfs::net {

input::input() : slab_(buffer::make(small_slab)) {}

bytes_span input::space() {
  const std::size_t have = end_ - begin_;
  // How much of the frame at the front there must be room for. Not more than four times what has
  // arrived: a length is only a claim until its bytes are here.
  std::size_t room = std::max(need_, wire::frame_header_size);
  if (room > big_slab) room = std::min(room + margin, std::max(want_, have * 4));
  // A read into a few bytes at a slab's end would cost a system call for nothing.
  const std::size_t left = slab_->capacity() - end_;
  const bool cramped = left == 0 || (left < cramped_room && have < cramped_room);
  const bool fits = begin_ + room <= slab_->capacity() && !cramped;

  if (slab_->unique()) {
    const bool oversized = slab_->capacity() > 2 * std::max(want_, room);
    if (room > slab_->capacity() || (have == 0 && (slab_->capacity() < want_ || oversized))) {
      replace(std::max(room, want_));
    } else if (have == 0 || !fits) {
      std::memmove(slab_->data(), slab_->data() + begin_, have);
      begin_ = 0;
      end_ = have;
    }
  } else if (!fits) {
    replace(std::max(room, want_));
  }
  offered_ = slab_->capacity() - end_;
  return {slab_->data() + end_, offered_};
}

void input::received(std::size_t n) {
  SSDFS_ASSERT(n <= slab_->capacity() - end_);
  end_ += n;
  adapt(n, offered_);
}

wire::decode_result input::next() {
  wire::decode_result out;
  const bytes_view front = rest();
  // Decoding is tried again only when the missing bytes are there: a message whose body trickles in
  // must not have its CRC computed for every byte.
  if (front.empty() || front.size() < need_) {
    out.length = std::max(need_, wire::frame_header_size);
    return out;
  }
  out = wire::decode_frame(front);
  if (out.status == wire::decode_status::complete) {
    begin_ += out.length;
    need_ = 0;
    if (out.length > big_slab) want_ = std::max(want_, out.length + margin);
  } else if (out.status == wire::decode_status::incomplete) {
    need_ = out.length > wire::frame_header_size ? out.length : 0;
  }
  return out;
}

void input::discard() noexcept {
  begin_ = end_;
  need_ = 0;
}

// Doubles the slab when a read filled it, halves it when reads stay far below for long.
void input::adapt(std::size_t received, std::size_t offered) noexcept {
  constexpr std::uint32_t patience = 256;
  if (received == offered) {
    if (want_ < big_slab) want_ *= 2;
    calm_reads_ = 0;
  } else if (received >= want_ / 8 || want_ == small_slab) {
    calm_reads_ = 0;
  } else if (++calm_reads_ == patience) {
    want_ = std::max(small_slab, want_ > big_slab ? big_slab : want_ / 2);
    calm_reads_ = 0;
  }
}

void input::replace(std::size_t capacity) {
  const std::size_t have = end_ - begin_;
  buffer_ref next = take_slab(capacity);
  if (have > 0) std::memcpy(next->data(), slab_->data() + begin_, have);
  {
    const std::lock_guard lock(retired_mutex_);
    retired_.push_back(std::move(slab_));
    count_retired();
  }
  slab_ = std::move(next);
  begin_ = 0;
  end_ = have;
}

// Reuses one retired slab that fits and is free; frees all the other free ones but one.
buffer_ref input::take_slab(std::size_t capacity) {
  buffer_ref found;
  {
    const std::lock_guard lock(retired_mutex_);
    bool spare = false;
    std::erase_if(retired_, [&](buffer_ref& slab) {
      if (!slab->unique()) return false;
      const bool fits = slab->capacity() >= capacity && slab->capacity() <= 2 * capacity;
      if (fits && !found) {
        found = std::move(slab);
        return true;
      }
      const bool keep = fits && !spare;
      spare = spare || fits;
      return !keep;
    });
  }
  return found ? found : buffer::make(capacity);
}

bool input::pins_more_than(std::size_t limit) const {
  if (retired_bytes_.load(std::memory_order_relaxed) <= limit) return false;
  const std::lock_guard lock(retired_mutex_);
  std::size_t total = 0;
  for (const buffer_ref& slab : retired_) {
    if (!slab->unique()) total += slab->capacity();
  }
  return total > limit;
}

void input::trim() {
  const std::lock_guard lock(retired_mutex_);
  if (retired_.empty()) return;
  std::erase_if(retired_, [](const buffer_ref& slab) { return slab->unique(); });
  count_retired();
}

void input::count_retired() noexcept {
  std::size_t total = 0;
  for (const buffer_ref& slab : retired_) total += slab->capacity();
  retired_bytes_.store(total, std::memory_order_relaxed);
}

}  // namespace ssdfs::net
