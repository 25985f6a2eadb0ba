// Checkpoints of the index, background syncs, rebuilds.
#include "base/log.hpp"
#include "volume/append_scratch.hpp"
#include "volume/volume.hpp"

namespace ssdfs::volume {
namespace {

// A checkpoint is due when a start would have to scan this much behind the last one,
constexpr std::uint64_t tail_limit = 64 * 1024 * 1024;
// or when this many keys of a closed volume wait in memory to be folded in.
constexpr std::size_t override_limit = 4096;

}  // namespace

// Takes over what recovery found. Nobody else uses the volume yet, or all of it is locked.
void volume::install(recovered_volume&& recovered) {
  const guard lock(index_mutex_);
  index_ = std::move(recovered.index);
  state_ = recovered.status.state;
  generation_ = recovered.status.generation;
  removal_number_ = recovered.status.removal_number;
  length_ = recovered.length;
  checkpointed_ = recovered.covered;
  // Nothing behind the checkpoint means that it shows everything.
  if (recovered.covered == recovered.length) checkpoint_version_ = version_;
  if (recovered.index_bytes != 0) index_bytes_ = recovered.index_bytes;
  if (recovered.covered != recovered.length) static_cast<void>(sync_.wrote());
}

result<void> volume::maintain() {
  SSDFS_TRY(check_usable());
  if (env_.sync != sync_policy::none && sync_.dirty()) {
    if (auto durable = sync_.wait_all(); !durable) return fence(durable.error());
  }
  if (index_damaged_) SSDFS_TRY(rebuild());
  if (checkpoint_due()) return write_checkpoint();
  return {};
}

result<void> volume::checkpoint() { return write_checkpoint(); }

void volume::retire() {
  const guard only(checkpoint_mutex_);
  const guard lock(append_mutex_);
  retired_ = true;
}

bool volume::checkpoint_due() {
  const guard lock(append_mutex_);
  const guard index(index_mutex_);
  if (version_ == checkpoint_version_) return false;
  if (length_ - checkpointed_ >= tail_limit) return true;
  return state_ != replica_state::open &&
         (index_.overrides() >= override_limit || index_.memory() > override_limit * 16);
}

// The bytes of a checkpoint of now. Under append_mutex_.
std::vector<std::byte> volume::snapshot(std::uint64_t& version, result<void>& outcome) {
  index_builder builder;
  index_summary summary;
  summary.identity = identity_;
  summary.covered = length_;
  const auto list_pending = [&] {
    for (const auto& weak : large_) {
      // A handle that is over by the time of recovery does no harm in the list.
      if (const auto handle = weak.lock()) summary.pending.push_back(handle->offset_);
    }
  };
  list_pending();
  const guard lock(index_mutex_);
  version = version_;
  summary.status = status_locked();
  summary.extent_bytes = index_.extent_bytes();
  for (const auto& [key, t] : index_.tombstones()) summary.tombstones.push_back(t);
  outcome = index_.for_each(0, [&](const chunk_entry& e) {
    builder.add(e);
    return true;
  });
  return std::move(builder).finish(summary);
}

result<void> volume::write_checkpoint() {
  const guard only(checkpoint_mutex_);
  SSDFS_TRY(check_usable());
  std::vector<std::byte> bytes;
  std::uint64_t version = 0;
  std::uint64_t covered = 0;
  {
    const guard lock(append_mutex_);
    {
      const guard index(index_mutex_);
      if (version_ == checkpoint_version_) return {};
    }
    result<void> listed;
    bytes = snapshot(version, listed);
    if (!listed) {
      index_damaged_ = true;
      return listed;
    }
    covered = length_;
  }
  // A checkpoint speaks for bytes that are durable.
  if (auto durable = sync_.wait_all(); !durable) return fence(durable.error());
  const std::string path = index_path(path_);
  SSDFS_TRY(io::replace_file(*env_.fs, path, bytes));
  index_bytes_ = bytes.size();
  bytes = {};

  const guard lock(append_mutex_);
  checkpointed_ = covered;
  checkpoint_version_ = version;
  auto mapped = index_file::load(*env_.fs, path);
  if (!mapped) return mapped.error();
  const guard index(index_mutex_);
  // A closed volume's index lives in the file alone, unless it has changed again meanwhile.
  if (version_ == version && state_ != replica_state::open && pending_bytes_ == 0) {
    index_.set_base(std::move(*mapped));
    index_.burn_gaps();
  }
  return {};
}

// Scans the whole file anew. Appends wait.
result<void> volume::rebuild() {
  SSDFS_LOG(warning) << path_ << ": index is damaged; it is rebuilt from the volume";
  {
    const guard lock(append_mutex_);
    auto recovered = recover({file_.get(), length_, identity_, path_, nullptr});
    if (!recovered) return recovered.error();
    // Held until the index is free again: the last reference to a handle ends in it.
    std::vector<std::shared_ptr<large_write>> under_way;
    for (const auto& weak : large_) {
      if (auto handle = weak.lock()) under_way.push_back(std::move(handle));
    }
    std::erase_if(under_way, [](const auto& handle) {
      const guard its(handle->mutex_);
      return handle->over_;
    });
    const guard index(index_mutex_);
    // State and length are in memory and not in doubt.
    index_ = std::move(recovered->index);
    for (const auto& handle : under_way) {
      if (index_.find(handle->key_).state != key_state::live) index_.begin(handle->key_);
    }
    ++version_;
    index_damaged_ = false;
  }
  return write_checkpoint();
}

}  // namespace ssdfs::volume
