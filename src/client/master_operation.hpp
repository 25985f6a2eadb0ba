// Operations that are one request to the master, repeated until it is answered.
#pragma once

#include "client/core.hpp"
#include "client/operation.hpp"

#include <cstdint>

namespace ssdfs::detail {

/// Sends one request at a time to the master that leads, with retries. A derived class implements
/// send() by ask(), and the answer's handler; it finishes in fail() or when it has its answer.
class master_operation : public operation {
 protected:
  using operation::operation;

  /// Sends the request, again after a failure that a repetition may cure. Builds it anew each time:
  /// what it points at must live during the call only.
  virtual void send() = 0;

  void start() override { send(); }
  void on_stop() override {
    call_.cancel();
    end_pause();
  }

  /// For send(). `on_reply(net::response<Reply>&)` runs on the strand.
  template <class Request, class OnReply>
  void ask(const Request& request, OnReply on_reply) {
    server& asked = owner().masters().current();
    net::channel& channel = asked.channel();
    count_attempt();
    const auto id =
        channel.call(request, {.timeout_ms = next_timeout_ms()},
                     [self = operation_ptr(this), this, &asked, on_reply](auto reply) mutable {
                       call_.clear();
                       if (!reply) return failed(asked, std::move(reply).error());
                       failures_ = 0;
                       on_reply(*reply);
                     });
    call_.set(channel, id);
  }

  /// Takes a failure that means something to the derived class: true if it has dealt with it.
  virtual bool on_refused(failure&) { return false; }

  /// Retries or fails. Also for failures that a derived class finds in an answer.
  void failed(server& asked, failure why);
  /// send(), unless the operation was stopped: for the end of a pause.
  void send_again();

 private:
  [[nodiscard]] std::int64_t next_timeout_ms() const;

  call_handle call_;
  std::uint32_t failures_ = 0;
};

}  // namespace ssdfs::detail
