#include "net/channel_impl.hpp"

#include <algorithm>

namespace ssdfs::net {

std::uint64_t call_table::add(call c) {
  std::uint32_t index = free_;
  if (index == none) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    free_ = slots_[index].next_free;
  }
  slot& s = slots_[index];
  s.what = std::move(c);
  s.used = true;
  if (++s.uses == 0) s.uses = 1;  // so that no id is ever 0
  ++size_;
  return std::uint64_t{s.uses} << 32 | index;
}

bool call_table::contains(std::uint64_t id) const noexcept {
  const auto index = static_cast<std::uint32_t>(id);
  return index < slots_.size() && slots_[index].used && slots_[index].uses == id >> 32;
}

bool call_table::borrowed(std::uint64_t id) const noexcept {
  return contains(id) && slots_[static_cast<std::uint32_t>(id)].what.borrowed;
}

std::optional<call_table::call> call_table::take(std::uint64_t id) {
  if (!contains(id)) return std::nullopt;
  return release(static_cast<std::uint32_t>(id));
}

call_table::call call_table::release(std::uint32_t index) {
  slot& s = slots_[index];
  s.used = false;
  s.next_free = free_;
  free_ = index;
  --size_;
  return std::move(s.what);
}

std::vector<call_table::call> call_table::take_all() {
  std::vector<call> out;
  out.reserve(size_);
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].used) out.push_back(release(i));
  }
  return out;
}

std::vector<std::uint64_t> call_table::due(std::int64_t now_ms, std::int64_t& earliest) const {
  std::vector<std::uint64_t> out;
  earliest = std::numeric_limits<std::int64_t>::max();
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    const slot& s = slots_[i];
    if (!s.used) continue;
    if (s.what.deadline_ms <= now_ms) {
      out.push_back(std::uint64_t{s.uses} << 32 | i);
    } else {
      earliest = std::min(earliest, s.what.deadline_ms);
    }
  }
  return out;
}

}  // namespace ssdfs::net
