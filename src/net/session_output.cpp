// What a session sends: answers, the budgets that they count against, and the flusher.
#include "base/log.hpp"
#include "io/clock.hpp"
#include "net/session.hpp"

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>

#include <sys/socket.h>

#include <algorithm>

namespace ssdfs::net {

// --- answers ----------------------------------------------------------------------------------

void session::answer_error(const wire::frame_header& request, const failure& why) {
  wire::frame_header h = request;
  h.status = static_cast<std::uint16_t>(
      why.code.category() == ssdfs_category() ? why.code.value() : static_cast<int>(errc::io));
  wire::error_reply message;
  message.detail = why.message();
  message.hint = why.hint;
  answer(h, message);
}

void session::refuse(const wire::frame_header& request, const failure& why) {
  SSDFS_LOG(info) << remote_ << ": closed: " << why.message();
  answer_error(request, why);
}

void session::begin_reply() {
  mutex_.lock();
  static_cast<void>(out_.begin());
}

void session::finish_reply(const wire::frame_header& header, shared_bytes body, std::size_t cost) {
  if (closed_) {
    out_.abandon();
  } else if (out_.message_length() > wire::max_message || body.view.size() > wire::max_body) {
    out_.abandon();
    wire::frame_header h = header;
    h.status = static_cast<std::uint16_t>(errc::internal);
    wire::encode(wire::error_reply{.detail = "the answer is longer than a frame"}, out_.begin());
    out_.end(h, {});
  } else {
    metrics_->sent_bytes.fetch_add(
        wire::frame_header_size + out_.message_length() + body.view.size(),
        std::memory_order_relaxed);
    out_.end(header, {.first = std::move(body)});
  }
  unanswered_bytes_ -= cost;
  --unanswered_requests_;
  const bool wake = unpark();
  const bool flusher = !corked_ && start_flush();
  mutex_.unlock();
  if (wake) post_work();
  if (flusher) post_flush();
}

// --- budgets ----------------------------------------------------------------------------------

std::size_t session::byte_limit() const noexcept {
  const server_options& o = host_.options;
  const bool crowded = host_.waiting_bytes.load(std::memory_order_relaxed) >
                       static_cast<std::int64_t>(o.total_bytes);
  return crowded ? std::min(o.crowded_bytes, o.unanswered_bytes) : o.unanswered_bytes;
}

bool session::over_budget(std::size_t part) const noexcept {
  const server_options& o = host_.options;
  return unanswered_bytes_ > byte_limit() / part ||
         unanswered_requests_ > o.unanswered_requests / part ||
         out_.unsent() > o.unsent_bytes / part;
}

void session::publish() noexcept {
  const auto waiting = static_cast<std::int64_t>(unanswered_bytes_ + out_.unsent());
  if (waiting == published_) return;
  host_.waiting_bytes.fetch_add(waiting - published_, std::memory_order_relaxed);
  published_ = waiting;
}

// True if the caller has to post the reader. It goes on only when half of a budget is free again,
// so that it does not stop and go for every answer.
bool session::unpark() noexcept {
  if (!parked_ || closed_ || over_budget(2)) return false;
  parked_ = false;
  ++operations_;
  return true;
}

// --- flusher ----------------------------------------------------------------------------------

// True if the caller has become the flusher.
bool session::start_flush() noexcept {
  if (flushing_ || closed_ || out_.idle()) return false;
  flushing_ = true;
  ++operations_;
  return true;
}

void session::flush() {
  bool wake = false;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || !out_.load()) {
        flushing_ = false;
        wake = (!closed_ && output_is_empty()) || wake;
        break;
      }
    }
    const output::progress sent = out_.send(socket_.native_handle());
    if (sent.bytes > 0) last_byte_ms_.store(io::steady_ms(), std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    out_.sent(sent.bytes);
    publish();
    wake = unpark() || wake;
    if (sent.state == output::status::failed) {
      wake = shut_down() || wake;
    } else if (sent.state == output::status::blocked && !closed_) {
      socket_.async_wait(socket_type::wait_write,
                         [self = std::static_pointer_cast<session>(shared_from_this())](
                             const boost::system::error_code&) { self->flush(); });
      if (wake) post_work();
      return;  // still the flusher
    }
  }
  if (wake) post_work();
  end_operation();
}

// True as shut_down().
bool session::output_is_empty() noexcept {
  if (at_end_ == at_end::half_close) ::shutdown(socket_.native_handle(), SHUT_WR);
  return at_end_ == at_end::close && shut_down();
}

void session::post_flush() {
  boost::asio::defer(
      host_.io, [self = std::static_pointer_cast<session>(shared_from_this())] { self->flush(); });
}

void session::post_work() {
  boost::asio::post(
      host_.io, [self = std::static_pointer_cast<session>(shared_from_this())] { self->work(); });
}

}  // namespace ssdfs::net
