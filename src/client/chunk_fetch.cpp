#include "client/chunk_fetch.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "client/core.hpp"
#include "io/clock.hpp"
#include "wire/frame.hpp"

#include <algorithm>
#include <cstring>

namespace ssdfs::detail {

struct chunk_fetch::part {
  part(operation& of, block_read_owner& owner) : read(of, owner) {}
  block_read read;
  std::uint32_t offset = 0;
  bool busy = false;
};

chunk_fetch::chunk_fetch(operation& of, chunk_fetch_owner& owner) : op_(of), owner_(owner) {}

chunk_fetch::~chunk_fetch() = default;

void chunk_fetch::start(const wire::chunk_ref& chunk) {
  SSDFS_ASSERT(!running_ && chunk.size > 0 && chunk.size <= wire::chunk_max);
  chunk_ = chunk;
  into_ = buffer::make(chunk.size);
  next_ = 0;
  failures_ = 0;
  failed_ = stopping_ = false;
  running_ = true;
  pump();
}

void chunk_fetch::stop() {
  if (!running_) return;
  stopping_ = failed_ = true;
  why_ = failure(errc::aborted);
  if (std::exchange(pausing_, false)) op_.owner().waits().cancel(pause_);
  ++in_flight_;  // parts that end inside stop() must not finish us before the loop has ended
  for (const auto& p : parts_) {
    if (p && p->busy) p->read.stop();
  }
  --in_flight_;
  settle();
}

void chunk_fetch::pump() {
  for (auto& p : parts_) {
    if (failed_ || next_ >= chunk_.size) break;
    if (!p) p.reset(new part(op_, *this));
    if (p->busy) continue;
    const std::uint32_t length = std::min(wire::max_body, chunk_.size - next_);
    p->busy = true;
    p->offset = next_;
    next_ += length;
    ++in_flight_;
    p->read.start(chunk_, p->offset, length);
  }
}

void chunk_fetch::on_block(block_read& read) {
  const auto found = std::find_if(parts_.begin(), parts_.end(),
                                  [&](const auto& p) { return p && &p->read == &read; });
  part& p = **found;
  std::memcpy(into_->data() + p.offset, read.body().data(), read.body().size());
  read.release();
  p.busy = false;
  --in_flight_;
  op_.progress();
  pump();
  settle();
}

void chunk_fetch::on_block_failed(block_read& read, failure why) {
  for (const auto& p : parts_) {
    if (p && &p->read == &read) p->busy = false;
  }
  --in_flight_;
  if (!std::exchange(failed_, true)) why_ = std::move(why);
  settle();
}

// Nothing is under way: it is done, tries again from the start, or gives up.
void chunk_fetch::settle() {
  if (in_flight_ != 0 || !running_ || pausing_) return;
  const bytes_view bytes(into_->data(), chunk_.size);
  if (!failed_ && crc32c(bytes) != chunk_.crc32c) {
    failed_ = true;
    why_ = failure(errc::checksum, "a chunk does not match its checksum");
  }
  if (!failed_) {
    running_ = false;
    return owner_.on_fetched({bytes, std::move(into_)});
  }
  const std::int64_t pause_ns = op_.backoff_ns(++failures_);
  if (stopping_ || !op_.has_time_for(pause_ns)) {
    running_ = false;
    into_.reset();
    return owner_.on_fetch_failed(std::move(why_));
  }
  pausing_ = true;
  pause_ = op_.owner().waits().at(io::steady_ns() + pause_ns, [keep = operation_ptr(&op_), this] {
    pausing_ = false;
    failed_ = false;
    next_ = 0;
    pump();
    settle();
  });
}

}  // namespace ssdfs::detail
