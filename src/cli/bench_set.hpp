// The files of a benchmark: names, sizes and contents that follow from an index alone, so that one
// run can find and verify what another has stored.
#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs::cli {

class bench_set {
 public:
  /// Files of `size` bytes each, or of the picture mix if `mix`, below `directory`/`label`.
  bench_set(std::string directory, bool mix, std::uint32_t size);

  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  /// ROOT/0012/0012345: directories of 1,000.
  [[nodiscard]] std::string path(std::uint64_t index) const;
  [[nodiscard]] std::uint32_t size(std::uint64_t index) const;
  /// Content of file `index`: a part of one random table, so that making it costs the benchmark
  /// nothing. Valid as long as the set.
  [[nodiscard]] bytes_view content(std::uint64_t index) const;

 private:
  std::string root_;
  bool mix_;
  std::uint32_t size_;
  std::vector<std::byte> table_;
};

/// Spreads indexes: SplitMix64's finalizer.
[[nodiscard]] constexpr std::uint64_t bench_hash(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Size of one file of the mix of a large shop's pictures: 4 KiB to 4 MiB, about 17 KB in the mean,
/// 61 % of at most 8 KiB.
[[nodiscard]] std::uint32_t mix_size(std::uint64_t index) noexcept;

}  // namespace ssdfs::cli
