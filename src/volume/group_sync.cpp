#include "volume/group_sync.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::volume {

result<void> group_sync::wait(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  while (synced_ < number) {
    if (failed_) return why_;
    if (syncing_) {
      changed_.wait(lock);
      continue;
    }
    syncing_ = true;
    const std::uint64_t covered = written_;
    const std::shared_ptr<io::file> file = file_;
    lock.unlock();
    auto done = file->sync();
    lock.lock();
    syncing_ = false;
    if (done) {
      synced_ = std::max(synced_, covered);
    } else {
      failed_ = true;
      why_ = std::move(done).error();
    }
    changed_.notify_all();
  }
  return {};
}

}  // namespace ssdfs::volume
