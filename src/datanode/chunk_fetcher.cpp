#include "datanode/chunk_fetcher.hpp"

#include "base/log.hpp"
#include "net/await.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace ssdfs::datanode {

// A chunk on its way: its reads, then its bytes.
struct incoming_chunk {
  wire::chunk_entry what;
  std::vector<net::awaited<wire::read_chunk_request>> calls;
  std::vector<bytes_view> parts;
  std::vector<buffer_ref> holds;
  std::optional<failure> failed;
};

namespace {

// Failures of one chunk; every other failure is one of the source.
bool is_of_chunk(const failure& why) {
  return why == errc::not_found || why == errc::checksum || why == errc::damaged;
}

incoming_chunk request_chunk(net::channel& from, volume_id volume, const wire::chunk_entry& what) {
  incoming_chunk out;
  out.what = what;
  wire::read_chunk_request m;
  m.volume = volume;
  m.key = what.key;
  m.expected_size = what.size;
  m.expected_crc32c = what.crc32c;
  for (std::uint32_t at = 0; at < what.size; at += m.length) {
    m.offset = at;
    m.length = std::min(what.size - at, wire::max_body);
    out.calls.emplace_back(from, m, chunk_fetcher::call_timeout_ms);
  }
  return out;
}

void receive(incoming_chunk& c) {
  for (auto& call : c.calls) {
    auto answer = call.wait();
    if (!answer) {
      if (!c.failed) c.failed = std::move(answer).error();
      continue;
    }
    c.parts.push_back(answer->body);
    c.holds.push_back(std::move(answer->hold));
  }
  std::uint64_t size = 0;
  for (const bytes_view part : c.parts) size += part.size();
  if (!c.failed && size != c.what.size) c.failed = failure(errc::protocol, "a short answer");
}

}  // namespace

struct chunk_fetcher::transfer {
  std::size_t source = 0;
  std::vector<incoming_chunk> chunks;
};

result<std::size_t> chunk_fetcher::source() const {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!left_[i]) return i;
  }
  std::string why = "no source answers";
  if (last_failure_.code) why += ": " + last_failure_.message();
  return failure(errc::unavailable, std::move(why));
}

std::shared_ptr<net::channel> chunk_fetcher::channel_of(std::size_t source) const {
  return peers_.get(sources_[source].address, sources_[source].node);
}

void chunk_fetcher::leave(std::size_t source, const failure& why) {
  if (left_[source]) return;
  left_[source] = true;
  last_failure_ = why;
  SSDFS_LOG(info) << "volume " << volume_ << ": source " << sources_[source].address
                  << " is left: " << why.message();
}

result<wire::replica_chunks_reply> chunk_fetcher::list(chunk_key from) {
  for (;;) {
    const auto from_source = source();
    if (!from_source) return from_source.error();
    wire::replica_chunks_request m;
    m.volume = volume_;
    m.from_key = from;
    net::awaited<wire::replica_chunks_request> call(*channel_of(*from_source), m, call_timeout_ms);
    auto answer = call.wait();
    if (answer) return std::move(answer->message);
    leave(*from_source, answer.error());
  }
}

result<chunk_fetcher::transfer> chunk_fetcher::begin(std::span<const wire::chunk_entry> chunks) {
  const auto from = source();
  if (!from) return from.error();
  const auto channel = channel_of(*from);
  transfer t{*from, {}};
  t.chunks.reserve(chunks.size());
  for (const auto& what : chunks) t.chunks.push_back(request_chunk(*channel, volume_, what));
  return t;
}

result<void> chunk_fetcher::finish(transfer t, volume::volume& to, fetch_counts& counts) {
  for (auto& c : t.chunks) receive(c);
  SSDFS_TRY(store(t, to, counts));
  for (const auto& c : t.chunks) {
    if (!c.failed) continue;
    if (!is_of_chunk(*c.failed)) leave(t.source, *c.failed);
    SSDFS_TRY(retry(c.what, to, counts));
  }
  return {};
}

result<void> chunk_fetcher::retry(const wire::chunk_entry& what, volume::volume& to,
                                  fetch_counts& counts) {
  std::optional<failure> bad;  // a source has the chunk, but cannot give it
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (left_[i]) continue;
    transfer t{i, {}};
    t.chunks.push_back(request_chunk(*channel_of(i), volume_, what));
    receive(t.chunks.front());
    SSDFS_TRY(store(t, to, counts));
    const auto& failed = t.chunks.front().failed;
    if (!failed) return {};
    if (!is_of_chunk(*failed)) {
      leave(i, *failed);
    } else if (!(*failed == errc::not_found)) {
      bad = failed;
    }
  }
  if (bad && nowhere_ == nullptr) return *bad;
  const auto anyone = source();
  if (!anyone) return anyone.error();
  ++counts.absent;  // everyone that answers says so
  if (nowhere_ != nullptr) nowhere_->push_back(what);
  return {};
}

result<void> chunk_fetcher::store(transfer& t, volume::volume& to, fetch_counts& counts) {
  std::vector<volume::append_item> items;
  std::vector<incoming_chunk*> arrived;
  std::uint64_t bytes = 0;
  for (auto& c : t.chunks) {
    if (c.failed) continue;
    volume::append_item item;
    item.key = c.what.key;
    item.size = c.what.size;
    item.crc = c.what.crc32c;
    item.parts = c.parts;
    items.push_back(item);
    arrived.push_back(&c);
    bytes += c.what.size;
  }
  std::vector<boost::system::error_code> outcome(items.size());
  if (!items.empty()) {
    to.append_batch(items, outcome, {.mode = volume::write_mode::restore});
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!outcome[i]) {
      ++counts.stored;
      counts.bytes += items[i].size;
    } else if (failure(outcome[i]) == errc::checksum) {
      arrived[i]->failed = failure(outcome[i]);
    } else {
      return failure(outcome[i], "chunk " + std::to_string(items[i].key) + " was not stored");
    }
  }
  return job_.moved(bytes);
}

result<fetch_counts> chunk_fetcher::restore(volume::volume& to,
                                            std::span<const wire::chunk_entry> chunks) {
  fetch_counts counts;
  std::optional<transfer> waiting;  // its bytes are on their way while the one before is stored
  while (!chunks.empty() || waiting) {
    std::optional<transfer> next;
    if (!chunks.empty()) {
      std::size_t count = 0;
      for (std::uint64_t bytes = 0; count < std::min(chunks.size(), batch_chunks); ++count) {
        bytes += chunks[count].size;
        if (count > 0 && bytes > batch_bytes) break;
      }
      auto begun = begin(chunks.first(count));
      if (!begun) return std::move(begun).error();
      next = std::move(*begun);
      chunks = chunks.subspan(count);
    }
    if (waiting) SSDFS_TRY(finish(std::move(*waiting), to, counts));
    waiting = std::move(next);
  }
  return counts;
}

result<fetch_counts> chunk_fetcher::restore(volume::volume& to,
                                            std::span<const wire::chunk_entry> chunks,
                                            std::vector<wire::chunk_entry>& nowhere) {
  if (sources_.empty()) {
    nowhere.insert(nowhere.end(), chunks.begin(), chunks.end());
    return fetch_counts{.absent = chunks.size()};
  }
  nowhere_ = &nowhere;
  auto done = restore(to, chunks);
  nowhere_ = nullptr;
  return done;
}

}  // namespace ssdfs::datanode
