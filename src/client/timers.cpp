#include "client/timers.hpp"

#include "io/clock.hpp"

#include <chrono>

namespace ssdfs::detail {

timers::id timers::at(std::int64_t when_ns, unique_function<void()> run) {
  const id wait{when_ns, next_++};
  if (stopped_) return wait;
  waits_.emplace(wait, std::move(run));
  arm();
  return wait;
}

void timers::cancel(const id& wait) { waits_.erase(wait); }

void timers::stop() {
  stopped_ = true;
  waits_.clear();
  timer_.cancel();
}

void timers::arm() {
  if (waits_.empty()) return;
  const std::int64_t first = waits_.begin()->first.first;
  // A timer that is set for an earlier time wakes up for nothing at worst.
  if (armed_for_ns_ != 0 && armed_for_ns_ <= first) return;
  armed_for_ns_ = first;
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(first)));
  timer_.async_wait([self = shared_from_this(), first](boost::system::error_code) {
    // Set again for an earlier time in between: that wait's handler goes on.
    if (self->armed_for_ns_ != first) return;
    self->armed_for_ns_ = 0;
    self->expired();
  });
}

void timers::expired() {
  const std::int64_t now = io::steady_ns();
  while (!waits_.empty() && waits_.begin()->first.first <= now) {
    auto due = waits_.extract(waits_.begin());
    due.mapped()();
  }
  arm();
}

}  // namespace ssdfs::detail
