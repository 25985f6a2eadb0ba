#include "http/connection.hpp"

#include "http/date.hpp"
#include "io/clock.hpp"
#include "net/socket.hpp"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

namespace ssdfs::http {
namespace {

namespace asio = boost::asio;

constexpr std::size_t flush_above = 64 << 10;
// A body that nobody wanted is read away as far as this, so that the connection stays of use.
constexpr std::uint64_t drained_at_most = 1 << 20;
// A refused caller may still be sending: its bytes are thrown away for so long and so far, because
// closing at once would reset the connection before it has read why.
constexpr std::int64_t linger_seconds = 2;
constexpr std::size_t linger_bytes = 4 << 20;
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

}  // namespace

connection::connection(asio::ip::tcp::socket socket, std::shared_ptr<server_state> state)
    : socket_(std::move(socket)),
      executor_(socket_.get_executor()),
      state_(std::move(state)),
      fd_(socket_.native_handle()),
      piece_(body_source::piece()) {
  boost::system::error_code ignored;  // only slower without
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  net::do_not_pace_within_machine(fd_);
  socket_.native_non_blocking(true, ignored);
  limit(head_limit_s);
  state_->stats.open.fetch_add(1, std::memory_order_relaxed);
}

connection::~connection() {
  state_->stats.open.fetch_sub(1, std::memory_order_relaxed);
  const std::lock_guard lock(state_->mutex);
  state_->open.erase(this);
  if (state_->open.empty()) state_->idle.notify_all();
}

void connection::run() { wait_for_bytes(); }

void connection::cut() noexcept { ::shutdown(fd_, SHUT_RDWR); }

void connection::end_if_idle() noexcept {
  int waiting = 0;
  if (!idle_.load(std::memory_order_relaxed)) return;
  // What has come and is not read yet still gets its answer.
  if (::ioctl(fd_, FIONREAD, &waiting) == 0 && waiting > 0) return;
  ::shutdown(fd_, SHUT_WR);
}

void connection::limit(std::int64_t seconds) noexcept {
  deadline_ns_.store(io::steady_ns() + seconds * second_ns, std::memory_order_relaxed);
}

void connection::go() {
  const auto self = shared_from_this();
  while (step()) {
  }
}

bool connection::step() {
  switch (phase_) {
    case phase::head: return read_head();
    case phase::body: return begin_body();
    case phase::piece: return next_piece();
    case phase::sending: return send_piece();
    case phase::done: return end_of_exchange();
    case phase::draining: return drain();
    case phase::closing: return close_gently();
    case phase::answer:
    case phase::lingering:
    case phase::over: return false;
  }
  return false;
}

// ---- requests ----

bool connection::read_head() {
  if (out_.size() > flush_above && !flush()) return false;
  while (!parser_.head_done()) {
    const auto taken = parser_.put(input());
    if (!taken) {
      refuse();
      return true;
    }
    consume(*taken);
    if (parser_.head_done() || *taken > 0) continue;
    if (!out_.empty() && !flush()) return false;
    wait_for_bytes();
    return false;
  }
  waits_.store(false, std::memory_order_relaxed);
  return start_handler();
}

// The connection is of no use behind a request that nobody can read.
void connection::refuse() {
  state_->stats.malformed.fetch_add(1, std::memory_order_relaxed);
  const auto& why = parser_.refused();
  close_after_ = true;
  started_ns_ = io::steady_ns();
  head_only_ = false;
  added_fields_.clear();
  const std::string text = why.why + "\n";
  write_head(why.status, "Content-Type: text/plain\r\n", text.size());
  out_.append(text);
  phase_ = phase::closing;
}

bool connection::start_handler() {
  const request_head& head = parser_.head();
  started_ns_ = io::steady_ns();
  head_only_ = head.verb == method::head;
  close_after_ = !head.keep_alive;
  continue_sent_ = false;
  added_fields_.clear();
  head_written_ = false;
  waited_ns_ = 0;
  transferred_ = 0;
  deadline_ns_.store(never, std::memory_order_relaxed);
  phase_ = phase::answer;
  join_.begin();
  if (const exchange_handler* const answer = state_->routes.find(head.path)) {
    (*answer)(shared_from_this());
  } else {
    respond(404, "Content-Type: text/plain\r\n", "not found\n");
  }
  return join_.returned();
}

void connection::answered() {
  if (join_.completed()) go();
}

// ---- answers ----

void connection::write_head(unsigned status, std::string_view fields,
                            std::optional<std::uint64_t> size) {
  status_ = status;
  char line[32] = "HTTP/1.1 ";
  char* at = std::to_chars(line + 9, line + 16, status).ptr;
  *at++ = ' ';
  out_.append({line, static_cast<std::size_t>(at - line)});
  out_.append(reason_of(status));
  out_.append("\r\nServer: ssdfs\r\nDate: ");
  out_.append(http_date_now());
  out_.append("\r\n");
  out_.append(added_fields_);
  out_.append(fields);
  if (size) {
    char number[48] = "Content-Length: ";
    at = std::to_chars(number + 16, number + 40, *size).ptr;
    *at++ = '\r';
    *at++ = '\n';
    out_.append({number, static_cast<std::size_t>(at - number)});
  }
  // What is left of the body is read away only if that is little.
  const request_head& head = parser_.head();
  if (!parser_.done() && parser_.head_done() &&
      (head.chunked || head.expects_continue ||
       head.content_length.value_or(0) > drained_at_most)) {
    close_after_ = true;
  }
  if (state_->draining.load(std::memory_order_relaxed)) close_after_ = true;
  if (close_after_) {
    out_.append("Connection: close\r\n");
  } else if (!head.http_11) {
    out_.append("Connection: keep-alive\r\n");
  }
  out_.append("\r\n");
  state_->stats.by_class[std::min(status / 100, 5U)].fetch_add(1, std::memory_order_relaxed);
  waited_ns_ = 0;
  transferred_ = 0;
}

void connection::respond(unsigned status, std::string_view fields, std::string_view body) {
  write_head(status, fields, body.size());
  if (!head_only_) out_.append(body);
  phase_ = phase::done;
  answered();
}

void connection::respond_head(unsigned status, std::string_view fields,
                              std::optional<std::uint64_t> size) {
  write_head(status, fields, size);
  phase_ = phase::done;
  answered();
}

void connection::respond_stream(unsigned status, std::string_view fields, std::uint64_t size,
                                std::unique_ptr<body_source> body) {
  if (head_only_ || size == 0) return respond_head(status, fields, size);
  status_ = status;
  source_fields_.assign(fields);
  source_size_ = source_left_ = size;
  source_ = std::move(body);
  phase_ = phase::piece;
  answered();
}

bytes_span connection::begin(unsigned status, std::string_view fields, std::size_t size) {
  before_ = out_.size();
  write_head(status, fields, size);
  return {reinterpret_cast<std::byte*>(out_.extend(size)), size};
}

void connection::finish() {
  phase_ = phase::done;
  answered();
}

void connection::cancel() {
  out_.shrink_to(before_);
  state_->stats.by_class[std::min(status_ / 100, 5U)].fetch_sub(1, std::memory_order_relaxed);
}

bool connection::next_piece() {
  deadline_ns_.store(never, std::memory_order_relaxed);  // it is not the caller that is waited for
  join_.begin();
  // The source lives until this exchange is over, but `this` may not: hold on.
  source_->next([self = shared_from_this()](result<body_source::piece> p) {
    self->piece_ = std::move(p);
    self->piece_sent_ = 0;
    self->phase_ = phase::sending;
    if (self->join_.completed()) self->go();
  });
  return join_.returned();
}

bool connection::send_piece() {
  if (!piece_ || piece_->size() == 0 || piece_->size() > source_left_) {
    source_.reset();
    if (head_written_) {
      lose();
      return false;
    }
    constexpr std::string_view text =
        "{\"error\":\"unavailable\",\"message\":\"the content cannot be read now\"}\n";
    write_head(502, "Content-Type: application/json\r\nRetry-After: 1\r\n", text.size());
    out_.append(text);
    phase_ = phase::done;
    return true;
  }
  if (!head_written_) {
    write_head(status_, source_fields_, source_size_);
    head_written_ = true;
    // Memory leaves together with the head.
    if (piece_->file < 0 && piece_->size() <= flush_above) {
      out_.append(as_chars(piece_->bytes));
      piece_sent_ = piece_->size();
    }
  }
  // A file's bytes follow at once: one packet, not two.
  if (!out_.empty() && !flush(piece_->file >= 0 ? MSG_MORE : 0)) return false;
  while (piece_sent_ < piece_->size()) {
    const std::size_t left = piece_->size() - piece_sent_;
    ssize_t n = 0;
    if (piece_->file >= 0) {
      off_t from = static_cast<off_t>(piece_->offset + piece_sent_);
      n = ::sendfile(fd_, piece_->file, &from, left);
    } else {
      n = ::send(fd_, piece_->bytes.data() + piece_sent_, left, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    const auto sent = count_sent(n);
    if (!sent) return false;
    piece_sent_ += *sent;
  }
  source_left_ -= piece_->size();
  phase_ = source_left_ == 0 ? phase::done : phase::piece;
  if (source_left_ == 0) source_.reset();
  return true;
}

bool connection::end_of_exchange() {
  state_->stats.latency_us.record(static_cast<std::uint64_t>(io::steady_ns() - started_ns_) / 1000);
  if (close_after_) {
    phase_ = phase::closing;
    return true;
  }
  if (!parser_.done()) {
    phase_ = phase::draining;
  } else {
    next_request();
  }
  return true;
}

void connection::next_request() {
  parser_.reset();
  phase_ = phase::head;
  waits_.store(true, std::memory_order_relaxed);
  limit_head();
}

// True if all is sent; else the turn is given away.
bool connection::flush(int flags) {
  while (!out_.empty()) {
    const ssize_t n = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT | flags);
    const auto sent = count_sent(n);
    if (!sent) return false;
    out_.consume(*sent);
  }
  return true;
}

// What a system call that sends has done; nothing if the turn is given away.
std::optional<std::size_t> connection::count_sent(ssize_t n) {
  if (n > 0) {
    const auto sent = static_cast<std::uint64_t>(n);
    transferred_ += sent;
    state_->stats.sent_bytes.fetch_add(sent, std::memory_order_relaxed);
    return sent;
  }
  if (n < 0 && errno == EINTR) return 0;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    wait_for_room();
  } else {
    lose();
  }
  return {};
}

// ---- the end ----

void connection::lose() {
  phase_ = phase::over;
  source_.reset();
  cut();
  // Who waits for a body keeps us alive.
  if (body_wanted_) end_body(failure(errc::connection, "the caller is gone"));
}

bool connection::close_gently() {
  if (!flush()) return false;
  ::shutdown(fd_, SHUT_WR);
  // Still sending may be who was refused in the middle of a request, and who does not know yet that
  // this answer was the last.
  if (parser_.done() && !state_->draining.load(std::memory_order_relaxed)) {
    lose();
    return false;
  }
  waits_.store(true, std::memory_order_relaxed);
  phase_ = phase::lingering;
  if (discarded_ == 0) limit(linger_seconds);
  in_begin_ = in_end_ = 0;
  socket_.async_read_some(room(1), [self = shared_from_this()](error_code ec, std::size_t n) {
    self->discarded_ += n;
    self->phase_ = phase::closing;
    if (ec || self->discarded_ > linger_bytes || io::steady_ns() > self->deadline_ns()) {
      return self->lose();
    }
    self->go();
  });
  return false;
}

}  // namespace ssdfs::http
