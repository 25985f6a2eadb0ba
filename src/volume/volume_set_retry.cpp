// What could not be opened, or went out of use, and may work again by now.
#include "base/log.hpp"
#include "io/clock.hpp"
#include "io/passing.hpp"
#include "volume/volume_set.hpp"

namespace ssdfs::volume {
namespace {

constexpr std::int64_t open_again_ms = 5'000;

}  // namespace

void volume_set::open_again(const std::function<void(const std::shared_ptr<volume>&)>& serve) {
  const std::lock_guard one(change_mutex_);
  const std::int64_t now_ms = io::steady_ms();
  std::vector<std::pair<volume_id, entry>> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || now_ms < open_again_at_ms_) return;
    open_again_at_ms_ = now_ms + open_again_ms;
    for (const auto& [id, e] : volumes_) {
      if (!e.open && e.may_pass && e.home->usable()) waiting.emplace_back(id, e);
    }
  }
  for (auto& [id, e] : waiting) {
    auto opened = volume::open(environment_of(*e.home), e.path, id);
    {
      const std::lock_guard lock(mutex_);
      note_opened(volumes_[id], opened);
    }
    if (!opened) continue;
    SSDFS_LOG(warning) << e.path << ": opened, it is in quarantine no longer";
    serve(*opened);
  }
}

// A file that cannot be read is tried again; what a damaged one holds does not change by itself.
void volume_set::note_opened(entry& e, const result<std::shared_ptr<volume>>& opened) {
  if (opened) {
    e.open = *opened;
    e.problem.clear();
    return;
  }
  const failure& why = opened.error();
  e.problem = why.message();
  e.may_pass = why == errc::io || io::passes(why);
}

}  // namespace ssdfs::volume
