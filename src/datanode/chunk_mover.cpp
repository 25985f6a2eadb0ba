#include "datanode/chunk_mover.hpp"

#include "base/crc32c.hpp"
#include "base/log.hpp"
#include "io/clock.hpp"
#include "net/await.hpp"
#include "wire/chain.hpp"
#include "wire/chunk_messages.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::int64_t call_timeout_ms = 30'000;
constexpr std::uint32_t chunks_at_a_time = 64;
constexpr std::uint32_t piece_size = wire::small_chunk_max;

result<std::vector<std::byte>> read_from(net::channel& source, const wire::relocation& what) {
  std::vector<std::byte> out;
  out.reserve(what.size);
  wire::read_chunk_request m;
  m.volume = what.from_volume;
  m.key = what.from_key;
  m.expected_size = what.size;
  m.expected_crc32c = what.crc32c;
  while (out.size() < what.size) {
    m.offset = static_cast<std::uint32_t>(out.size());
    m.length = std::min(what.size - m.offset, wire::max_body);
    auto answer = net::awaited<wire::read_chunk_request>(source, m, call_timeout_ms).wait();
    if (!answer) return answer.error();
    if (answer->body.size() != m.length) return failure(errc::protocol, "a short answer");
    out.insert(out.end(), answer->body.begin(), answer->body.end());
  }
  if (crc32c(out) != what.crc32c) return errc::checksum;
  return out;
}

template <class Request>
result<void> say(net::channel& to, const Request& m, shared_bytes body = {}) {
  auto answer = net::awaited<Request>(to, m, call_timeout_ms, std::move(body)).wait();
  if (!answer) return answer.error();
  return {};
}

result<void> write_long(net::channel& to, const wire::relocation& what, bytes_view data) {
  const std::string chain = wire::chain_text(what.chain);
  wire::write_begin_request begin;
  begin.volume = what.volume;
  begin.generation = what.generation;
  begin.key = what.key;
  begin.size = what.size;
  begin.crc32c = what.crc32c;
  begin.chain = chain;
  begin.ticket = what.ticket;
  SSDFS_TRY(say(to, begin));
  wire::write_piece_request piece;
  piece.volume = what.volume;
  piece.generation = what.generation;
  piece.key = what.key;
  piece.chain = chain;
  piece.ticket = what.ticket;
  for (std::size_t at = 0; at < data.size(); at += piece_size) {
    const bytes_view part = data.subspan(at, std::min<std::size_t>(piece_size, data.size() - at));
    piece.offset = static_cast<std::uint32_t>(at);
    piece.crc32c = crc32c(part);
    SSDFS_TRY(say(to, piece, copy_bytes(part)));
  }
  wire::write_end_request end;
  end.volume = what.volume;
  end.generation = what.generation;
  end.key = what.key;
  end.chain = chain;
  end.ticket = what.ticket;
  return say(to, end);
}

result<void> write_to(net::channel& to, const wire::relocation& what, bytes_view data) {
  if (data.size() > wire::small_chunk_max) return write_long(to, what, data);
  const std::string chain = wire::chain_text(what.chain);
  wire::write_chunk_request m;
  m.volume = what.volume;
  m.generation = what.generation;
  m.key = what.key;
  m.crc32c = what.crc32c;
  m.ack = wire::ack_mode::all;
  m.chain = chain;
  m.ticket = what.ticket;
  return say(to, m, copy_bytes(data));
}

}  // namespace

void chunk_mover::poll() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || running_) return;
    running_ = true;
  }
  const auto queued = parts_.background.submit([this] { run(); });
  if (queued) return;
  const std::lock_guard lock(mutex_);
  running_ = false;
}

void chunk_mover::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
}

void chunk_mover::run() {
  for (;;) {
    const auto master = parts_.master();
    if (!master || !take_and_move(*master)) break;
  }
  const std::lock_guard lock(mutex_);
  running_ = false;
}

/// False if the node shall end, or there is nothing to do for now.
bool chunk_mover::keep_rate(std::uint64_t bytes, std::uint64_t rate_bytes_per_s) {
  if (rate_bytes_per_s != rate_bytes_per_s_) {
    rate_bytes_per_s_ = rate_bytes_per_s;
    rate_ = byte_rate(rate_bytes_per_s);
  }
  const std::int64_t pause_ns = rate_.used(bytes, io::steady_ns());
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::nanoseconds(std::max<std::int64_t>(pause_ns, 0)),
                 [&] { return stopping_; });
  return !stopping_;
}

bool chunk_mover::take_and_move(net::channel& master) {
  auto work = net::awaited<wire::take_relocations_request>(
                  master, wire::take_relocations_request{chunks_at_a_time}, call_timeout_ms)
                  .wait();
  if (!work || work->message.relocations.empty()) return false;
  wire::report_relocations_request report;
  bool go_on = true;
  for (const wire::relocation& what : work->message.relocations) {
    const auto done = go_on ? move(what) : result<void>(errc::shutting_down);
    wire::relocation_result said{what.id, 0};
    if (!done) {
      said.status = static_cast<std::uint16_t>(errc::unavailable);
      SSDFS_LOG(info) << "chunk " << what.from_key << " of volume " << what.from_volume
                      << " was not moved to volume " << what.volume << ": "
                      << done.error().message();
    }
    report.results.push_back(said);
    go_on = go_on && keep_rate(what.size, work->message.rate_bytes_per_s);
  }
  const auto told = say(master, report);
  return go_on && told.has_value();
}

result<void> chunk_mover::move(const wire::relocation& what) {
  if (what.chain.empty()) return failure(errc::protocol, "a relocation without a chain");
  const replica_address& first = what.chain.front();
  failure last(errc::unavailable, "no source has it");
  for (const replica_address& source : what.sources) {
    const auto from = parts_.peers.get(source.address, source.node);
    const auto data = read_from(*from, what);
    if (data) return write_to(*parts_.peers.get(first.address, first.node), what, *data);
    last = data.error();
  }
  return last;
}

}  // namespace ssdfs::datanode
