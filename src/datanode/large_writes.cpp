#include "datanode/large_writes.hpp"

#include "base/crc32c.hpp"
#include "base/log.hpp"
#include "io/clock.hpp"

#include <vector>

namespace ssdfs::datanode {
namespace {

// Only a seal ends the write of a session that is still known here.
result<void> given_up_is_sealed(result<void> outcome) {
  if (outcome || !(outcome.error() == errc::aborted)) return outcome;
  return failure(errc::sealed, "the volume was sealed meanwhile");
}

}  // namespace

template <class Work>
void large_writes::run(const write_ref& task, Work work) {
  auto queued = disk_.submit([task, work = std::move(work)]() mutable {
    task->started();
    task->finish_local(work());
  });
  if (!queued) task->finish_local(std::move(queued));
}

void large_writes::begin(std::shared_ptr<hosted_volume> v, write_ref task) {
  {
    const std::lock_guard lock(mutex_);
    if (sessions_.size() >= most) {
      return task->finish_local(failure(errc::busy, "too many large chunks under way"));
    }
  }
  const write_task::description& d = task->about();
  volume::append_item item;
  item.generation = d.generation;
  item.key = d.what.key;
  item.size = d.what.bytes;
  item.crc = d.crc;
  const chunk_id id(d.what.volume, d.what.key);
  run(task, [this, v = std::move(v), item, id]() -> result<void> {
    {
      // A repeat of a begin whose answer was lost: the extent is reserved already.
      const std::lock_guard lock(mutex_);
      const auto found = sessions_.find(id);
      if (found != sessions_.end()) {
        const auto& handle = found->second.handle;
        if (!handle || (handle->size() == item.size && handle->crc() == item.crc)) return {};
        return failure(errc::key_conflict, "the key is being written with other content");
      }
    }
    auto handle = v->store().begin_large(item);
    if (handle) {
      open_session(id, std::move(*handle));
      return {};
    }
    if (!(handle.error() == errc::exists)) return std::move(handle).error();
    open_session(id, nullptr);
    return {};
  });
}

void large_writes::piece(std::shared_ptr<hosted_volume> v, write_ref task, std::uint32_t offset) {
  // The volume's job keeps the volume alive, and the task what is about it.
  hosted_volume* const in = v.get();
  const write_task* const of = task.get();
  v->push(std::move(task), [this, in, of, offset]() -> result<void> {
    const write_task::description& d = of->about();
    const bytes_view body = of->body();
    if (crc32c(body) != d.crc) return failure(errc::checksum, "a piece was damaged on its way");
    auto handle = touch({d.what.volume, d.what.key}, *in);
    if (!handle) return std::move(handle).error();
    if (!*handle) return {};
    return given_up_is_sealed(in->store().write_piece(**handle, offset, {&body, 1}));
  });
  v->kick();
}

void large_writes::end(std::shared_ptr<hosted_volume> v, write_ref task) {
  const op_subject& what = task->about().what;
  run(task, [this, v = std::move(v), id = chunk_id(what.volume, what.key)]() -> result<void> {
    auto handle = touch(id, *v);
    if (!handle) return std::move(handle).error();
    result<void> done;
    if (*handle) done = given_up_is_sealed(v->store().finish_large(**handle));
    close_session(id);
    return done;
  });
}

void large_writes::open_session(const chunk_id& id, std::shared_ptr<volume::large_write> handle) {
  const std::lock_guard lock(mutex_);
  sessions_.insert_or_assign(id, session{std::move(handle), io::steady_ms()});
}

large_writes::lookup large_writes::touch(const chunk_id& id, const hosted_volume& v) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) {
      found->second.touched_ms = io::steady_ms();
      return found->second.handle;
    }
  }
  // A repeat of an end whose answer was lost finds the chunk live.
  if (v.store().probe(id.second)) return std::shared_ptr<volume::large_write>();
  return failure(errc::key_conflict, "the chunk was not begun here, or was given up");
}

void large_writes::close_session(const chunk_id& id) {
  std::shared_ptr<volume::large_write> last;  // released outside the mutex: it may write
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  last = std::move(found->second.handle);
  sessions_.erase(found);
}

void large_writes::expire(std::int64_t now_ms) {
  std::vector<session> over;
  {
    const std::lock_guard lock(mutex_);
    boost::unordered::erase_if(sessions_, [&](auto& entry) {
      if (now_ms - entry.second.touched_ms < idle_limit_ms) return false;
      over.push_back(std::move(entry.second));
      return true;
    });
  }
  if (!over.empty()) SSDFS_LOG(info) << over.size() << " unfinished large chunks given up";
}

void large_writes::forget(volume_id id) {
  std::vector<session> over;
  const std::lock_guard lock(mutex_);
  boost::unordered::erase_if(sessions_, [&](auto& entry) {
    if (entry.first.first != id) return false;
    over.push_back(std::move(entry.second));
    return true;
  });
}

}  // namespace ssdfs::datanode
