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
  // What went wrong while the answer was out is known by now.
  if (given_up_) return fail(std::move(trouble_));
  asking_ = true;
  wire::lookup_request request;
  request.offset = wanted_;
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
  if (given_up_) return fail(std::move(trouble_));
  if (reply.entry.type == 2) return fail(errc::is_directory);
  const bool again = opened_ && same_content(reply) && !start_over_;
  if (opened_ && !again && delivered_) return fail(errc::changed);
  if (auto ok = adopt(reply); !ok) return fail(std::move(ok).error());
  opened_ = true;
  start_over_ = false;
  if (again) {
    if (auto whole = check_whole(); !whole) return fail(std::move(whole).error());
    return restart_failed();
  }
  discard_window();
  on_opened();
}

bool content_read::same_content(const wire::lookup_reply& reply) const {
  return reply.entry.size == status_.size && reply.entry.crc32c == status_.crc32c &&
         reply.chunk_count == chunk_count_ && reply.layout == layout_;
}

result<void> content_read::adopt(wire::lookup_reply& reply) {
  std::uint64_t end = reply.first_offset;
  std::uint32_t crc = 0;
  starts_.clear();
  for (const wire::chunk_ref& chunk : reply.chunks) {
    if (chunk.size == 0 || chunk.size > wire::chunk_max) {
      return failure(errc::protocol, "a chunk's size is out of range");
    }
    starts_.push_back(end);
    crc = starts_.size() == 1 ? chunk.crc32c : crc32c_combine(crc, chunk.crc32c, chunk.size);
    end += chunk.size;
  }
  const std::uint64_t size = reply.entry.size;
  const std::size_t behind = reply.first_chunk + reply.chunks.size();
  if (behind > reply.chunk_count || (reply.first_chunk == 0) != (reply.first_offset == 0) ||
      (wanted_ < size && (wanted_ < reply.first_offset || wanted_ >= end))) {
    return failure(errc::protocol, "this is not the part of the chunks that was asked for");
  }
  const bool whole = reply.chunks.size() == reply.chunk_count;
  if ((behind == reply.chunk_count ? end != size : end >= size) ||
      (whole && crc != reply.entry.crc32c)) {
    return failure(errc::damaged, "the file's chunks do not add up to its size and checksum");
  }
  chunks_ = std::move(reply.chunks);
  chunk_count_ = reply.chunk_count;
  layout_ = reply.layout;
  page_end_ = end;
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
  if (auto whole = check_whole(); !whole) return give_up(std::move(whole).error());
  pump();
}

// Nobody has a lost chunk: to look for it would only take time.
result<void> content_read::check_whole() const {
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    if (chunks_[i].generation != wire::chunk_lost) continue;
    if (starts_[i] + chunks_[i].size <= plan_.from || starts_[i] >= plan_.to) continue;
    return failure(errc::damaged, "a part of the file is lost");
  }
  return {};
}

void content_read::widen(std::size_t window, std::uint32_t block_length) {
  plan_.window = window;
  plan_.block_length = std::min(block_length, wire::max_body);
}

bool content_read::page_has(std::uint64_t offset) const noexcept {
  return !starts_.empty() && offset >= starts_.front() && offset < page_end_;
}

std::size_t content_read::chunk_at(std::uint64_t offset) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  return static_cast<std::size_t>(after - starts_.begin()) - 1;
}

void content_read::pump() {
  while (!troubled_ && !asking_ && !given_up_ && next_ < plan_.to &&
         window_.size() < plan_.window) {
    if (!page_has(next_)) {
      // A page is asked for when nothing is under way, which is after every page at most: whatever
      // fails meanwhile would have to wait for the answer.
      if (in_flight_ != 0) return;
      wanted_ = next_;
      return send();
    }
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
    made->chunk = chunks_[chunk];
    made->chunk_begin = starts_[chunk];
    made->budget = share;
    next_ += length;
    window_.push_back(std::move(made));
    read_block(*window_.back());
  }
}

void content_read::read_block(block& b) {
  b.now = block::state::reading;
  ++in_flight_;
  b.read.start(b.chunk, static_cast<std::uint32_t>(b.offset - b.chunk_begin), b.length);
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
  bool good = true;
  if (end == b.chunk_begin + b.chunk.size) {
    // The whole chunk went by, if we began at its start.
    good = crc_from_ != b.chunk_begin || running_crc_ == b.chunk.crc32c;
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
  if (!discarded && !std::exchange(troubled_, true)) {
    trouble_ = std::move(why);
    nobody_has_it_ = read.nobody_has_it();
  }
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
  if (in_flight_ != 0 || asking_) return;
  if (given_up_) return fail(std::move(trouble_));
  if (troubled_) return refresh();
  pump();  // what is wanted now may be on a page that had to wait
}

void content_read::refresh() {
  // Whatever it was, the replicas or the file may be better off after a moment; the first time
  // there is nothing to wait for: the location was out of date.
  // What all replicas lack, as the master names them now, they will not have a while later.
  constexpr std::uint32_t most_lacking = 4;
  const bool hopeless = trouble_ == errc::permission_denied || trouble_ == errc::invalid_argument ||
                        (nobody_has_it_ && refreshes_ >= most_lacking);
  const std::int64_t pause_ns = refreshes_ == 0 ? 0 : backoff_ns(refreshes_);
  ++refreshes_;
  if (hopeless || !has_time_for(pause_ns)) return fail(std::move(trouble_));
  asking_ = true;
  wanted_ = start_over_ ? plan_.from : next_;
  for (const auto& b : window_) {
    if (b->now != block::state::failed) continue;
    wanted_ = b->offset;
    break;
  }
  if (pause_ns == 0) return send();
  pause(pause_ns, static_cast<void (operation::*)()>(&content_read::send_again));
}

void content_read::restart_failed() {
  troubled_ = nobody_has_it_ = false;
  trouble_ = {};
  std::vector<block*> failed_blocks;
  for (const auto& b : window_) {
    if (b->now == block::state::failed) failed_blocks.push_back(b.get());
  }
  for (block* b : failed_blocks) {
    if (troubled_) return;  // the first failed at once: the others wait for the next refresh
    if (!page_has(b->offset)) {
      troubled_ = true;  // as before: the next refresh brings the page of this one
      return consider_refresh();
    }
    const std::size_t chunk = chunk_at(b->offset);
    b->chunk = chunks_[chunk];
    b->chunk_begin = starts_[chunk];
    read_block(*b);
  }
  if (!troubled_) trouble_ = {};
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
