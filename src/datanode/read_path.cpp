#include "datanode/read_path.hpp"

#include "base/crc32c.hpp"
#include "io/clock.hpp"

#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::uint32_t most_listed = 16'384;

}  // namespace

// One read; moves to the disk pool if the page cache does not have it.
struct read_path::pending_read {
  pending_read(net::request r, const op_subject& subject) : from(std::move(r)), what(subject) {
    times.received = from.received_ns();
  }

  net::request from;
  op_subject what;
  op_times times;
  std::shared_ptr<hosted_volume> volume;
  volume::location at;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  buffer_ref bytes;

  [[nodiscard]] bytes_span out() const { return {bytes->data(), length}; }
};

result<void> read_path::prepare(pending_read& p, const wire::read_chunk_request& m) {
  if (m.length == 0 || m.length > wire::max_body) {
    return failure(errc::invalid_argument, "length of the range");
  }
  p.volume = around_.volumes.find(m.volume);
  if (!p.volume) return failure(errc::not_found, "the volume is not here");
  auto at = p.volume->store().probe(m.key);
  if (!at) return std::move(at).error();
  if (at->size != m.expected_size || at->crc != m.expected_crc32c) {
    return failure(errc::checksum, "another chunk is stored under this key");
  }
  if (std::uint64_t{m.offset} + m.length > at->size) {
    return failure(errc::invalid_argument, "the range is not inside the chunk");
  }
  p.at = std::move(*at);
  p.offset = m.offset;
  p.length = m.length;
  p.bytes = buffer::make(m.length);
  return {};
}

void read_path::read_chunk(net::request r, const wire::read_chunk_request& m) {
  pending_read p(std::move(r), {wire::opcode::read_chunk, m.volume, m.key, m.length});
  if (const auto ready = prepare(p, m); !ready) return finish(p, ready);
  const auto cached = p.volume->store().read_cached(p.at, p.offset, p.out());
  if (cached || !(cached.error() == errc::busy)) return finish(p, cached);

  around_.flying.begin();
  auto job = std::make_unique<pending_read>(std::move(p));
  pending_read* const kept = job.get();
  const auto queued = around_.disk.submit([this, kept]() {
    const std::unique_ptr<pending_read> mine(kept);
    mine->times.started = io::steady_ns();
    const auto done = mine->volume->store().read(mine->at, mine->offset, mine->out());
    mine->times.stored = io::steady_ns();
    finish(*mine, done);
    around_.flying.end();
  });
  if (queued) {
    (void)job.release();  // the task owns it
  } else {
    finish(*kept, queued);
    around_.flying.end();
  }
}

void read_path::finish(pending_read& p, const result<void>& outcome) {
  if (!outcome) {
    const failure why = outcome.error();
    around_.metrics.finished(p.what, p.times, &why);
    if (why == errc::checksum || why == errc::io) around_.link.records_bad(p.what.volume);
    return p.from.fail(why);
  }
  around_.metrics.finished(p.what, p.times, nullptr);
  const bool whole = p.length == p.at.size;
  const std::uint32_t crc = whole ? p.at.crc : crc32c(p.out());
  p.from.reply(wire::read_chunk_reply{crc, p.at.size}, {p.out(), p.bytes});
}

void read_path::replica_chunks(net::request r, const wire::replica_chunks_request& m) {
  if (m.limit == 0 || m.limit > most_listed) {
    return r.fail(failure(errc::invalid_argument, "limit of the page"));
  }
  auto v = around_.volumes.find(m.volume);
  if (!v) return r.fail(failure(errc::not_found, "the volume is not here"));
  auto job = [this, m, v = std::move(v)](net::request& from) {
    wire::replica_chunks_reply reply;
    // Asked before the list: the list is at least as new as the number says.
    const replica_report report = v->store().report();
    reply.removal_number = report.removal_number;
    reply.generation = report.generation;
    const auto listed = v->store().list_live(m.from_key, std::size_t{m.limit} + 1);
    const op_subject what{wire::opcode::replica_chunks, m.volume, m.from_key, m.limit};
    const op_times times{.received = from.received_ns()};
    if (!listed) {
      const failure why = listed.error();
      around_.metrics.finished(what, times, &why);
      return from.fail(why);
    }
    around_.metrics.finished(what, times, nullptr);
    reply.more = listed->size() > m.limit;
    const std::size_t count = reply.more ? m.limit : listed->size();
    reply.chunks.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      reply.chunks.push_back({(*listed)[i].key, (*listed)[i].size, (*listed)[i].crc});
    }
    from.reply(reply);
  };
  around_.flying.begin();
  auto kept = std::make_shared<net::request>(std::move(r));
  const auto queued = around_.disk.submit([this, job = std::move(job), kept]() mutable {
    job(*kept);
    around_.flying.end();
  });
  if (!queued) {
    kept->fail(queued.error());
    around_.flying.end();
  }
}

}  // namespace ssdfs::datanode
