// A volume in service: the queue of its writes, and the table of all volumes in service.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "datanode/ticket_checker.hpp"
#include "datanode/write_task.hpp"
#include "io/disk_pool.hpp"
#include "volume/volume.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace ssdfs::datanode {

/// Operation: writes that are pushed are done by one job of the disk pool: it appends all small
/// ones that wait as one batch, then some pieces of large chunks, again and again until nothing
/// waits. Nothing waits to be batched. (Two threads that write to one file only wait for each other
/// in the kernel, and take a thread from another volume meanwhile.)
/// Concurrency: thread-safe. Lifetime: a job that runs keeps it alive.
class hosted_volume : public std::enable_shared_from_this<hosted_volume> {
 public:
  hosted_volume(std::shared_ptr<volume::volume> store, io::disk_pool& disk)
      : store_(std::move(store)), disk_(disk) {}

  [[nodiscard]] volume::volume& store() const noexcept { return *store_; }
  [[nodiscard]] const std::shared_ptr<volume::volume>& shared_store() const noexcept {
    return store_;
  }

  /// The way of its writes; null if the master has not told it since this process started.
  [[nodiscard]] std::shared_ptr<const volume_route> route() const {
    const std::lock_guard lock(mutex_);
    return route_;
  }
  void set_route(std::shared_ptr<const volume_route> route) {
    const std::lock_guard lock(mutex_);
    route_ = std::move(route);
  }

  [[nodiscard]] shown_tickets& tickets() noexcept { return tickets_; }

  /// Queues a small write; it starts with the next kick().
  void push(write_ref task);
  /// Queues a piece of a large chunk: `write` does it, its outcome finishes the task's local half.
  /// It starts with the next kick().
  void push(write_ref task, unique_function<result<void>()> write);
  /// Sees to it that what was pushed is being written. Never blocks.
  void kick();

 private:
  static constexpr std::size_t largest_batch = 512;
  static constexpr int batches_a_job = 16;
  // 1 MiB: what a small write waits for at most, beside earlier small ones.
  static constexpr std::size_t most_pieces = 4;

  struct piece {
    write_ref task;
    unique_function<result<void>()> write;
  };

  void drain();
  [[nodiscard]] bool take_batch();
  void append_batch();
  void write_pieces();
  void refuse_all(const failure& why);

  const std::shared_ptr<volume::volume> store_;
  io::disk_pool& disk_;
  shown_tickets tickets_;

  mutable std::mutex mutex_;
  std::shared_ptr<const volume_route> route_;  // under mutex_
  std::vector<write_ref> waiting_;             // under mutex_
  std::deque<piece> waiting_pieces_;           // under mutex_
  bool draining_ = false;                      // under mutex_; a job is queued or runs

  // Used by the running job alone; kept for their memory.
  std::vector<write_ref> batch_;
  std::vector<piece> pieces_;
  std::vector<bytes_view> bodies_;
  std::vector<volume::append_item> items_;
  std::vector<boost::system::error_code> outcome_;
};

/// Volumes in service by id. Thread-safe, never blocks on a disk.
class volume_table {
 public:
  /// Null if it is not in service here.
  [[nodiscard]] std::shared_ptr<hosted_volume> find(volume_id id) const;
  [[nodiscard]] std::vector<std::shared_ptr<hosted_volume>> all() const;
  /// Adds one, in place of an older of the same id.
  void insert(std::shared_ptr<hosted_volume> v);
  void erase(volume_id id);

 private:
  mutable std::shared_mutex mutex_;
  boost::unordered_flat_map<volume_id, std::shared_ptr<hosted_volume>> volumes_;
};

}  // namespace ssdfs::datanode
