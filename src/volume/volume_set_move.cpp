// Volumes on their way from one directory to another, and those found in two.
#include "base/log.hpp"
#include "volume/compactor.hpp"
#include "volume/volume_set.hpp"

#include <limits>
#include <tuple>
#include <utility>

namespace ssdfs::volume {

// One move, from where to where.
struct volume_set::moving {
  std::shared_ptr<volume> from;
  data_directory* home = nullptr;  // of `from`
  data_directory* to = nullptr;
  std::string path;  // of the new file
};

result<volume_set::moving> volume_set::begin_move(volume_id id, std::size_t directory) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return errc::shutting_down;
  if (directory >= directories_.size()) return errc::invalid_argument;
  if (arriving_at_ != nullptr) return failure(errc::busy, "another volume is being moved");
  const auto at = volumes_.find(id);
  if (at == volumes_.end() || !at->second.open) return errc::not_found;
  data_directory* const to = directories_[directory].get();
  if (at->second.home == to) return failure(errc::precondition, "the volume is there already");
  // Never larger than it is now: a move leaves dead bytes behind.
  const std::uint64_t bytes = at->second.open->disk_bytes();
  if (!to->usable() || to->available() < bytes) {
    return failure(errc::no_space, to->path() + ": no room for the volume");
  }
  arriving_at_ = to;
  arriving_bytes_ = bytes;
  return moving{at->second.open, at->second.home, to, to->volume_path(id)};
}

result<void> volume_set::move(volume_id id, move_options options) {
  auto m = begin_move(id, options.directory);
  if (!m) return m.error();
  compaction_options rewrite;
  rewrite.tombstone_ms = std::numeric_limits<std::int64_t>::max();  // keeps all of them
  rewrite.drop_settled = false;
  rewrite.go_on = [&](std::uint64_t bytes) {
    // Appends come first: what is kept free for them and for compaction is not for moves.
    return m->to->usable() && m->to->available() > 0 && (!options.go_on || options.go_on(bytes));
  };
  result<void> moved;
  // One that was ignored at the start would be found only when all is copied.
  if (auto taken = options_.fs->exists(m->path); !taken || *taken) {
    moved = taken ? failure(errc::exists, m->path + ": exists") : taken.error();
  } else {
    compactor work(*m->from, std::move(rewrite), m->path);
    moved = work.prepare();
    if (moved) moved = take_over(*m, work, options);
  }
  {
    const std::lock_guard lock(mutex_);
    arriving_at_ = nullptr;
    arriving_bytes_ = 0;
  }
  static_cast<void>(measure());
  return moved;
}

// The new file takes the old one's place, on the disk and here.
result<void> volume_set::take_over(const moving& m, compactor& work, move_options& options) {
  const std::lock_guard one(change_mutex_);
  const volume_id id = m.from->id();
  {
    const std::lock_guard lock(mutex_);
    const auto at = volumes_.find(id);
    if (stopped_ || at == volumes_.end() || at->second.open != m.from) return errc::cancelled;
  }
  const auto done = work.commit();
  if (!done) return done.error();
  entry now{nullptr, m.to, m.path, {}};
  const auto opened = volume::open(environment_of(*m.to), m.path, id);
  note_opened(now, opened);
  if (!opened) SSDFS_LOG(error) << "volume is quarantined: " << now.problem;
  {
    const std::lock_guard lock(mutex_);
    volumes_[id] = std::move(now);
  }
  if (options.serve) options.serve(opened ? *opened : nullptr);
  if (!opened) return opened.error();  // the old file stays until the replica is dropped
  if (auto removed = remove_files(*m.home, m.from->path()); !removed) {
    // The next start does it: it knows which of the two counts.
    SSDFS_LOG(warning) << "after a move: " << removed.error().message();
  }
  return {};
}

// A volume has been found in two directories: a move was interrupted, or a disk is back that had
// failed. `first` becomes the one that counts.
void volume_set::choose_copy(entry& first, entry second) {
  const auto rank = [](const entry& e) {
    const replica_report r = e.open ? e.open->report() : replica_report{};
    // A copy that was never finished is worth less than what it was to replace.
    return std::tuple(e.open != nullptr, r.state != replica_state::recovering, r.generation,
                      r.removal_number, e.open ? e.open->moves() : 0);
  };
  if (rank(second) > rank(first)) std::swap(first, second);
  if (first.open && second.open) {
    const replica_report counts = first.open->report();
    const replica_report other = second.open->report();
    const bool same =
        counts.digest == other.digest && counts.removal_number == other.removal_number;
    if (counts.state != replica_state::damaged &&
        (same || first.open->moves() > second.open->moves())) {
      SSDFS_LOG(warning) << second.path << ": removed, the volume has moved to " << first.path;
      second.open.reset();
      auto removed = remove_files(*second.home, second.path);
      if (!removed) SSDFS_LOG(warning) << removed.error().message();
      return;
    }
  }
  SSDFS_LOG(error) << second.path << ": ignored, the volume is also " << first.path;
}

}  // namespace ssdfs::volume
