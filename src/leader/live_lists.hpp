// Which chunks should be in a volume: made by a walk over all files, for replicas that differ.
#pragma once

#include "base/result.hpp"
#include "leader/chunk_sorter.hpp"
#include "meta/state.hpp"
#include "wire/cluster_messages.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace ssdfs::leader {

/// Operation: want() names a volume; step() does a millisecond or two of work a call: it walks a
/// few slices of the tree's memory, for all wanted volumes at once, or sorts a part of a list. A
/// list is kept while it is right, which its digest tells: it must equal the volume's, so a list
/// that missed a change is never used. Lists are dropped a minute after their last use.
/// Concurrency: the strand of the namespace.
class live_lists {
 public:
  explicit live_lists(const meta::state& state) : state_(state) {}

  using list = chunk_sorter::list_type;  ///< sorted by key

  /// The list, if there is one and it is right now; else it is wanted from here on.
  [[nodiscard]] std::shared_ptr<const list> want(volume_id volume, std::int64_t now_ms);

  /// A page of what should be in a closed volume, and what of it is lost, by key.
  /// `knows_all`: the log has every grant and commit that there ever was in the volume, so a key
  /// that is not told here can never be committed. errc::not_found, errc::protocol: the limit is 0
  /// or above most_in_page. errc::busy: the volume is not closed, or its list is being made.
  [[nodiscard]] result<wire::live_chunks_reply> page(const wire::live_chunks_request& asked,
                                                     bool knows_all, std::int64_t now_ms);
  static constexpr std::uint32_t most_in_page = 16'384;

  /// Walks on; true while there is more to do.
  bool step(std::int64_t now_ms);
  /// True if step() has something to do.
  [[nodiscard]] bool unfinished() const noexcept { return !walking_.empty() || !wanted_.empty(); }

  /// Drops the lists that nobody has used for a minute. Now and then.
  void forget_unused(std::int64_t now_ms);

 private:
  struct entry {
    std::shared_ptr<const list> chunks;
    volume_digest digest;  ///< of the list
    std::int64_t used_ms = 0;
  };
  struct draft {
    chunk_sorter chunks;
    std::size_t freed_seen = 0;  ///< of the volume's freed chunks, which count until reclaimed
  };
  void begin_walk();
  void visit_files();
  void finish_one(std::int64_t now_ms);

  const meta::state& state_;
  std::set<volume_id> wanted_;              // for the next walk
  std::map<std::uint32_t, draft> walking_;  // by slot; of the walk under way
  std::size_t next_slice_ = 0;
  std::map<volume_id, entry> ready_;
};

}  // namespace ssdfs::leader
