// One fdatasync for everybody who waits for one.
#pragma once

#include "base/result.hpp"
#include "io/file.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

namespace ssdfs::volume {

/// Orders writes and syncs of one file. Thread-safe.
///
/// A writer calls wrote() after each write that has to become durable; whoever needs durability
/// calls wait() with the number it got. The first to wait syncs for all that wrote before the sync
/// began; those who come meanwhile share the next one.
class group_sync {
 public:
  /// Number of the write that has just ended.
  std::uint64_t wrote() {
    const std::lock_guard lock(mutex_);
    return ++written_;
  }

  /// Returns when write `number` is durable. A failed sync is final: this and all later waits that
  /// are not covered already get its failure.
  result<void> wait(std::uint64_t number, io::file& file);

  /// As wait() for all writes so far.
  result<void> wait_all(io::file& file) { return wait(latest(), file); }

  [[nodiscard]] std::uint64_t latest() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }
  [[nodiscard]] bool dirty() const {
    const std::lock_guard lock(mutex_);
    return synced_ < written_;
  }
  /// The file was replaced by one that is durable. No wait may be under way with the old file and
  /// uncovered writes, which the caller ensures by syncing first with writers shut out.
  void all_durable() {
    const std::lock_guard lock(mutex_);
    synced_ = written_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t written_ = 0;
  std::uint64_t synced_ = 0;
  bool syncing_ = false;
  bool failed_ = false;
  failure why_;
};

}  // namespace ssdfs::volume
