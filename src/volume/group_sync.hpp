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
  result<void> wait(std::uint64_t number);

  /// As wait() for all writes so far.
  result<void> wait_all() { return wait(latest()); }

  [[nodiscard]] std::uint64_t latest() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }
  [[nodiscard]] bool dirty() const {
    const std::lock_guard lock(mutex_);
    return synced_ < written_;
  }
  /// From here on writes go to `file`, where everything written so far is durable.
  void use(std::shared_ptr<io::file> file) {
    const std::lock_guard lock(mutex_);
    file_ = std::move(file);
    synced_ = written_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<io::file> file_;
  std::uint64_t written_ = 0;
  std::uint64_t synced_ = 0;
  bool syncing_ = false;
  bool failed_ = false;
  failure why_;
};

}  // namespace ssdfs::volume
