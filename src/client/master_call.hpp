// Any single request to the leading master, for the project's own tools.
#pragma once

#include "client/completion.hpp"
#include "client/master_operation.hpp"

#include <utility>

namespace ssdfs::detail {

/// Calls `Handler(result<Request::reply>)` on the strand.
template <class Request, class Handler>
class master_call_operation final : public master_operation {
 public:
  master_call_operation(const core_ptr& c, Request request, Handler handler)
      : master_operation(c, {}, {}, nullptr),
        request_(std::move(request)),
        handler_(std::move(handler)) {}

 private:
  void send() override {
    ask(request_, [this](net::response<typename Request::reply>& reply) {
      retire(nullptr);
      handler_(result<typename Request::reply>(std::move(reply.message)));
    });
  }
  void fail(failure why) override {
    retire(&why);
    handler_(result<typename Request::reply>(std::move(why)));
  }

  Request request_;
  Handler handler_;
};

template <class Request, class Handler>
void start_master_call(const core_ptr& c, Request request, Handler handler) {
  launch(new master_call_operation<Request, Handler>(c, std::move(request), std::move(handler)));
}

}  // namespace ssdfs::detail
