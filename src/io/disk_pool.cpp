#include "io/disk_pool.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace ssdfs::io {

disk_pool::disk_pool(disk_pool_options options) : options_(options), threads_(options.threads) {}

disk_pool::~disk_pool() { stop(); }

result<void> disk_pool::submit(unique_function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return errc::shutting_down;
  if (pending_.load(std::memory_order_relaxed) >= options_.queue_limit) {
    return failure(errc::busy, "disk queue is full");
  }
  pending_.fetch_add(1, std::memory_order_relaxed);
  boost::asio::post(threads_, [this, work = std::move(task)]() mutable noexcept {
    work();
    work.reset();  // what the task holds is gone before it stops counting
    pending_.fetch_sub(1, std::memory_order_relaxed);
  });
  return {};
}

void disk_pool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  threads_.join();
}

}  // namespace ssdfs::io
