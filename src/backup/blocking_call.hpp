// Calls for threads that have nothing else to do than wait for the answer.
#pragma once

#include "net/channel.hpp"

#include <future>
#include <memory>
#include <utility>

namespace ssdfs::backup {

/// Sends `message` and waits for its answer, at most the call's timeout; stopping the channel ends
/// the wait. Not from a thread of the channel's executor. The views in `message` and the body need
/// to live until it returns.
template <class Request>
result<net::response<typename Request::reply>> blocking_call(net::channel& to,
                                                             const Request& message,
                                                             net::call_options options) {
  using answer = result<net::response<typename Request::reply>>;
  std::promise<answer> promise;
  auto future = promise.get_future();
  // The promise moves along: we may go on before set_value() has returned.
  to.call(message, std::move(options),
          [promise = std::move(promise)](answer a) mutable { promise.set_value(std::move(a)); });
  return future.get();
}

}  // namespace ssdfs::backup
