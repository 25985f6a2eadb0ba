#include "ssdfs/client.hpp"

#include "client/completion.hpp"
#include "client/core.hpp"

namespace ssdfs {

client::client(executor_type executor, client_config config)
    : core_(std::make_shared<detail::core>(std::move(executor), std::move(config))) {}

client::~client() {
  if (core_) core_->close({});
}

client& client::operator=(client&& other) noexcept {
  if (this != &other) {
    if (core_) core_->close({});
    core_ = std::move(other.core_);
  }
  return *this;
}

client::executor_type client::get_executor() const noexcept { return core_->user_executor(); }

namespace detail {

void start_close(const core_ptr& c, boost::asio::any_completion_handler<void()> handler) {
  c->close([done = completion<>(*c, std::move(handler))]() mutable { done(); });
}

}  // namespace detail
}  // namespace ssdfs
