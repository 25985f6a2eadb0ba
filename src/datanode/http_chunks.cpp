#include "datanode/http_chunks.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace ssdfs::datanode {
namespace {

// What is only verified passes through here: small enough to stay in the processor's cache.
constexpr std::uint32_t scratch_size = 128 << 10;
bytes_span scratch() {
  static thread_local std::vector<std::byte> memory(scratch_size);
  return memory;
}

class found_chunk final : public http::local_chunk {
 public:
  found_chunk(const http_chunks::surroundings& around, std::shared_ptr<hosted_volume> volume,
              volume::location at)
      : around_(around), volume_(std::move(volume)), at_(std::move(at)) {}

  result<void> read_cached(std::uint32_t offset, bytes_span out) override {
    return checked(volume_->store().read_cached(at_, offset, out));
  }
  result<void> verify_cached(std::uint32_t offset, std::uint32_t length) override {
    while (length > 0) {
      const std::uint32_t n = std::min(length, scratch_size);
      SSDFS_TRY(read_cached(offset, scratch().first(n)));
      offset += n;
      length -= n;
    }
    return {};
  }
  void read(std::uint32_t offset, bytes_span out, handler done) override {
    in_pool([this, offset, out] { return volume_->store().read(at_, offset, out); },
            std::move(done));
  }
  void verify(std::uint32_t offset, std::uint32_t length, handler done) override {
    in_pool([this, offset, length] { return volume_->store().verify(at_, offset, length); },
            std::move(done));
  }
  int file() const noexcept override { return at_.file->native_handle(); }
  std::uint64_t file_offset() const noexcept override { return at_.offset; }

 private:
  // Bad bytes change the report: the master has them replaced from a good copy.
  result<void> checked(result<void> outcome) const {
    if (!outcome && (outcome.error() == errc::checksum || outcome.error() == errc::io)) {
      around_.link.records_bad(volume_->store().id());
    }
    return outcome;
  }

  template <class Job>
  void in_pool(Job job, handler done) {
    auto kept = std::make_shared<handler>(std::move(done));
    around_.flying.begin();
    const auto queued = around_.disk.submit([this, job, kept, &flying = around_.flying] {
      (*kept)(checked(job()));  // may be the end of this chunk
      flying.end();
    });
    if (queued) return;
    around_.flying.end();
    (*kept)(queued.error());
  }

  const http_chunks::surroundings& around_;
  const std::shared_ptr<hosted_volume> volume_;
  const volume::location at_;
};

}  // namespace

std::unique_ptr<http::local_chunk> http_chunks::find(const chunk_location& which) {
  auto volume = around_.volumes.find(volume_id(which.volume));
  if (!volume) return nullptr;
  auto at = volume->store().probe(which.key);
  if (!at || at->size != which.size || at->crc != which.crc32c) return nullptr;
  return std::make_unique<found_chunk>(around_, std::move(volume), std::move(*at));
}

}  // namespace ssdfs::datanode
