#include "master/relocator.hpp"

#include "base/log.hpp"
#include "meta/queries.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::master {
namespace {

constexpr std::size_t relocated_slices_per_step = 64;  // about 65,000 files
constexpr std::size_t files_max = 100'000;             // that wait; the walk pauses beyond
constexpr std::int64_t job_ms = 120'000;
constexpr std::int64_t idle_right_ms = 5'000;
constexpr std::int64_t pause_ms = 1'000;  // after a failure, or while no grant can be had
constexpr std::uint64_t grant_bytes = std::uint64_t{16} << 20;
constexpr std::uint64_t batch_bytes = std::uint64_t{32} << 20;

}  // namespace

void relocator::wanted(std::string path) {
  if (files_.size() >= files_max) return walk_again();
  files_.push_back(std::move(path));
}

/// Something was missed, or has moved to another place: a further walk finds it.
void relocator::walk_again() {
  again_ = !walked_;  // one is under way, and may have passed it
  walked_ = false;
}

bool relocator::step() {
  if (walked_ || files_.size() >= files_max) return false;
  const meta::tree& names = state_.names();
  const meta::volume_table& volumes = state_.volumes();
  std::vector<meta::chunk_ref> chunks;
  for (std::size_t i = 0; i < relocated_slices_per_step && next_slice_ < names.slices(); ++i) {
    names.visit_slice(next_slice_++, [&](meta::inode file) {
      chunks.clear();
      names.chunks(file, chunks);
      if (chunks.empty()) return;
      const std::uint8_t wanted = names.attributes(file).replication;
      if (wanted == 0) return;  // any will do
      const bool all_right = std::all_of(chunks.begin(), chunks.end(), [&](const auto& c) {
        return volumes[c.at.volume].info.replication == wanted;
      });
      if (!all_right) files_.push_back(names.path_of(file));
    });
  }
  if (next_slice_ < names.slices()) return files_.size() < files_max;
  next_slice_ = 0;
  walked_ = !std::exchange(again_, false);
  return !walked_;
}

std::size_t relocator::right_for(std::uint8_t replication, std::uint64_t bytes,
                                 std::int64_t now_ms) {
  const auto at = current_.find(replication);
  if (at != current_.end()) {
    right& r = rights_.at(at->second);
    if (!r.spent && r.next_key < r.end_key && r.bytes_left >= bytes) return at->second;
    r.spent = true;
    const std::size_t old = at->second;
    current_.erase(at);
    release(old);
  }
  auto fresh = do_.grant(replication, std::max(bytes, grant_bytes));
  if (!fresh || fresh->bytes_left < bytes) {
    if (fresh) do_.end_grant(*fresh);
    not_before_ms_ = now_ms + pause_ms;
    return 0;
  }
  rights_.emplace(++last_right_, std::move(*fresh));
  current_[replication] = last_right_;
  return last_right_;
}

/// Ends a right that nothing is written with any more.
void relocator::release(std::size_t which) {
  const auto at = rights_.find(which);
  if (at == rights_.end() || !at->second.spent || at->second.in_flight != 0) return;
  do_.end_grant(at->second);
  std::erase_if(current_, [&](const auto& c) { return c.second == which; });
  rights_.erase(at);
}

/// Hands out the file's chunks that are in the wrong volumes. False if some of them must wait.
bool relocator::hand_out(const std::string& path, std::uint32_t limit, std::int64_t now_ms,
                         std::vector<wire::relocation>& out) {
  const auto entry = meta::lookup(state_, path, {});
  if (!entry || entry->directory) {
    walk_again();
    return true;
  }
  if (entry->replication == 0) return true;
  std::vector<meta::chunk_record> chunks;
  meta::chunks_of(state_, entry->entry, chunks);
  const std::uint8_t wanted = entry->replication;
  for (std::uint32_t i = 0; i < chunks.size(); ++i) {
    const meta::chunk_record& c = chunks[i];
    if (state_.volumes().find(c.volume)->info.replication == wanted) continue;
    if (state_.volumes().is_lost(c.volume, c.key)) continue;  // nobody can give it
    const bool under_way = std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& j) {
      return j.second.index == i && j.second.path == path;
    });
    if (under_way) continue;
    if (out.size() >= limit) return false;
    const std::size_t which = right_for(wanted, c.size, now_ms);
    if (which == 0) return false;
    right& r = rights_.at(which);
    wire::relocation work;
    work.id = ++last_job_;
    work.from_volume = c.volume;
    work.from_key = c.key;
    work.size = c.size;
    work.crc32c = c.crc32c.value;
    work.sources = do_.readers(c.volume);
    work.volume = r.volume;
    work.generation = r.generation;
    work.key = r.next_key++;
    work.chain = r.replicas;
    work.ticket = r.ticket;
    r.bytes_left -= c.size;
    r.used_ms = now_ms;
    ++r.in_flight;
    jobs_.emplace(work.id, job{path, i, c, wanted, which, work.key, now_ms + job_ms});
    out.push_back(std::move(work));
  }
  return true;
}

std::vector<wire::relocation> relocator::take(std::uint32_t limit, std::int64_t now_ms) {
  std::vector<wire::relocation> out;
  std::uint64_t bytes = 0;
  while (now_ms >= not_before_ms_ && !files_.empty() && out.size() < limit && bytes < batch_bytes) {
    const std::string path = files_.front();
    if (!hand_out(path, limit, now_ms, out)) break;
    files_.pop_front();
    bytes = 0;
    for (const wire::relocation& work : out) bytes += work.size;
  }
  return out;
}

void relocator::finish(std::uint64_t id, bool written, std::int64_t now_ms) {
  const auto at = jobs_.find(id);
  if (at == jobs_.end()) return;  // given up before
  const job done = std::move(at->second);
  jobs_.erase(at);
  right& r = rights_.at(done.right);
  --r.in_flight;
  const auto file = meta::lookup(state_, done.path, {});
  const bool still = file && !file->directory && file->replication == done.replication;
  if (written && !still) {
    wanted(done.path);  // another class by now, or another place: looked at again
  } else if (written) {
    const meta::chunk_claim to{r.volume, done.key, done.from.size, done.from.crc32c.value,
                               r.generation};
    const auto moved = do_.relocate({done.path, done.index, done.from, to});
    if (!moved && !(moved.error() == errc::changed)) {
      if (!(moved.error() == errc::not_found)) not_before_ms_ = now_ms + pause_ms;
      wanted(done.path);
    }
  } else {
    // Perhaps a replica failed: the next chunks go elsewhere.
    r.spent = true;
    not_before_ms_ = now_ms + pause_ms;
    wanted(done.path);
  }
  release(done.right);
}

void relocator::upkeep(std::int64_t now_ms) {
  std::vector<std::uint64_t> late;
  for (const auto& [id, j] : jobs_) {
    if (j.deadline_ms <= now_ms) late.push_back(id);
  }
  for (const std::uint64_t id : late) finish(id, false, now_ms);
  std::vector<std::size_t> idle;
  for (auto& [which, r] : rights_) {
    if (r.in_flight == 0 && (r.spent || r.used_ms + idle_right_ms <= now_ms)) {
      r.spent = true;
      idle.push_back(which);
    }
  }
  for (const std::size_t which : idle) {
    std::erase_if(current_, [&](const auto& c) { return c.second == which; });
    release(which);
  }
}

}  // namespace ssdfs::master
