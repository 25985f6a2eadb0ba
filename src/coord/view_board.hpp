// Where a register's threads leave what is known of it, and its observer is told.
#pragma once

#include "coord/shared_register.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace ssdfs::coord {

/// Operation: show() keeps a view and, if it is another than before, has the observer called with
/// it; views that follow each other faster than the executor runs become one call.
/// Concurrency: every function from any thread. Lives as long as a call of the observer is posted.
class view_board : public std::enable_shared_from_this<view_board> {
 public:
  explicit view_board(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  void show(register_view view) {
    const std::lock_guard lock(mutex_);
    if (stopped_ || view == view_) return;
    view_ = std::move(view);
    notify();
  }
  void observe(shared_register::observer observer) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    observer_ = std::make_shared<const shared_register::observer>(std::move(observer));
    notify();
  }
  [[nodiscard]] register_view view() const {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  /// No call of the observer begins after this.
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    view_ = {register_state::stopped, "stopped", std::nullopt, ""};
    observer_.reset();
  }

 private:
  // With mutex_ held.
  void notify() {
    if (posted_ || !observer_) return;
    posted_ = true;
    boost::asio::post(executor_, [self = shared_from_this()] { self->tell(); });
  }
  void tell() {
    std::unique_lock lock(mutex_);
    posted_ = false;
    const auto observer = observer_;
    const register_view view = view_;
    lock.unlock();
    if (observer) (*observer)(view);
  }

  const boost::asio::any_io_executor executor_;
  mutable std::mutex mutex_;
  register_view view_;                                         // under mutex_
  std::shared_ptr<const shared_register::observer> observer_;  // under mutex_
  bool posted_ = false;                                        // under mutex_
  bool stopped_ = false;                                       // under mutex_
};

}  // namespace ssdfs::coord
