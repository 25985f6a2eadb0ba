// What comes in on a connection, and waiting.
#include "http/connection.hpp"
#include "io/clock.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace ssdfs::http {
namespace {

constexpr std::int64_t transfer_limit_s = 30;
constexpr std::uint64_t slowest_bytes = 1024;  // a second, on average
// A head and a picture of 4 KiB come in one piece.
constexpr std::size_t least_input = 8 << 10;
constexpr std::size_t body_input = 64 << 10;

}  // namespace

// For bodies and answers: of the time that the slowest allowed transfer of what has moved takes,
// the caller has used up what it was waited for.
void connection::begin_wait() noexcept {
  wait_from_ns_ = io::steady_ns();
  const auto earned = static_cast<std::int64_t>(transferred_ / slowest_bytes);
  const std::int64_t left = (transfer_limit_s + earned) * second_ns - waited_ns_;
  deadline_ns_.store(wait_from_ns_ + left, std::memory_order_relaxed);
}

void connection::end_wait() noexcept {
  waited_ns_ += io::steady_ns() - wait_from_ns_;
  deadline_ns_.store(INT64_MAX, std::memory_order_relaxed);
}

boost::asio::mutable_buffer connection::room(std::size_t least) {
  if (in_begin_ == in_end_) {
    in_begin_ = in_end_ = 0;
    // Idle connections are many.
    if (in_.size() > header_limit && least <= least_input) in_ = {};
  }
  if (in_.size() - in_end_ < least) {
    if (in_begin_ > 0) {
      std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
      in_end_ -= in_begin_;
      in_begin_ = 0;
    }
    const std::size_t wanted = std::max(in_end_ + least, least_input);
    if (in_.size() < wanted) in_.resize(wanted);
  }
  return {in_.data() + in_end_, in_.size() - in_end_};
}

void connection::wait_for_bytes() {
  const bool idle = phase_ == phase::head && in_begin_ == in_end_;
  idle_.store(idle, std::memory_order_relaxed);
  const bool draining = phase_ == phase::draining;
  if (draining) begin_wait();
  socket_.async_read_some(room(idle ? 1 : least_input), [self = shared_from_this(), idle, draining](
                                                            error_code ec, std::size_t n) {
    self->idle_.store(false, std::memory_order_relaxed);
    if (ec) return self->lose();
    if (draining) self->end_wait();
    self->in_end_ += n;
    self->state_->stats.received_bytes.fetch_add(n, std::memory_order_relaxed);
    // The rest of the head gets its time once, however it trickles in.
    if (idle) self->limit(head_limit_s);
    self->go();
  });
}

void connection::wait_for_room() {
  begin_wait();
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](error_code ec) {
                       if (ec) return self->lose();
                       self->end_wait();
                       if (self->phase_ == phase::head) self->limit_head();
                       self->go();
                     });
}

// ---- bodies ----

void connection::read_body(unique_function<void(result<bytes_view>)> done) {
  body_wanted_ = std::move(done);
  if (deliver_body()) return;
  if (continue_is_due()) {
    continue_sent_ = true;
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  }
  // Who sends the body may be waiting for this, or for the answers to what was asked before.
  phase_ = phase::body;
  go();
}

bool connection::continue_is_due() const noexcept {
  return parser_.head().expects_continue && !continue_sent_ && in_begin_ == in_end_;
}

void connection::end_body(result<bytes_view> with) {
  const auto self = shared_from_this();
  auto done = std::move(body_wanted_);
  if (!with) close_after_ = true;
  done(std::move(with));
}

// True if what has come was enough to call.
bool connection::deliver_body() {
  parser_.body().clear();
  const auto taken = parser_.put(input());
  if (!taken) {
    end_body(failure(errc::protocol, parser_.refused().why));
    return true;
  }
  consume(*taken);
  transferred_ += *taken;
  const std::string& body = parser_.body();
  if (body.empty() && !parser_.done()) {
    if (input().size() < body_input) return false;
    end_body(failure(errc::protocol, "a chunk's head is too long"));
    return true;
  }
  end_body(as_bytes(body));
  return true;
}

bool connection::begin_body() {
  if (!flush()) return false;
  wait_for_body();
  return false;
}

// How much to read at once of a body: no more than is left of it.
std::size_t connection::body_room() const noexcept {
  constexpr std::uint64_t most = body_input / 2;
  const auto& length = parser_.head().content_length;
  if (!length || *length <= transferred_) return most;
  return static_cast<std::size_t>(std::min(most, *length - transferred_));
}

void connection::wait_for_body() {
  phase_ = phase::answer;
  begin_wait();
  socket_.async_read_some(
      room(body_room()), [self = shared_from_this()](error_code ec, std::size_t n) {
        self->end_wait();
        if (ec) return self->end_body(failure(errc::connection, "the body was cut off"));
        self->in_end_ += n;
        self->state_->stats.received_bytes.fetch_add(n, std::memory_order_relaxed);
        if (!self->deliver_body()) self->wait_for_body();
      });
}

// Reads the rest of a body that nobody wanted.
bool connection::drain() {
  if (!flush()) return false;
  parser_.body().clear();
  const auto taken = parser_.put(input());
  if (!taken || (*taken == 0 && input().size() >= body_input)) {
    lose();
    return false;
  }
  consume(*taken);
  transferred_ += *taken;
  if (!parser_.done()) {
    wait_for_bytes();
    return false;
  }
  parser_.body().clear();
  next_request();
  return true;
}

}  // namespace ssdfs::http
