#include "client/content_read.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "client/core.hpp"
#include "client/entries.hpp"
#include "wire/frame.hpp"

#include <algorithm>

namespace ssdfs::detail {

content_read::content_read(const core_ptr& c, std::string path, std::chrono::milliseconds timeout,
                           diagnostics* diag)
    : master_operation(c, std::move(path), timeout, diag) {}

content_read::~content_read() = default;

void content_read::send() {
  asking_ = true;
  wire::lookup_request request;
  request.path = path();
  request.user = owner().config().user;
  request.token = owner().config().token;
  ask(request, [this](net::response<wire::lookup_reply>& reply) { opened(reply.message); });
}

bool content_read::on_refused(failure& why) {
  if (opened_ && why == errc::not_found && delivered_) {
    why = failure(errc::changed, "the file was removed while it was being read");
  }
  return false;
}

void content_read::opened(wire::lookup_reply& reply) {
  asking_ = false;
  if (reply.entry.type == 2) return fail(errc::is_directory);
  const bool again = opened_ && same_content(reply) && !start_over_;
  if (opened_ && !again && delivered_) return fail(errc::changed);
  if (auto ok = adopt(reply); !ok) return fail(std::move(ok).error());
  opened_ = true;
  start_over_ = false;
  if (again) return restart_failed();
  discard_window();
  on_opened();
}

bool content_read::same_content(const wire::lookup_reply& reply) const {
  return reply.entry.size == status_.size && reply.entry.crc32c == status_.crc32c &&
         std::equal(reply.chunks.begin(), reply.chunks.end(), chunks_.begin(), chunks_.end(),
                    [](const wire::chunk_ref& a, const wire::chunk_ref& b) {
                      return a.size == b.size && a.crc32c == b.crc32c;
                    });
}

result<void> content_read::adopt(wire::lookup_reply& reply) {
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  starts_.clear();
  for (const wire::chunk_ref& chunk : reply.chunks) {
    if (chunk.size == 0 || chunk.size > wire::chunk_max) {
      return failure(errc::protocol, "a chunk's size is out of range");
    }
    starts_.push_back(size);
    crc = size == 0 ? chunk.crc32c : crc32c_combine(crc, chunk.crc32c, chunk.size);
    size += chunk.size;
  }
  if (size != reply.entry.size || crc != reply.entry.crc32c) {
    return failure(errc::damaged, "the file's chunks do not add up to its size and checksum");
  }
  chunks_ = std::move(reply.chunks);
  status_ = to_status(std::move(reply.entry));
  return {};
}

void content_read::read(const range& what) {
  discard_window();
  plan_ = what;
  plan_.to = std::min(plan_.to, status_.size);
  next_ = plan_.from;
  crc_from_ = plan_.from;
  running_crc_ = 0;
  pump();
}

void content_read::widen(std::size_t window, std::uint32_t block_length) {
  plan_.window = window;
  plan_.block_length = std::min(block_length, wire::max_body);
}

std::size_t content_read::chunk_at(std::uint64_t offset) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  return static_cast<std::size_t>(after - starts_.begin()) - 1;
}

void content_read::pump() {
  while (!troubled_ && !asking_ && !given_up_ && next_ < plan_.to &&
         window_.size() < plan_.window) {
    const std::size_t chunk = chunk_at(next_);
    const std::uint64_t chunk_end = starts_[chunk] + chunks_[chunk].size;
    const std::uint64_t left = std::min(chunk_end, plan_.to) - next_;
    const auto length =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(left, plan_.block_length));
    // One block is everybody's right; running ahead takes from what all transfers share.
    std::uint64_t share = 0;
    if (!window_.empty()) {
      if (!owner().read_ahead().try_take(length)) return;
      share = length;
    }
    auto made = std::unique_ptr<block>(new block(*this, *this));
    made->offset = next_;
    made->length = length;
    made->chunk = chunk;
    made->budget = share;
    next_ += length;
    window_.push_back(std::move(made));
    read_block(*window_.back());
  }
}

void content_read::read_block(block& b) {
  b.now = block::state::reading;
  ++in_flight_;
  b.read.start(chunks_[b.chunk], static_cast<std::uint32_t>(b.offset - starts_[b.chunk]), b.length);
}

content_read::block* content_read::front() noexcept {
  if (window_.empty() || window_.front()->now != block::state::ready) return nullptr;
  return window_.front().get();
}

bool content_read::pop() {
  const block& b = *window_.front();
  SSDFS_ASSERT(b.now == block::state::ready);
  running_crc_ =
      b.offset == crc_from_ ? b.read.crc() : crc32c_combine(running_crc_, b.read.crc(), b.length);
  const std::uint64_t end = b.offset + b.length;
  const wire::chunk_ref& chunk = chunks_[b.chunk];
  bool good = true;
  if (end == starts_[b.chunk] + chunk.size) {
    // The whole chunk went by, if we began at its start.
    good = crc_from_ != starts_[b.chunk] || running_crc_ == chunk.crc32c;
    crc_from_ = end;
    running_crc_ = 0;
  }
  if (b.budget != 0) owner().read_ahead().give_back(b.budget);
  window_.pop_front();
  return good;
}

void content_read::discard_window() {
  for (auto& b : std::exchange(window_, {})) {
    if (b->budget != 0) owner().read_ahead().give_back(std::exchange(b->budget, 0));
    if (b->now != block::state::reading) continue;
    b->now = block::state::discarded;
    discarded_.push_back(std::move(b));
  }
  // stop() may end a block at once, which takes it out of the list.
  std::vector<block*> running;
  for (const auto& b : discarded_) running.push_back(b.get());
  for (block* b : running) b->read.stop();
}

content_read::block& content_read::block_of(block_read& read) {
  for (const auto& b : window_) {
    if (&b->read == &read) return *b;
  }
  const auto found = std::find_if(discarded_.begin(), discarded_.end(),
                                  [&](const auto& b) { return &b->read == &read; });
  SSDFS_ASSERT(found != discarded_.end());
  return **found;
}

void content_read::ended(block& b) {
  --in_flight_;
  if (b.now == block::state::discarded) {
    std::erase_if(discarded_, [&](const auto& d) { return d.get() == &b; });
  }
}

void content_read::on_block(block_read& read) {
  block& b = block_of(read);
  if (b.now == block::state::discarded) {
    ended(b);
    return consider_refresh();
  }
  b.now = block::state::ready;
  ended(b);
  progress();
  refreshes_ = 0;
  if (given_up_ || troubled_) return consider_refresh();
  if (&b == window_.front().get()) on_ready();
}

void content_read::on_block_failed(block_read& read, failure why) {
  block& b = block_of(read);
  const bool discarded = b.now == block::state::discarded;
  if (!discarded) b.now = block::state::failed;
  ended(b);
  if (!discarded && !std::exchange(troubled_, true)) trouble_ = std::move(why);
  consider_refresh();
}

void content_read::reread(failure why) {
  constexpr std::uint32_t most_rereads = 3;
  start_over_ = true;
  if (delivered_ || ++rereads_ > most_rereads) return give_up(std::move(why));
  if (!std::exchange(troubled_, true)) trouble_ = std::move(why);
  consider_refresh();
}

void content_read::consider_refresh() {
  if (in_flight_ != 0) return;
  if (given_up_) return fail(std::move(trouble_));
  if (troubled_ && !asking_) refresh();
}

void content_read::refresh() {
  // Whatever it was, the replicas or the file may be better off after a moment; the first time
  // there is nothing to wait for: the location was out of date.
  const bool hopeless = trouble_ == errc::permission_denied || trouble_ == errc::invalid_argument;
  const std::int64_t pause_ns = refreshes_ == 0 ? 0 : backoff_ns(refreshes_);
  ++refreshes_;
  if (hopeless || !has_time_for(pause_ns)) return fail(std::move(trouble_));
  asking_ = true;
  if (pause_ns == 0) return send();
  pause(pause_ns, static_cast<void (operation::*)()>(&content_read::send_again));
}

void content_read::restart_failed() {
  troubled_ = false;
  trouble_ = {};
  std::vector<block*> failed_blocks;
  for (const auto& b : window_) {
    if (b->now == block::state::failed) failed_blocks.push_back(b.get());
  }
  for (block* b : failed_blocks) {
    if (troubled_) return;  // the first failed at once: the others wait for the next refresh
    read_block(*b);
  }
  pump();
  if (!troubled_ && front() != nullptr) on_ready();
}

void content_read::give_up(failure why) {
  const operation_ptr keep(this);
  if (std::exchange(given_up_, true)) return;
  trouble_ = std::move(why);
  ++in_flight_;  // blocks that end inside stop() must not finish us before the loop has ended
  discard_window();
  --in_flight_;
  consider_refresh();
}

void content_read::fail(failure why) {
  SSDFS_ASSERT(in_flight_ == 0);
  for (const auto& b : window_) {
    if (b->budget != 0) owner().read_ahead().give_back(b->budget);
  }
  window_.clear();
  if (stopped()) why = stop_failure();
  given_up_ = true;
  retire(&why);
  on_failed(std::move(why));
}

void content_read::on_stop() {
  if (asking_) return master_operation::on_stop();
  give_up(stop_failure());
}

}  // namespace ssdfs::detail
