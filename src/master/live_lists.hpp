// Which chunks should be in a volume: made by a walk over all files, for replicas that differ.
#pragma once

#include "master/chunk_sorter.hpp"
#include "meta/state.hpp"
#include "wire/chunk_messages.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace ssdfs::master {

/// Operation: want() names a volume; step() does a millisecond or two of work a call: it walks a
/// few slices of the tree's memory, for all wanted volumes at once, or sorts a part of a list. A
/// list is kept while it is right, which its digest tells: it must equal the volume's, so a list
/// that missed a change is never used. Lists are dropped a minute after their last use.
/// Concurrency: the namespace strand.
class live_lists {
 public:
  explicit live_lists(const meta::state& state) : state_(state) {}

  using list = chunk_sorter::list_type;  ///< sorted by key

  /// The list, if there is one and it is right now; else it is wanted from here on.
  [[nodiscard]] std::shared_ptr<const list> want(volume_id volume, std::int64_t now_ms);

  /// Walks on; true while there is more to do.
  bool step(std::int64_t now_ms);

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

}  // namespace ssdfs::master
