#include "cli/bench_set.hpp"

#include "base/units.hpp"

#include <array>
#include <cstdio>

namespace ssdfs::cli {
namespace {

constexpr std::uint64_t offsets = 1 << 17;  // starts of contents, 8 bytes apart
constexpr std::uint32_t largest_of_mix = 4 << 20;

struct size_class {
  std::uint32_t below_per_10000;  // cumulative share
  std::uint32_t least;
  std::uint32_t most;
};
constexpr std::array<size_class, 6> classes = {{
    {6100, 4 << 10, 8 << 10},
    {8600, (8 << 10) + 1, 16 << 10},
    {9700, (16 << 10) + 1, 60 << 10},
    {9960, (60 << 10) + 1, 256 << 10},
    {9998, (256 << 10) + 1, 768 << 10},
    {10000, (1 << 20) + 1, largest_of_mix},
}};

}  // namespace

std::uint32_t mix_size(std::uint64_t index) noexcept {
  const std::uint64_t h = bench_hash(index);
  const auto share = static_cast<std::uint32_t>(h % 10000);
  for (const auto& c : classes) {
    if (share < c.below_per_10000) {
      return c.least + static_cast<std::uint32_t>((h >> 20) % (c.most - c.least + 1));
    }
  }
  return largest_of_mix;
}

bench_set::bench_set(std::string directory, bool mix, std::uint32_t size)
    : root_(std::move(directory) + "/" + (mix ? "mix" : std::to_string(size))),
      mix_(mix),
      size_(size),
      table_(offsets * 8 + (mix ? largest_of_mix : size)) {
  for (std::size_t i = 0; i + 8 <= table_.size(); i += 8) {
    store_le<std::uint64_t>(table_.data() + i, bench_hash(i));
  }
}

std::string bench_set::path(std::uint64_t index) const {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "/%04llu/%07llu",
                static_cast<unsigned long long>(index / 1000),
                static_cast<unsigned long long>(index));
  return root_ + text.data();
}

std::uint32_t bench_set::size(std::uint64_t index) const { return mix_ ? mix_size(index) : size_; }

bytes_view bench_set::content(std::uint64_t index) const {
  const std::uint64_t offset = bench_hash(~index) % offsets * 8;
  return bytes_view(table_).subspan(offset, size(index));
}

}  // namespace ssdfs::cli
