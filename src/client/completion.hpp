// From an operation's end to the caller's handler.
#pragma once

#include "client/core.hpp"
#include "client/operation.hpp"

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <tuple>
#include <utility>

namespace ssdfs::detail {

/// A caller's handler together with the executor that it will run on, which is kept busy until
/// then. Args as in the handler's signature.
template <class... Args>
class completion {
 public:
  using handler_type = boost::asio::any_completion_handler<void(Args...)>;

  completion() = default;
  completion(const core& c, handler_type handler) : handler_(std::move(handler)) {
    auto executor = boost::asio::get_associated_executor(handler_, c.completion_executor());
    // The client's own executor has our sockets to wait for; another one has nothing but this.
    if (executor != c.completion_executor()) {
      executor_ = boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked);
    } else {
      executor_ = std::move(executor);
    }
  }

  completion(completion&&) noexcept = default;
  // By swap: the move assignment of any_completion_handler in Boost 1.81 copies, and for ever.
  completion& operator=(completion&& other) noexcept {
    handler_type(std::move(other.handler_)).swap(handler_);
    executor_ = std::move(other.executor_);
    return *this;
  }
  ~completion() = default;

  [[nodiscard]] bool pending() const noexcept { return static_cast<bool>(handler_); }

  /// Runs the handler on its executor, at once if that is allowed. Nothing is pending any more when
  /// the handler runs, so it may lead to this object getting a new one.
  void operator()(Args... args) {
    const boost::asio::any_completion_executor executor = std::move(executor_);
    boost::asio::dispatch(executor, [handler = std::move(handler_),
                                     values = std::tuple<Args...>(std::move(args)...)]() mutable {
      // The slot belongs to the handler's side: it is emitted and cleared only there.
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.clear();
      std::apply(std::move(handler), std::move(values));
    });
  }

 private:
  handler_type handler_;
  boost::asio::any_completion_executor executor_;
};

/// Lets the handler's cancellation slot stop `op`. In the initiating function.
template <class Handler>
void connect_cancellation(const Handler& handler, operation& op) {
  auto slot = boost::asio::get_associated_cancellation_slot(handler);
  if (!slot.is_connected()) return;
  slot.assign([keep = operation_ptr(&op)](boost::asio::cancellation_type type) {
    if (type == boost::asio::cancellation_type::none) return;
    boost::asio::post(keep->owner().strand(), [keep] { keep->stop(errc::cancelled); });
  });
}

/// Hands a new operation to the strand.
inline void launch(operation_ptr op) {
  core& c = op->owner();
  c.submit(*op.detach());
}

}  // namespace ssdfs::detail
