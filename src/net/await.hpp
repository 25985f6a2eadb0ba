// The one way in which a thread waits for what happens on another: answers of servers, and work on
// a strand.
#pragma once

#include "base/result.hpp"
#include "net/channel.hpp"

#include <boost/asio/post.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace ssdfs::net {

/// A value that another thread is going to give.
///
/// Operation: give() once, from any thread; wait() once. Both ends are copies of one object, which
/// lives as long as any of them: the waiter may go on and be gone before give() has returned.
/// Limits: nothing ends wait() but give(). Whoever promises the value bounds the time.
template <class T>
class awaited_value {
 public:
  void give(T value) const {
    const std::lock_guard lock(state_->mutex);
    state_->value.emplace(std::move(value));
    state_->came.notify_all();
  }
  [[nodiscard]] T wait() const {
    std::unique_lock lock(state_->mutex);
    state_->came.wait(lock, [this] { return state_->value.has_value(); });
    return std::move(*state_->value);
  }

 private:
  struct shared_state {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<T> value;
  };
  std::shared_ptr<shared_state> state_ = std::make_shared<shared_state>();
};

/// An answer that will come. wait() blocks until then; the call's own deadline bounds it, and a
/// stopped channel answers at once. Not for a thread of the channel's executor. The views in
/// `message` need to live until the constructor returns, a body until wait() does.
template <class Request>
class awaited {
 public:
  using answer = result<response<typename Request::reply>>;

  awaited(channel& to, const Request& message, call_options options) {
    to.call(message, std::move(options), [value = value_](answer a) { value.give(std::move(a)); });
  }
  awaited(channel& to, const Request& message, std::int64_t timeout_ms, shared_bytes body = {})
      : awaited(to, message, options_of(timeout_ms, std::move(body))) {}

  [[nodiscard]] answer wait() { return value_.wait(); }

 private:
  static call_options options_of(std::int64_t timeout_ms, shared_bytes body) {
    call_options options;
    options.timeout_ms = timeout_ms;
    options.body = std::move(body);
    return options;
  }

  awaited_value<answer> value_;
};

/// Sends `message` and waits for its answer, at most the call's timeout.
template <class Request>
[[nodiscard]] typename awaited<Request>::answer await_answer(channel& to, const Request& message,
                                                             call_options options) {
  return awaited<Request>(to, message, std::move(options)).wait();
}

/// Runs `action` on `executor`, behind everything that is queued there, and returns when it has
/// run. Not from a thread that the executor needs. The executor's context must run.
template <class Executor, class Action>
void run_and_wait(const Executor& executor, Action action) {
  const awaited_value<bool> done;
  // By reference: we are here until it has run. `done` goes along by value: from give() on we may
  // be gone.
  boost::asio::post(executor, [&action, done] {
    action();
    done.give(true);
  });
  static_cast<void>(done.wait());
}

}  // namespace ssdfs::net
