#include "client/block_read.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "client/core.hpp"
#include "io/clock.hpp"
#include "wire/frame.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::detail {

void block_read::start(const wire::chunk_ref& chunk, std::uint32_t offset, std::uint32_t length) {
  SSDFS_ASSERT(length > 0 && length <= wire::max_body && idle());
  chunk_ = chunk;
  offset_ = offset;
  length_ = length;
  excluded_count_ = 0;
  only_lacking_ = true;
  stopping_ = false;
  last_ = {};
  won_ = false;
  attempt();
}

void block_read::stop() {
  stopping_ = true;
  if (std::exchange(locating_, false)) {
    op_.owner().locations().forget(*this);
    return give_up(errc::aborted);
  }
  for (request& r : requests_) {
    if (r.to != nullptr) r.call.cancel();
  }
}

bool block_read::idle() const noexcept {
  return requests_[0].to == nullptr && requests_[1].to == nullptr;
}

void block_read::attempt() {
  const auto* replicas = op_.owner().locations().find(chunk_.volume, io::steady_ns());
  if (replicas == nullptr) {
    locating_ = true;
    return op_.owner().locations().locate(
        chunk_.volume, op_.call_timeout_ms(op_.owner().config().master_timeout.count()), *this);
  }
  if (server* const from = choose(*replicas, false)) {
    op_.owner().hedges().watch(*this, length_);
    return ask(requests_[0], *from);
  }
  if (excluded_count_ == 0) last_ = failure(errc::unavailable, "no replica of the chunk is known");
  // To the caller "not found" is about a path.
  if (nobody_has_it()) last_ = failure(errc::damaged, "no replica has a part of the file");
  op_.owner().locations().drop(chunk_.volume);
  give_up(std::move(last_));
}

void block_read::on_located(result<void> outcome) {
  const operation_ptr keep(&op_);
  locating_ = false;
  if (!outcome) return give_up(std::move(outcome).error());
  if (op_.owner().locations().find(chunk_.volume, io::steady_ns()) == nullptr) {
    return give_up(failure(errc::unavailable, "the master does not know the chunk's volume"));
  }
  attempt();
}

// Excluded, or asked already.
bool block_read::is_out(const server& s) const noexcept {
  const auto end = excluded_.begin() + static_cast<std::ptrdiff_t>(excluded_count_);
  return std::find(excluded_.begin(), end, &s) != end || requests_[0].to == &s ||
         requests_[1].to == &s;
}

server* block_read::choose(const located_volume& where, bool good_only) {
  const std::int64_t now = io::steady_ns();
  enum standing : std::size_t { preferred, good, avoided, standings };
  std::array<std::array<server*, 8>, standings> found{};
  std::array<std::size_t, standings> count{};
  for (std::size_t i = 0; i < where.replicas.size(); ++i) {
    server* const s = where.replicas[i];
    if (is_out(*s)) continue;
    const standing at = s->avoided(now) ? avoided : i < where.preferred ? preferred : good;
    found[at][count[at]++] = s;
  }
  for (const standing at : {preferred, good, avoided}) {
    if (good_only && at == avoided) return nullptr;
    if (count[at] == 1) return found[at][0];
    if (count[at] > 1) return found[at][op_.owner().random() % count[at]];
  }
  return nullptr;
}

void block_read::ask(request& slot, server& from) {
  wire::read_chunk_request message;
  message.volume = chunk_.volume;
  message.key = chunk_.key;
  message.offset = offset_;
  message.length = length_;
  message.expected_size = chunk_.size;
  message.expected_crc32c = chunk_.crc32c;
  message.token = op_.owner().config().token;
  op_.count_attempt();
  net::channel& channel = from.channel();
  const std::int64_t timeout_ms =
      op_.call_timeout_ms(op_.owner().config().datanode_timeout.count());
  slot.to = &from;
  slot.sent_ns = io::steady_ns();
  const auto id = channel.call(message, {.timeout_ms = timeout_ms},
                               [keep = operation_ptr(&op_), this, &slot](answer reply) {
                                 answered(slot, std::move(reply));
                               });
  slot.call.set(channel, id);
}

void block_read::answered(request& slot, answer reply) {
  server& from = *std::exchange(slot.to, nullptr);
  slot.call.clear();
  if (stopping_ || won_) {
    if (!idle()) return;
    if (stopping_) return give_up(errc::aborted);
    return owner_.on_block(*this);
  }
  auto good = reply ? verify(*reply) : result<void>(reply.error());
  if (!good) return failed(from, std::move(good).error());
  hedging& hedges = op_.owner().hedges();
  hedges.forget(*this);
  hedges.learn(length_, io::steady_ns() - slot.sent_ns);
  from.succeeded();
  body_ = reply->body;
  hold_ = std::move(reply->hold);
  if (idle()) return owner_.on_block(*this);
  won_ = true;  // and the other one's end comes at once
  for (request& r : requests_) r.call.cancel();
}

// The first replica takes long: the answer of a second may come sooner.
void block_read::on_slow() {
  if (stopping_ || won_ || requests_[0].to == nullptr || requests_[1].to != nullptr) return;
  requests_[0].to->slow(io::steady_ns());
  const auto* replicas = op_.owner().locations().find(chunk_.volume, io::steady_ns());
  if (replicas == nullptr) return;
  server* const other = choose(*replicas, true);
  if (other == nullptr || !op_.owner().hedges().take_budget()) return;
  ask(requests_[1], *other);
}

result<void> block_read::verify(const net::response<wire::read_chunk_reply>& reply) {
  if (reply.body.size() != length_ || reply.message.chunk_size != chunk_.size) {
    return failure(errc::checksum, "a replica sent another chunk");
  }
  crc_ = crc32c(reply.body);
  const bool whole = length_ == chunk_.size;
  if (crc_ != (whole ? chunk_.crc32c : reply.message.crc32c)) {
    return failure(errc::checksum, "a replica sent bytes that do not match their checksum");
  }
  return {};
}

void block_read::failed(server& by, failure why) {
  op_.blame(by);
  // A chunk that one replica lacks or holds damaged says nothing against the others in it.
  if (is_silence(why) || why == errc::protocol) op_.owner().distrust(by, why);
  if (excluded_count_ < excluded_.size()) excluded_[excluded_count_++] = &by;
  only_lacking_ = only_lacking_ && why == errc::not_found;
  last_ = std::move(why);
  if (!idle()) return;  // the other one may still answer
  if (!op_.has_time_for(0)) return give_up(std::move(last_));
  attempt();
}

void block_read::give_up(failure why) {
  op_.owner().hedges().forget(*this);
  owner_.on_block_failed(*this, std::move(why));
}

}  // namespace ssdfs::detail
