#include "volume/disk_balance.hpp"

#include <algorithm>
#include <vector>

namespace ssdfs::volume {
namespace {

struct share {
  double used = 0;  // percent
  std::size_t disk = 0;
};

// Of the disks in use, the emptiest first.
std::vector<share> shares_of(std::span<const disk_load> disks) {
  std::vector<share> out;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const disk_load& d = disks[i];
    if (d.capacity == 0) continue;
    const auto used = static_cast<double>(d.capacity - std::min(d.free, d.capacity));
    out.push_back({100 * used / static_cast<double>(d.capacity), i});
  }
  std::sort(out.begin(), out.end(), [](const share& a, const share& b) { return a.used < b.used; });
  return out;
}

// What a volume takes of both disks together, percent.
double weight(std::uint64_t bytes, const disk_load& a, const disk_load& b) {
  return 100 * static_cast<double>(bytes) *
         (1 / static_cast<double>(a.capacity) + 1 / static_cast<double>(b.capacity));
}

}  // namespace

double disk_gap(std::span<const disk_load> disks) {
  const auto shares = shares_of(disks);
  return shares.size() < 2 ? 0 : shares.back().used - shares.front().used;
}

std::optional<disk_move> plan_disk_move(std::span<const disk_load> disks,
                                        std::span<const disk_volume> volumes, double gap) {
  const auto shares = shares_of(disks);
  for (std::size_t high = shares.size(); high-- > 1;) {
    for (std::size_t low = 0; low < high; ++low) {
      const double difference = shares[high].used - shares[low].used;
      if (difference <= gap) break;
      const std::size_t from = shares[high].disk;
      const std::size_t to = shares[low].disk;
      const disk_volume* best = nullptr;
      for (const disk_volume& v : volumes) {
        if (v.disk != from || v.bytes == 0 || v.bytes > disks[to].room) continue;
        if (weight(v.bytes, disks[from], disks[to]) > difference) continue;
        if (best == nullptr || v.bytes > best->bytes ||
            (v.bytes == best->bytes && v.id < best->id)) {
          best = &v;
        }
      }
      if (best != nullptr) return disk_move{best->id, to};
    }
  }
  return std::nullopt;
}

}  // namespace ssdfs::volume
