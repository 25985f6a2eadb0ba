#include "datanode/hosted_volume.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ssdfs::datanode {

void hosted_volume::push(write_ref task) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(task));
}

void hosted_volume::push(write_ref task, unique_function<result<void>()> write) {
  const std::lock_guard lock(mutex_);
  waiting_pieces_.push_back({std::move(task), std::move(write)});
}

void hosted_volume::kick() {
  {
    const std::lock_guard lock(mutex_);
    if (draining_ || (waiting_.empty() && waiting_pieces_.empty())) return;
    draining_ = true;
  }
  auto queued = disk_.submit([self = shared_from_this()] { self->drain(); });
  if (!queued) refuse_all(queued.error());
}

void hosted_volume::refuse_all(const failure& why) {
  std::vector<write_ref> refused;
  std::deque<piece> refused_pieces;
  {
    const std::lock_guard lock(mutex_);
    refused.swap(waiting_);
    refused_pieces.swap(waiting_pieces_);
    draining_ = false;
  }
  for (const write_ref& task : refused) task->finish_local(why);
  for (const piece& p : refused_pieces) p.task->finish_local(why);
}

void hosted_volume::drain() {
  for (int i = 0; take_batch(); ++i) {
    if (!batch_.empty()) append_batch();
    write_pieces();
    // Let other volumes have the thread from time to time; if the pool takes nothing, go on.
    if (i + 1 >= batches_a_job && disk_.submit([self = shared_from_this()] { self->drain(); })) {
      return;
    }
  }
}

bool hosted_volume::take_batch() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty() && waiting_pieces_.empty()) {
    draining_ = false;
    return false;
  }
  while (!waiting_pieces_.empty() && pieces_.size() < most_pieces) {
    pieces_.push_back(std::move(waiting_pieces_.front()));
    waiting_pieces_.pop_front();
  }
  const std::size_t count = std::min(waiting_.size(), largest_batch);
  if (count == waiting_.size()) {
    batch_.swap(waiting_);
    return true;
  }
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  batch_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return true;
}

void hosted_volume::append_batch() {
  items_.clear();
  bodies_.clear();
  bodies_.reserve(batch_.size());  // items point into it
  for (const write_ref& task : batch_) {
    task->started();
    const write_task::description& d = task->about();
    bodies_.push_back(task->body());
    items_.push_back({.generation = d.generation,
                      .key = d.what.key,
                      .size = d.what.bytes,
                      .crc = d.crc,
                      .parts = {&bodies_.back(), 1},
                      .crc_verified = d.crc_verified});
  }
  outcome_.assign(items_.size(), {});
  store_->append_batch(items_, outcome_);
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    batch_[i]->finish_local(outcome_[i] ? result<void>(failure(outcome_[i])) : result<void>());
  }
  batch_.clear();
}

void hosted_volume::write_pieces() {
  for (piece& p : pieces_) {
    p.task->started();
    p.task->finish_local(p.write());
  }
  pieces_.clear();
}

std::shared_ptr<hosted_volume> volume_table::find(volume_id id) const {
  const std::shared_lock lock(mutex_);
  const auto found = volumes_.find(id);
  return found == volumes_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<hosted_volume>> volume_table::all() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<hosted_volume>> out;
  out.reserve(volumes_.size());
  for (const auto& [id, v] : volumes_) out.push_back(v);
  return out;
}

void volume_table::insert(std::shared_ptr<hosted_volume> v) {
  const std::lock_guard lock(mutex_);
  const volume_id id = v->store().id();
  volumes_.insert_or_assign(id, std::move(v));
}

void volume_table::erase(volume_id id) {
  const std::lock_guard lock(mutex_);
  volumes_.erase(id);
}

}  // namespace ssdfs::datanode
