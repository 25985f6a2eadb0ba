// Chunks from other replicas of a volume, for copies and repairs.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "datanode/order_job.hpp"
#include "net/channel.hpp"
#include "volume/volume.hpp"
#include "wire/chunk_messages.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ssdfs::datanode {

/// What became of a transfer.
struct fetch_counts {
  std::uint64_t stored = 0;  ///< chunks
  std::uint64_t bytes = 0;
  std::uint64_t absent = 0;  ///< at no source any more: removed meanwhile, as digests will tell
};

/// Operation: reads chunks from the sources of an order, in its order of preference; a source that
/// fails a call is left for the next one. What comes is verified by the volume that stores it.
/// Concurrency: one thread, which blocks. Lifetime: for one order.
class chunk_fetcher {
 public:
  static constexpr std::int64_t call_timeout_ms = 30'000;

  chunk_fetcher(net::channel_pool& peers, order_job& job)
      : peers_(peers),
        job_(job),
        volume_(job.what().volume),
        sources_(job.what().sources),
        left_(sources_.size()) {}

  /// One page of the index of the current source.
  result<wire::replica_chunks_reply> list(chunk_key from);

  /// Gets `chunks` and stores them in `to`, with write_mode::restore.
  result<fetch_counts> restore(volume::volume& to, std::span<const wire::chunk_entry> chunks);
  /// The same, but a chunk that a source has, bad, and no other good, is as one that is at none: it
  /// does not end the transfer. What no source has is appended to `nowhere`.
  result<fetch_counts> restore(volume::volume& to, std::span<const wire::chunk_entry> chunks,
                               std::vector<wire::chunk_entry>& nowhere);
  /// No source has failed a call.
  [[nodiscard]] bool all_answered() const noexcept {
    return std::find(left_.begin(), left_.end(), true) == left_.end();
  }

 private:
  struct transfer;
  static constexpr std::uint64_t batch_bytes = 8U << 20;
  static constexpr std::size_t batch_chunks = 128;

  /// Index of the first source that was not left; errc::unavailable if there is none.
  [[nodiscard]] result<std::size_t> source() const;
  [[nodiscard]] std::shared_ptr<net::channel> channel_of(std::size_t source) const;
  void leave(std::size_t source, const failure& why);
  [[nodiscard]] result<transfer> begin(std::span<const wire::chunk_entry> chunks);
  [[nodiscard]] result<void> finish(transfer t, volume::volume& to, fetch_counts& counts);
  [[nodiscard]] result<void> retry(const wire::chunk_entry& what, volume::volume& to,
                                   fetch_counts& counts);
  [[nodiscard]] result<void> store(transfer& t, volume::volume& to, fetch_counts& counts);

  net::channel_pool& peers_;
  order_job& job_;
  const volume_id volume_;
  const std::vector<replica_address>& sources_;
  std::vector<bool> left_;                             // by source
  std::vector<wire::chunk_entry>* nowhere_ = nullptr;  // set: bad ones do not end the transfer
  failure last_failure_;
};

}  // namespace ssdfs::datanode
