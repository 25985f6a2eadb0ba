// What a volume costs: appends in batches, index probes, verified reads from the page cache.
//
//   bench_volume [CHUNKS [DIRECTORY]]
//
// Writes CHUNKS chunks of 4 KiB (default: 65536) a line to files below DIRECTORY (default: the
// current one), without syncs, and removes them. One thread.
#include "base/crc32c.hpp"
#include "bench/measure.hpp"
#include "volume/volume.hpp"

#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace ssdfs;
using namespace ssdfs::bench;

constexpr std::size_t small = 4096;
constexpr std::size_t large = 100U << 10;
constexpr volume_id id{0x100000007};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench_volume: %s failed\n", what);
  std::exit(1);
}
void must(bool ok, const char* what) {
  if (!ok) fail(what);
}

std::uint32_t scramble(std::uint64_t i) {
  i *= 0x9e3779b97f4a7c15;
  return static_cast<std::uint32_t>(i >> 32);
}

// A new volume in a directory of its own.
class scratch_volume {
 public:
  explicit scratch_volume(const std::string& below) : directory_(below + "/bench-volume-XXXXXX") {
    if (::mkdtemp(directory_.data()) == nullptr) fail("mkdtemp");
    volume::environment env;
    env.fs = &io::system_files();
    env.sync = volume::sync_policy::none;
    env.max_volume_size = std::uint64_t{64} << 30;
    auto made = volume::volume::create(env, directory_ + "/0000000100000007.vol", {id, 1, {}});
    must(made.has_value(), "create");
    volume_ = std::move(*made);
  }
  ~scratch_volume() {
    volume_.reset();
    std::error_code ignored;  // what is left over is seen in the directory
    std::filesystem::remove_all(directory_, ignored);
  }
  scratch_volume(const scratch_volume&) = delete;
  scratch_volume& operator=(const scratch_volume&) = delete;

  volume::volume* operator->() const { return volume_.get(); }

 private:
  std::string directory_;
  std::shared_ptr<volume::volume> volume_;
};

// Stores chunks 1 to `count` of the same content, `batch` with one call.
void append(const scratch_volume& v, bytes_view content, std::uint32_t count, std::size_t batch) {
  volume::append_item item;
  item.generation = 1;
  item.size = static_cast<std::uint32_t>(content.size());
  item.crc = crc32c(content);
  item.parts = {&content, 1};
  std::vector<volume::append_item> items(batch, item);
  std::vector<boost::system::error_code> outcome(batch);
  for (std::uint32_t key = 1; key <= count;) {
    std::size_t n = 0;
    for (; n < batch && key <= count; ++n) items[n].key = key++;
    v->append_batch(std::span(items).first(n), std::span(outcome).first(n));
    for (std::size_t i = 0; i < n; ++i) must(!outcome[i], "append_batch");
  }
}

void appends(const std::string& directory, std::uint32_t count) {
  const std::vector<std::byte> content(small, std::byte{0x5a});
  for (const std::size_t batch : {1U, 16U, 64U}) {
    const scratch_volume v(directory);
    const std::string op = "append 4 KiB, batches of " + std::to_string(batch);
    const stopwatch watch;
    append(v, content, count, batch);
    report_rate(op.c_str(), count, watch);
  }
}

void probes(const scratch_volume& v, const char* op, std::uint32_t count) {
  constexpr std::uint32_t times = 2'000'000;
  const stopwatch watch;
  for (std::uint32_t i = 0; i < times; ++i) {
    must(v->probe(scramble(i) % count + 1).has_value(), "probe");
  }
  report_rate(op, times, watch);
}

// Probe and verified read, in random order.
void reads(const scratch_volume& v, const char* op, std::size_t size, std::uint32_t count,
           std::uint32_t times) {
  std::vector<std::byte> out(size);
  std::uint32_t done = 0;
  std::uint32_t away = 0;  // not in the page cache: does not count
  const stopwatch watch;
  for (std::uint32_t i = 0; i < times; ++i) {
    const auto at = v->probe(scramble(i) % count + 1);
    must(at.has_value(), "probe");
    if (const auto got = v->read_cached(*at, 0, out); got) {
      ++done;
    } else {
      must(got.error() == errc::busy, "read_cached");
      ++away;
    }
  }
  report_rate(op, done, watch);
  if (away > 0) std::printf("{\"op\":\"%s\",\"not_cached\":%u}\n", op, away);
}

}  // namespace

int main(int argc, char** argv) {
  const auto count =
      argc > 1 ? static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10)) : 65'536U;
  const std::string directory = argc > 2 ? argv[2] : ".";
  if (argc > 3 || count == 0) {
    std::fprintf(stderr, "usage: bench_volume [CHUNKS [DIRECTORY]]\n");
    return 2;
  }
  appends(directory, count);
  {
    const scratch_volume v(directory);
    append(v, std::vector<std::byte>(small, std::byte{0x5a}), count, 64);
    probes(v, "probe, open", count);
    reads(v, "probe and read 4 KiB, open", small, count, 300'000);
    must(v->seal(1).has_value(), "seal");
    must(v->checkpoint().has_value(), "checkpoint");  // from here on the index is a mapped file
    probes(v, "probe, sealed", count);
    reads(v, "probe and read 4 KiB, sealed", small, count, 300'000);
  }
  {
    const scratch_volume v(directory);
    const std::uint32_t few = std::min(count, 1000U);
    append(v, std::vector<std::byte>(large, std::byte{0x5a}), few, 16);
    reads(v, "probe and read 100 KiB", large, few, 20'000);
  }
  return 0;
}
