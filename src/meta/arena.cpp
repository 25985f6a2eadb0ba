#include "meta/arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>
#include <string>
#include <system_error>

namespace ssdfs::meta {
namespace {

// Addresses are made usable in steps of this size; untouched pages cost nothing.
// Rather large ones: a step has to wait for whoever prepares memory in the same moment.
constexpr std::size_t growth_step = std::size_t{128} << 20;
constexpr std::size_t arena_capacity = std::size_t{32} << 30;
// Slices swept for each one taken from the end: the arena grows by at most 1/16 during a sweep.
constexpr int sweep_ratio = 16;
constexpr std::uint64_t smallest_sweep = std::uint64_t{1} << 20;
constexpr std::size_t huge_page = std::size_t{2} << 20;
// A region takes free blocks of another one when these are more than this part of everything. Nodes
// free many blocks while they grow, and are going to need them again.
constexpr std::size_t spared_nodes = 64;
constexpr std::size_t spared_others = 16;
constexpr std::size_t most_ahead = std::size_t{32} << 20;

// That the kernel does not know the advice (EINVAL) means that it has no huge pages.
void advise(std::byte* at, std::size_t bytes, int advice) {
  static_cast<void>(::madvise(at, bytes, advice));
}

// The first offset from `offset` on where a huge page can begin.
std::size_t next_huge_page(const std::byte* base, std::size_t offset) {
  const auto address = reinterpret_cast<std::uintptr_t>(base) + offset;
  return offset + (huge_page - address % huge_page) % huge_page;
}

}  // namespace

void prepare(const upcoming_memory& memory) noexcept {
  // Both are hints: without them the pages come when they are touched. In pieces, because the
  // process's mappings are locked during each, and whoever extends the memory waits for that.
  advise(memory.at, memory.bytes, MADV_HUGEPAGE);
  for (std::size_t done = 0; done < memory.bytes; done += huge_page) {
    advise(memory.at + done, std::min(huge_page, memory.bytes - done), MADV_POPULATE_WRITE);
  }
}

reserved_memory::reserved_memory(std::size_t capacity)
    : capacity_((capacity + growth_step - 1) / growth_step * growth_step) {
  void* at = ::mmap(nullptr, capacity_ + huge_page, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    throw std::system_error(
        errno, std::generic_category(),
        "no room for " + std::to_string(capacity_ >> 30) + " GiB of addresses (see ulimit -v)");
  }
  mapped_ = static_cast<std::byte*>(at);
  data_ = mapped_ + next_huge_page(mapped_, 0);
  take_huge_pages(false, 0);
}

reserved_memory::~reserved_memory() { ::munmap(mapped_, capacity_ + huge_page); }

bool reserved_memory::grow(std::size_t bytes) {
  const std::size_t usable = (bytes + growth_step - 1) / growth_step * growth_step;
  if (usable > capacity_) return false;
  if (::mprotect(data_ + usable_, usable - usable_, PROT_READ | PROT_WRITE) != 0) {
    throw std::bad_alloc();
  }
  if (huge_) advise(data_ + usable_, usable - usable_, MADV_HUGEPAGE);
  usable_ = usable;
  return true;
}

void reserved_memory::take_huge_pages(bool on, std::size_t used) noexcept {
  const std::size_t from = next_huge_page(data_, used);
  huge_ = on;
  // What is not usable yet gets the advice in grow().
  const std::size_t end = on ? usable_ : capacity_;
  if (from < end) advise(data_ + from, end - from, on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

/// A free block, which is on the list of its size unless its slice waits to be swept.
struct arena::free_block {
  std::uint8_t kind;
  std::uint8_t unused;
  std::uint16_t units;
  std::uint32_t next;
};

arena::arena(size_function size_of)
    : size_of_(size_of), memory_(arena_capacity), base_(memory_.data()) {
  static_assert(sizeof(free_block) == 8);
  static_assert(slice_units <= UINT16_MAX);
  memory_.extend(slice_bytes);
  region& first = regions_.back();
  take_extent(first);
  *base_ = static_cast<std::byte>(block_kind::reserved);
  first.at = 1;
}

std::size_t arena::region_for(block_kind kind) noexcept {
  switch (kind) {
    case block_kind::leaf:
    case block_kind::inner:
    case block_kind::text: return 0;
    case block_kind::directory: return 1;
    default: return regions - 1;
  }
}

// The end of what has been allocated in a slice; its begin if nothing has. Only the last extent of
// a region, which is behind all others of it, has slices that are not full.
std::size_t arena::limit_of(std::size_t slice) const noexcept {
  const std::size_t begin = slice * slice_units;
  return std::clamp(regions_[slice_regions_[slice]].at, begin, begin + slice_units);
}

std::size_t arena::units_at(std::uint32_t id) const {
  const std::byte* block = at(id);
  switch (kind_of(block)) {
    case block_kind::free: return reinterpret_cast<const free_block*>(block)->units;
    case block_kind::reserved: return 1;
    default: return size_of_(block) / 8;
  }
}

std::uint32_t arena::allocate(block_kind kind, std::size_t bytes) {
  SSDFS_ASSERT(bytes % 8 == 0 && bytes > 0 && bytes <= max_block);
  const std::size_t units = bytes / 8;
  const std::uint32_t id = take(regions_[region_for(kind)], units);
  *at(id) = static_cast<std::byte>(kind);
  bytes_[static_cast<std::size_t>(kind)] += bytes;
  return id;
}

std::uint32_t arena::take(region& home, std::size_t units) {
  if (const std::uint32_t id = take_listed(home, units); id != 0) return id;
  for (region& other : regions_) {
    const std::size_t share = &other == &regions_.front() ? spared_nodes : spared_others;
    if (&other == &home || other.free_bytes * share < total_bytes()) continue;
    if (const std::uint32_t id = take_listed(other, units); id != 0) return id;
  }
  return take_from_end(home, units);
}

std::uint32_t arena::take_listed(region& from, std::size_t units) {
  std::size_t list = units;
  if (from.heads[list] == 0) {
    list = from.find_list(units + useful_rest);
    // A rest that is of little use is still better than not using the block at all.
    if (list == lists) list = from.find_list(units + 1);
    if (list == lists) return 0;
  }
  const std::uint32_t id = from.heads[list];
  const auto& block = *reinterpret_cast<const free_block*>(at(id));
  from.heads[list] = block.next;
  if (block.next == 0) from.filled[list / 64] &= ~(std::uint64_t{1} << list % 64);
  const std::size_t rest = block.units - units;
  bytes_[0] -= units * 8;
  from.free_bytes -= units * 8;
  if (rest > 0) push(id + static_cast<std::uint32_t>(units), rest);
  return id;
}

std::size_t arena::region::find_list(std::size_t from) const noexcept {
  if (from >= lists) return heads[lists - 1] != 0 ? lists - 1 : lists;
  std::size_t word = from / 64;
  std::uint64_t bits = filled[word] & (~std::uint64_t{0} << from % 64);
  while (bits == 0) {
    if (++word == filled.size()) return heads[lists - 1] != 0 ? lists - 1 : lists;
    bits = filled[word];
  }
  return word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
}

std::uint32_t arena::take_from_end(region& to, std::size_t units) {
  const std::size_t left = (slice_units - to.at % slice_units) % slice_units;
  if (left < units) {
    // Into the next slice; what is left of this one is free.
    const auto rest = static_cast<std::uint32_t>(to.at);
    to.at += left;
    if (left > 0) {
      bytes_[0] += left * 8;
      to.free_bytes += left * 8;
      push(rest, left);
    }
    if (to.at == to.end) take_extent(to);
    start_sweep_if_worthwhile();
    for (int i = 0; i < sweep_ratio && sweep_at_ < sweep_end_; ++i) sweep_slice();
  }
  const auto id = static_cast<std::uint32_t>(to.at);
  to.at += units;
  return id;
}

// Extents begin small, so that a small tree takes little memory, and none reaches over the end of a
// huge page.
void arena::take_extent(region& to) {
  constexpr std::size_t most = extent_bytes / slice_bytes;
  const std::size_t slice = slices();
  const std::size_t count =
      std::min(std::clamp<std::size_t>(slice / 32, 1, most), most - slice % most);
  const bool usable = memory_.extend((slice + count) * slice_bytes);
  SSDFS_ASSERT(usable);
  const auto index = static_cast<std::uint8_t>(&to - regions_.data());
  slice_regions_.insert(slice_regions_.end(), count, index);
  to.at = end_;
  end_ += count * slice_units;
  to.end = end_;
}

upcoming_memory arena::take_upcoming() {
  const std::size_t used = end_ * 8;
  const std::size_t ahead = used / 16 < most_ahead ? used / 16 : most_ahead;
  const std::size_t from = next_huge_page(base_, used > prepared_ ? used : prepared_);
  const std::size_t to = next_huge_page(base_, used + ahead);
  if (to <= from || to - from < ahead / 2 || !memory_.extend(to)) return {};
  prepared_ = to;
  return {base_ + from, to - from};
}

void arena::release(std::uint32_t id, std::size_t bytes) {
  SSDFS_ASSERT(id != 0 && kind_of(at(id)) != block_kind::free);
  bytes_[static_cast<std::size_t>(kind_of(at(id)))] -= bytes;
  make_free(id, bytes / 8);
}

void arena::shrink(std::uint32_t id, std::size_t bytes, std::size_t new_bytes) {
  if (bytes == new_bytes) return;
  SSDFS_ASSERT(new_bytes > 0 && new_bytes < bytes && new_bytes % 8 == 0);
  bytes_[static_cast<std::size_t>(kind_of(at(id)))] -= bytes - new_bytes;
  make_free(id + static_cast<std::uint32_t>(new_bytes / 8), (bytes - new_bytes) / 8);
}

void arena::make_free(std::uint32_t id, std::size_t units) {
  bytes_[0] += units * 8;
  region_of(id).free_bytes += units * 8;
  freed_since_sweep_ += units * 8;
  push(id, units);
}

void arena::push(std::uint32_t id, std::size_t units) {
  auto& block = *reinterpret_cast<free_block*>(at(id));
  block = {0, 0, static_cast<std::uint16_t>(units), 0};
  const std::size_t slice = id / slice_units;
  if (slice >= sweep_at_ && slice < sweep_end_) return;  // the sweep will find it
  const std::size_t list = units <= max_units ? units : lists - 1;
  region& home = region_of(id);
  block.next = home.heads[list];
  home.heads[list] = id;
  home.filled[list / 64] |= std::uint64_t{1} << list % 64;
}

void arena::start_sweep_if_worthwhile() {
  // A sweep costs the walk of everything; what was freed since the last one must be worth it.
  const std::uint64_t worthwhile = total_bytes() / 16;
  if (sweep_at_ < sweep_end_ || bytes_[0] < worthwhile || freed_since_sweep_ < worthwhile ||
      bytes_[0] < smallest_sweep) {
    return;
  }
  for (region& each : regions_) {
    each.heads.fill(0);
    each.filled.fill(0);
  }
  freed_since_sweep_ = 0;
  sweep_at_ = 0;
  sweep_end_ = slices();
}

void arena::sweep_slice() {
  const std::size_t slice = sweep_at_++;
  std::size_t unit = slice * slice_units;
  const std::size_t limit = limit_of(slice);
  std::size_t run = 0;  // free units in front of `unit`
  for (;;) {
    const bool inside = unit < limit;
    const auto id = static_cast<std::uint32_t>(unit);
    if (inside && kind_of(at(id)) == block_kind::free) {
      const std::size_t units = units_at(id);
      run += units;
      unit += units;
      continue;
    }
    if (run > 0) push(static_cast<std::uint32_t>(unit - run), run);
    run = 0;
    if (!inside) return;
    unit += units_at(id);
  }
}

bool arena::consistent() const {
  std::array<std::uint64_t, 16> seen{};
  for (std::size_t slice = 0; slice < slices(); ++slice) {
    std::size_t unit = slice * slice_units;
    const std::size_t limit = limit_of(slice);
    while (unit < limit) {
      const auto id = static_cast<std::uint32_t>(unit);
      const std::size_t units = units_at(id);
      if (units == 0 || unit + units > limit) return false;
      seen[static_cast<std::size_t>(kind_of(at(id)))] += units * 8;
      unit += units;
    }
  }
  seen[static_cast<std::size_t>(block_kind::reserved)] = 0;
  std::uint64_t free_bytes = 0;
  for (const region& each : regions_) free_bytes += each.free_bytes;
  return seen == bytes_ && free_bytes == bytes_[0];
}

}  // namespace ssdfs::meta
