#include "net/channel.hpp"

#include "io/clock.hpp"
#include "net/address.hpp"
#include "net/channel_impl.hpp"
#include "net/socket.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <chrono>

namespace ssdfs::net {
namespace {

constexpr std::int64_t ping_timeout_ms = 10000;

result<response<bytes_view>> outcome_of(const wire::frame_view& frame, const buffer_ref& hold) {
  if (frame.header.status == 0) return response<bytes_view>{frame.message, frame.body, hold};
  const boost::system::error_code code(frame.header.status, ssdfs_category());
  wire::error_reply why;
  if (!wire::decode(frame.message, why)) return failure(code);
  return failure(code, std::move(why.detail), std::move(why.hint));
}

void fail_all(std::vector<call_table::call> calls, const failure& why) {
  for (call_table::call& c : calls) c.handler(result<response<bytes_view>>(why));
}

}  // namespace

std::shared_ptr<channel> channel::make(boost::asio::any_io_executor executor, std::string address,
                                       channel_options options) {
  // Pending operations keep the implementation alive; what the user holds only keeps it running.
  auto inner =
      std::make_shared<channel_impl>(std::move(executor), std::move(address), std::move(options));
  channel* const raw = inner.get();
  return {raw, [inner = std::move(inner)](channel*) { inner->stop(); }};
}

channel_impl::channel_impl(boost::asio::any_io_executor executor, std::string address,
                           channel_options options, idle_mark idle)
    : executor_(std::move(executor)),
      address_(std::move(address)),
      options_(std::move(options)),
      idle_(std::move(idle)),
      timer_(executor_) {}

void channel_impl::count_calls() noexcept {
  const std::size_t before = in_flight_.load(std::memory_order_relaxed);
  in_flight_.store(calls_.size(), std::memory_order_relaxed);
  if ((before == 0) != (calls_.size() == 0)) idle_.set(calls_.size() == 0);
}

bool channel_impl::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

wire::hello_reply channel_impl::server() const {
  const std::lock_guard lock(mutex_);
  return server_;
}

std::string channel_impl::local_address() const {
  const std::lock_guard lock(mutex_);
  return link_ && link_->up ? link_->way->local : std::string();
}

// --- calls ------------------------------------------------------------------------------------

void channel_impl::begin_call() {
  mutex_.lock();
  if (!link_ && !stopped_) {
    const std::int64_t now_ms = io::steady_ms();
    if (now_ms >= retry_at_ms_) open_link(now_ms);
  }
  if (link_) static_cast<void>(link_->out.begin());
}

std::vector<std::byte>& channel_impl::call_bytes() { return link_ ? link_->out.bytes() : scratch_; }

std::uint64_t channel_impl::finish_call(std::uint16_t code, call_options options,
                                        raw_handler handler) {
  if (std::optional<failure> why = refusal(options)) {
    if (link_) link_->out.abandon();
    scratch_.clear();
    mutex_.unlock();
    boost::asio::post(executor_, [h = std::move(handler), f = std::move(*why)]() mutable {
      h(result<response<bytes_view>>(std::move(f)));
    });
    return 0;
  }
  const auto is_borrowed = [](const shared_bytes& b) { return !b.view.empty() && !b.hold; };
  const std::int64_t deadline_ms = io::steady_ms() + std::max<std::int64_t>(options.timeout_ms, 1);
  const std::uint64_t id =
      calls_.add({std::move(handler), deadline_ms,
                  is_borrowed(options.body) || is_borrowed(options.body_more)});
  count_calls();
  wire::frame_header header;
  header.opcode = code;
  header.request_id = id;
  header.cluster = server_.cluster;  // set again by the handshake, if that is still to come
  link_->out.end(header, {std::move(options.body), std::move(options.body_more), id});
  if (options_.silence_ms > 0) {
    const std::int64_t now_ms = deadline_ms - std::max<std::int64_t>(options.timeout_ms, 1);
    if (calls_.size() == 1) link_->waiting_ms = now_ms;
    arm(std::min(deadline_ms, now_ms + options_.silence_ms / 2));
  } else {
    arm(deadline_ms);
  }
  link_ptr to_flush;
  if (!link_->corked && start_flush(*link_)) to_flush = link_;
  mutex_.unlock();
  if (to_flush) post_flush(std::move(to_flush));
  return id;
}

std::optional<failure> channel_impl::refusal(const call_options& options) const {
  if (stopped_) return failure(errc::aborted, address_ + ": the channel has stopped");
  if (!link_) return last_failure_;
  if (link_->out.message_length() > wire::max_message) {
    return failure(errc::too_large, "the message is longer than a frame's");
  }
  if (options.body.view.size() + options.body_more.view.size() > wire::max_body) {
    return failure(errc::too_large, "the body is longer than a frame's");
  }
  if (link_->out.unsent() > options_.unsent_bytes) {
    return failure(errc::busy, address_ + ": too much is waiting to be sent");
  }
  return std::nullopt;
}

void channel_impl::cancel(std::uint64_t id) {
  std::optional<call_table::call> c = withdraw(id);
  if (!c) return;
  boost::asio::post(executor_, [h = std::move(c->handler)]() mutable {
    h(result<response<bytes_view>>(failure(errc::cancelled)));
  });
}

// Removes a call that will not wait for its answer. Its body may be waiting to be sent: the output
// gets a copy of one that its owner will free.
std::optional<call_table::call> channel_impl::withdraw(std::uint64_t id) {
  link_ptr at;
  {
    const std::lock_guard lock(mutex_);
    if (calls_.borrowed(id)) at = link_;
  }
  if (at) at->out.adopt(id, mutex_);
  const std::lock_guard lock(mutex_);
  std::optional<call_table::call> c = calls_.take(id);
  count_calls();
  return c;
}

void channel_impl::give_up(std::uint64_t id, const failure& why) {
  if (auto c = withdraw(id)) c->handler(result<response<bytes_view>>(why));
}

void channel_impl::stop() {
  const failure why(errc::aborted, address_ + ": the channel has stopped");
  link_ptr at;
  std::vector<call_table::call> calls;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    timer_.cancel();
    at = link_;
    if (at) calls = detach(at, why);
  }
  if (at) at->out.drop(mutex_);
  if (calls.empty()) return;
  boost::asio::post(executor_,
                    [calls = std::move(calls), why]() mutable { fail_all(std::move(calls), why); });
}

// --- running ----------------------------------------------------------------------------------

void channel_impl::read(const link_ptr& at) {
  const bytes_span room = at->way->in.space();
  at->way->socket.async_read_some(
      boost::asio::buffer(room.data(), room.size()),
      [self = self(), at](const error_code& ec, std::size_t n) { self->on_read(at, ec, n); });
}

void channel_impl::on_read(const link_ptr& at, const error_code& ec, std::size_t n) {
  if (ec) {
    return lose(
        at, connection_failure(ec == boost::asio::error::eof ? "the server closed the connection"
                                                             : ec.message()));
  }
  at->way->in.received(n);
  take_in(at);
}

void channel_impl::take_in(const link_ptr& at) {
  if (!collect(at)) return;
  deliver(at);
  bool flusher = false;
  {
    const std::lock_guard lock(mutex_);
    at->corked = false;
    flusher = start_flush(*at);
  }
  if (flusher) flush(at);
  read(at);
}

// Takes the frames that are there and finds their calls. False if the link is lost.
bool channel_impl::collect(const link_ptr& at) {
  wire::decode_result next;
  bool bad = false;
  {
    const std::lock_guard lock(mutex_);
    if (at->lost) return false;
    at->heard_ms = io::steady_ms();
    at->corked = true;
    for (;;) {
      next = at->way->in.next();
      if (next.status != wire::decode_status::complete) break;
      if (!next.frame.header.is_reply()) {
        bad = true;
        break;
      }
      // An answer without a call: the call was cancelled or timed out.
      if (auto c = calls_.take(next.frame.header.request_id)) {
        at->batch.push_back({std::move(c->handler), next.frame});
      }
      at->served = true;
    }
    count_calls();
  }
  if (next.status == wire::decode_status::incomplete || bad) {
    if (!bad) return true;
  }
  deliver(at);  // what came before is valid
  lose(at, connection_failure("what the server sent is not the protocol, or damaged"));
  return false;
}

void channel_impl::deliver(const link_ptr& at) {
  at->out.settle();
  for (answered& a : at->batch) a.handler(outcome_of(a.frame, at->way->in.hold()));
  at->batch.clear();
}

bool channel_impl::start_flush(link& at) noexcept {
  if (!at.up || at.lost || at.flushing || at.out.idle()) return false;
  at.flushing = true;
  return true;
}

void channel_impl::post_flush(link_ptr at) {
  boost::asio::defer(executor_, [self = self(), at = std::move(at)] { self->flush(at); });
}

void channel_impl::flush(const link_ptr& at) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (at->lost || !at->out.load()) {
        at->flushing = false;
        return;
      }
    }
    const output::progress sent = at->out.send(at->way->socket.native_handle());
    std::unique_lock lock(mutex_);
    if (at->lost) continue;
    at->out.sent(sent.bytes);
    if (sent.state == output::status::failed) {
      at->flushing = false;
      lock.unlock();
      const error_code ec(sent.error, boost::system::system_category());
      return lose(at, connection_failure(ec.message()));
    }
    if (sent.state == output::status::blocked) {
      at->way->socket.async_wait(tcp::socket::wait_write,
                                 [self = self(), at](const error_code&) { self->flush(at); });
      return;  // still the flusher
    }
  }
}

std::vector<call_table::call> channel_impl::detach(const link_ptr& at, const failure& why) {
  at->lost = true;
  at->resolver.cancel();
  for (const path_ptr& p : at->tries) drop_path(*p);
  at->tries.clear();
  if (at->way) drop_path(*at->way);
  if (link_ != at) return {};
  link_.reset();
  const std::int64_t now_ms = io::steady_ms();
  constexpr std::int64_t settled_ms = 1000;
  // One that answered, or stayed for a while, was fine: what comes next is another story. A server
  // that accepts and says nothing is not.
  if (at->up && !at->silent && (at->served || now_ms - at->since_ms >= settled_ms)) {
    backoff_ms_ = 0;
    retry_at_ms_ = 0;
  } else {
    backoff_ms_ = std::clamp(backoff_ms_ * 2, options_.backoff_min_ms, options_.backoff_max_ms);
    // A quarter of jitter both ways: a restarted server must not meet all its callers at once.
    const auto jitter = static_cast<std::int64_t>(io::random_u64() %
                                                  static_cast<std::uint64_t>(backoff_ms_ / 2 + 1));
    retry_at_ms_ = now_ms + backoff_ms_ * 3 / 4 + jitter;
  }
  last_failure_ = why;
  if (options_.keep_connected && !stopped_) arm(std::max(retry_at_ms_, now_ms + 1));
  std::vector<call_table::call> calls = calls_.take_all();
  count_calls();
  return calls;
}

void channel_impl::lose(const link_ptr& at, failure why) {
  std::vector<call_table::call> calls;
  {
    const std::lock_guard lock(mutex_);
    if (at->lost) return;
    calls = detach(at, why);
  }
  at->out.drop(mutex_);
  fail_all(std::move(calls), why);
}

// --- time -------------------------------------------------------------------------------------

void channel_impl::arm(std::int64_t at_ms) {
  if (at_ms >= armed_ms_ || stopped_) return;
  armed_ms_ = at_ms;
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::milliseconds(at_ms)));
  timer_.async_wait([self = self()](const error_code& ec) {
    if (!ec) self->tick();
  });
}

void channel_impl::tick() {
  std::vector<std::uint64_t> due;
  link_ptr silent;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    const std::int64_t now_ms = io::steady_ms();
    const bool late = now_ms - armed_ms_ > options_.silence_ms / 4;
    armed_ms_ = never;
    std::int64_t next_ms = never;
    due = calls_.due(now_ms, next_ms);
    if (!link_ && options_.keep_connected && now_ms >= retry_at_ms_) open_link(now_ms);
    if (link_) {
      std::int64_t limit_ms = link_->since_ms + options_.connect_timeout_ms;
      const bool last = link_->next_target == link_->targets.size();
      if (link_->connected && last && options_.silence_ms > 0) {  // waits for the answer to hello
        limit_ms = std::min(limit_ms, link_->waiting_ms + options_.silence_ms);
      }
      if (link_->up) {
        limit_ms = link_->heard_ms + options_.ping_interval_ms;
      } else if (now_ms >= link_->next_try_ms) {
        try_next(link_);
      }
      next_ms = std::min(next_ms, link_->next_try_ms);
      if (now_ms >= limit_ms) {
        if (!link_->up) silent = link_;
        if (link_->up && !link_->pinging) {
          ping(link_, std::min(options_.ping_interval_ms, ping_timeout_ms));
        }
      } else {
        next_ms = std::min(next_ms, limit_ms);
      }
      if (link_->up && options_.silence_ms > 0) {
        next_ms = std::min(next_ms, watch_silence(now_ms, late));
        if (link_->silent) silent = link_;
      }
    } else if (options_.keep_connected) {
      next_ms = std::min(next_ms, retry_at_ms_);
    }
    if (next_ms != never) arm(next_ms);
  }
  for (const std::uint64_t id : due) {
    give_up(id, failure(errc::timed_out, address_ + ": no answer in time"));
  }
  if (silent) {
    lose(silent, connection_failure(silent->silent ? "the server has fallen silent"
                                                   : "no connection in time"));
  }
}

std::int64_t channel_impl::watch_silence(std::int64_t now_ms, bool late) {
  link& at = *link_;
  if (calls_.size() == 0) return never;
  // If we were late ourselves (stopped, starved), the answers may lie in the socket, unread.
  if (late) at.waiting_ms = now_ms;
  const std::int64_t quiet_since = std::max(at.heard_ms, at.waiting_ms);
  const std::int64_t asked_at = quiet_since + options_.silence_ms / 2;
  if (now_ms >= quiet_since + options_.silence_ms && at.pinging) {
    at.silent = true;
    return never;
  }
  if (now_ms < asked_at) return asked_at;
  if (!at.pinging) ping(link_, std::min(options_.ping_interval_ms, ping_timeout_ms));
  return std::max(now_ms + options_.silence_ms / 4, quiet_since + options_.silence_ms);
}

void channel_impl::ping(const link_ptr& at, std::int64_t timeout_ms) {
  at->pinging = true;
  const std::int64_t deadline_ms = io::steady_ms() + timeout_ms;
  raw_handler handler = [self = self(), at](result<response<bytes_view>> answer) {
    if (!answer && answer.error() == errc::timed_out) {
      self->lose(at, self->connection_failure("the server does not answer"));
      return;
    }
    const std::lock_guard lock(self->mutex_);
    at->pinging = false;
    if (!at->lost) self->arm(io::steady_ms() + self->options_.ping_interval_ms);
  };
  wire::frame_header header;
  header.opcode = static_cast<std::uint16_t>(wire::opcode::ping);
  header.request_id = calls_.add({std::move(handler), deadline_ms, false});
  if (calls_.size() == 1) at->waiting_ms = deadline_ms - timeout_ms;
  header.cluster = server_.cluster;
  static_cast<void>(at->out.begin());
  at->out.end(header, {});
  arm(deadline_ms);
  if (start_flush(*at)) post_flush(at);
}

}  // namespace ssdfs::net
