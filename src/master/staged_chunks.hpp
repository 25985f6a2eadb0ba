// Lists of chunks that are too long for one message, until their commit comes.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "meta/commands.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ssdfs::master {

/// Operation: pages of one list come in order. A list ends with take(), when `idle_ms` pass without
/// a further page, and with its client's session. Namespace strand only.
/// Bounds: what is kept for one client and for all together, in chunks of 32 bytes; beyond it a
/// page is answered busy, and its client comes again later.
class staged_chunks {
 public:
  static constexpr std::int64_t idle_ms = 30'000;
  static constexpr std::size_t most_of_client = std::size_t{10} * max_file_chunks;  ///< 16 MB
  static constexpr std::size_t most_of_all = std::size_t{40} * max_file_chunks;     ///< 64 MB

  /// The page with the list's chunks from `first` on; it takes the place of what the list has there
  /// and behind. busy: the list does not reach `first`, or there is no room. too_large: over
  /// max_file_chunks; the list is given up.
  result<void> add(client_id client, std::uint64_t sequence, std::size_t first,
                   std::span<const meta::chunk_claim> page, std::int64_t now_ms);

  /// The list, which is forgotten; empty if there is none.
  [[nodiscard]] std::vector<meta::chunk_claim> take(client_id client, std::uint64_t sequence);

  /// The client's session is over.
  void forget(client_id client);
  void expire(std::int64_t now_ms);

  /// Chunks of all lists.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct list {
    std::uint64_t sequence = 0;
    std::int64_t until_ms = 0;
    std::vector<meta::chunk_claim> chunks;
  };
  /// A client has a handful of lists, each long.
  using lists = std::vector<list>;

  void drop(lists& of, lists::iterator which);

  boost::unordered_flat_map<client_id, lists> clients_;
  std::size_t size_ = 0;
};

}  // namespace ssdfs::master
