// Calls to other nodes from a thread that may wait.
#pragma once

#include "base/result.hpp"
#include "net/channel.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace ssdfs::datanode {

/// An answer that will come. wait() blocks until then; the call's own deadline bounds it, and a
/// stopped channel answers at once. Not for a thread of the io_context.
template <class Request>
class awaited {
 public:
  using answer = result<net::response<typename Request::reply>>;

  awaited(net::channel& to, const Request& message, std::int64_t timeout_ms,
          shared_bytes body = {}) {
    net::call_options options;
    options.timeout_ms = timeout_ms;
    options.body = std::move(body);
    to.call(message, std::move(options), [state = state_](answer a) {
      const std::lock_guard lock(state->mutex);
      state->value.emplace(std::move(a));
      state->came.notify_all();
    });
  }

  [[nodiscard]] answer wait() {
    std::unique_lock lock(state_->mutex);
    state_->came.wait(lock, [&] { return state_->value.has_value(); });
    return std::move(*state_->value);
  }

 private:
  struct shared_state {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<answer> value;
  };
  std::shared_ptr<shared_state> state_ = std::make_shared<shared_state>();
};

}  // namespace ssdfs::datanode
