#include "client/chunk_write.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "client/core.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <array>

namespace ssdfs::detail {
namespace {

constexpr std::uint32_t piece_size = wire::small_chunk_max;
constexpr std::uint32_t pieces_in_flight = 8;

/// Failures that another grant would meet, too.
bool is_final(const failure& why) noexcept {
  return why == errc::permission_denied || why == errc::invalid_argument ||
         why == errc::unsupported || why == errc::too_large || why == errc::version_mismatch ||
         why == errc::aborted || why == errc::cancelled || why == errc::quota_exceeded;
}

}  // namespace

struct chunk_write::pieces {
  std::vector<std::uint32_t> crcs;
  std::uint32_t next = 0;  // to be sent
  std::uint32_t in_flight = 0;
  bool failed = false;
  failure why;
  std::array<call_handle, pieces_in_flight> calls;
};

chunk_write::chunk_write(operation& of, chunk_write_owner& owner) : op_(of), owner_(owner) {}

chunk_write::~chunk_write() = default;

void chunk_write::start(job what) {
  SSDFS_ASSERT(!what.bytes.view.empty() && what.bytes.view.size() <= wire::chunk_max);
  job_ = std::move(what);
  failures_ = 0;
  stopping_ = false;
  right_ = {};
  if (is_small()) {
    pieces_.reset();
    crc_ = crc32c(job_.bytes.view);
    return attempt();
  }
  pieces_ = std::make_unique<pieces>();
  crc_ = 0;
  for (std::size_t at = 0; at < size(); at += piece_size) {
    const bytes_view part =
        job_.bytes.view.subspan(at, std::min<std::size_t>(piece_size, size() - at));
    pieces_->crcs.push_back(crc32c(part));
    crc_ = crc32c_combine(crc_, pieces_->crcs.back(), part.size());
  }
  if (op_.owner().write_behind().try_take(size())) {
    has_budget_ = true;
    return attempt();
  }
  waits_for_budget_ = true;
  op_.owner().write_behind().wait(*this, size());
}

void chunk_write::on_budget() {
  const operation_ptr keep(&op_);
  waits_for_budget_ = false;
  has_budget_ = true;
  op_.progress();  // waiting for other transfers is not a lack of progress
  attempt();
}

void chunk_write::stop() {
  stopping_ = true;
  core& c = op_.owner();
  if (std::exchange(waits_for_budget_, false)) {
    c.write_behind().forget(*this);
    return give_up(errc::aborted);
  }
  if (std::exchange(waits_for_grant_, false)) {
    c.grants().forget(*this);
    return give_up(errc::aborted);
  }
  if (std::exchange(pausing_, false)) {
    c.waits().cancel(pause_);
    return give_up(errc::aborted);
  }
  call_.cancel();
  if (pieces_) {
    for (call_handle& call : pieces_->calls) call.cancel();
  }
}

void chunk_write::attempt() {
  if (stopping_) return give_up(errc::aborted);
  waits_for_grant_ = true;
  auto right = op_.owner().grants().acquire(job_.replication, size(), op_.deadline_ns(), *this);
  if (!right) return;
  waits_for_grant_ = false;
  right_ = std::move(*right);
  send();
}

void chunk_write::on_grant(result<write_right> right) {
  const operation_ptr keep(&op_);
  waits_for_grant_ = false;
  if (!right) return give_up(std::move(right).error());
  right_ = std::move(*right);
  send();
}

std::int64_t chunk_write::timeout_ms() const {
  // Later attempts have more patience: a cluster that is slow everywhere must get on, too.
  constexpr std::uint32_t most_doublings = 3;
  return op_.call_timeout_ms(op_.owner().config().datanode_timeout.count()
                             << std::min(failures_, most_doublings));
}

void chunk_write::send() {
  op_.count_attempt();
  if (is_small()) {
    send_small();
  } else {
    send_begin();
  }
}

void chunk_write::send_small() {
  wire::write_chunk_request request;
  request.volume = right_.under->volume();
  request.generation = right_.under->generation();
  request.key = right_.key;
  request.crc32c = crc_;
  request.ack = job_.ack;
  request.chain = right_.under->chain_text();
  request.ticket = right_.under->ticket();
  net::channel& channel = right_.under->first().channel();
  const auto id = channel.call(request, {.timeout_ms = timeout_ms(), .body = job_.bytes},
                               [keep = operation_ptr(&op_), this](auto reply) {
                                 call_.clear();
                                 if (!reply) return failed(std::move(reply).error());
                                 written();
                               });
  call_.set(channel, id);
}

void chunk_write::send_begin() {
  wire::write_begin_request request;
  request.volume = right_.under->volume();
  request.generation = right_.under->generation();
  request.key = right_.key;
  request.size = size();
  request.crc32c = crc_;
  request.chain = right_.under->chain_text();
  request.ticket = right_.under->ticket();
  pieces_->next = pieces_->in_flight = 0;
  pieces_->failed = false;
  net::channel& channel = right_.under->first().channel();
  const auto id = channel.call(request, {.timeout_ms = timeout_ms()},
                               [keep = operation_ptr(&op_), this](auto reply) {
                                 call_.clear();
                                 if (!reply) return failed(std::move(reply).error());
                                 send_pieces();
                               });
  call_.set(channel, id);
}

void chunk_write::send_pieces() {
  if (stopping_) pieces_->failed = true;
  while (!pieces_->failed && pieces_->in_flight < pieces_in_flight &&
         pieces_->next < pieces_->crcs.size()) {
    send_piece(pieces_->next++);
  }
  if (pieces_->in_flight != 0) return;
  if (stopping_) return failed(errc::aborted);
  if (pieces_->failed) return failed(std::move(pieces_->why));
  send_end();
}

void chunk_write::send_piece(std::uint32_t number) {
  const std::uint32_t offset = number * piece_size;
  wire::write_piece_request request;
  request.volume = right_.under->volume();
  request.generation = right_.under->generation();
  request.key = right_.key;
  request.offset = offset;
  request.crc32c = pieces_->crcs[number];
  request.chain = right_.under->chain_text();
  request.ticket = right_.under->ticket();
  const bytes_view part = job_.bytes.view.subspan(offset, std::min(piece_size, size() - offset));
  ++pieces_->in_flight;
  call_handle& call = *std::find_if(pieces_->calls.begin(), pieces_->calls.end(),
                                    [](const call_handle& c) { return !c.pending(); });
  net::channel& channel = right_.under->first().channel();
  const auto id =
      channel.call(request, {.timeout_ms = timeout_ms(), .body = {part, job_.bytes.hold}},
                   [keep = operation_ptr(&op_), this, &call](auto reply) {
                     piece_answered(call, std::move(reply));
                   });
  call.set(channel, id);
}

void chunk_write::piece_answered(call_handle& call,
                                 result<net::response<wire::write_reply>> reply) {
  call.clear();
  --pieces_->in_flight;
  if (reply) {
    // Pieces of a chunk that fails again and again are no progress.
    constexpr std::uint32_t most_failures = 3;
    if (failures_ < most_failures) op_.progress();
  } else if (!std::exchange(pieces_->failed, true)) {
    pieces_->why = std::move(reply).error();
    for (call_handle& other : pieces_->calls) other.cancel();
  }
  send_pieces();
}

void chunk_write::send_end() {
  wire::write_end_request request;
  request.volume = right_.under->volume();
  request.generation = right_.under->generation();
  request.key = right_.key;
  request.chain = right_.under->chain_text();
  request.ticket = right_.under->ticket();
  net::channel& channel = right_.under->first().channel();
  const auto id = channel.call(request, {.timeout_ms = timeout_ms()},
                               [keep = operation_ptr(&op_), this](auto reply) {
                                 call_.clear();
                                 if (!reply) return failed(std::move(reply).error());
                                 written();
                               });
  call_.set(channel, id);
}

void chunk_write::written() {
  job_.bytes.hold.reset();
  return_budget();
  op_.progress();
  owner_.on_written(*this);
}

void chunk_write::failed(failure why) {
  if (stopping_) return give_up(errc::aborted);
  op_.blame(right_.under->first());
  op_.owner().grants().failed(*right_.under, why);
  right_ = {};
  if (is_final(why)) return give_up(std::move(why));
  ++failures_;
  // The first time another chain is tried at once: one failed node is the usual case.
  // Nor is there anything to wait for where a key is used already or a grant is too old.
  constexpr std::uint32_t most_quick = 8;
  const bool other_grant = why == errc::key_conflict || why == errc::expired_ticket;
  const bool quick = other_grant ? failures_ <= most_quick : failures_ == 1 && !(why == errc::busy);
  const std::int64_t pause_ns = quick ? 0 : op_.backoff_ns(failures_);
  if (!op_.has_time_for(pause_ns)) return give_up(std::move(why));
  if (pause_ns == 0) return attempt();
  pausing_ = true;
  pause_ = op_.owner().waits().at(io::steady_ns() + pause_ns, [keep = operation_ptr(&op_), this] {
    pausing_ = false;
    attempt();
  });
}

void chunk_write::give_up(failure why) {
  job_.bytes.hold.reset();
  right_ = {};
  return_budget();
  owner_.on_write_failed(*this, std::move(why));
}

void chunk_write::return_budget() {
  if (std::exchange(has_budget_, false)) op_.owner().write_behind().give_back(size());
}

}  // namespace ssdfs::detail
