#include "net/session.hpp"

#include "base/assert.hpp"
#include "base/log.hpp"
#include "io/clock.hpp"
#include "net/process_stats.hpp"
#include "net/socket.hpp"

#include <boost/asio/buffer.hpp>

#include <sys/socket.h>

#include <algorithm>

namespace ssdfs::net {
namespace {

constexpr std::size_t max_batch = 512;
// A stranger gets no memory before it has introduced itself.
constexpr std::size_t max_hello_frame = 16U << 10;
constexpr std::int64_t drain_ms = 1000;
constexpr std::string_view stranger_text =
    "ssdfs: this port speaks the SSDFS binary protocol, and what it received is not that\r\n";

std::string version_range(int from, int to) {
  return from == to ? std::to_string(from) : std::to_string(from) + " to " + std::to_string(to);
}

}  // namespace

session::session(session_host& host, socket_type socket)
    : host_(host), metrics_(host.metrics), socket_(std::move(socket)) {}

void session::start(std::int64_t now_ms) {
  boost::system::error_code ec;
  const auto remote = socket_.remote_endpoint(ec);
  if (!ec) remote_ = endpoint_text(remote);
  const auto local = socket_.local_endpoint(ec);
  if (!ec) local_ = endpoint_text(local);
  last_byte_ms_ = now_ms;
  hello_until_ms_ = now_ms + host_.options.handshake_timeout_ms;
  {
    const std::lock_guard lock(mutex_);
    operations_ = 1;
  }
  if (prepare_socket(socket_)) close();
  read();
}

// --- reader -----------------------------------------------------------------------------------

void session::read() {
  const bytes_span room = in_.space();
  socket_.async_read_some(
      boost::asio::buffer(room.data(), room.size()),
      [self = std::static_pointer_cast<session>(shared_from_this())](
          const boost::system::error_code& ec, std::size_t n) { self->on_read(ec, n); });
}

void session::on_read(const boost::system::error_code& ec, std::size_t n) {
  if (ec) {
    {
      const std::lock_guard lock(mutex_);
      static_cast<void>(shut_down());  // the reader is not parked: it is us
    }
    end_operation();
    return;
  }
  received_ns_ = io::steady_ns();
  last_byte_ms_.store(received_ns_ / 1'000'000, std::memory_order_relaxed);
  metrics_->received_bytes.fetch_add(n, std::memory_order_relaxed);
  in_.received(n);
  work();
}

void session::work() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      corked_ = true;
      const std::size_t limit = byte_limit();
      const bool over = closed_ || over_budget(1) || unanswered_bytes_ > limit;
      // One frame is taken as long as the budget is not exceeded, however long that frame is.
      bytes_left_ = over ? 0 : limit - unanswered_bytes_ + 1;
      requests_left_ = over ? 0 : host_.options.unanswered_requests - unanswered_requests_ + 1;
    }
    const step next = collect();
    if (!batch_.empty()) hand_out();
    if (!go_on()) return;
    if (next == step::read) return read();
  }
}

session::step session::collect() {
  batch_cost_ = 0;
  for (;;) {
    if (draining_) {
      in_.discard();
      frame_since_ms_.store(0, std::memory_order_relaxed);
      return step::read;
    }
    if (batch_cost_ >= bytes_left_ || batch_.size() >= std::min(requests_left_, max_batch)) {
      return step::again;
    }
    const wire::decode_result next = in_.next();
    if (next.status == wire::decode_status::complete) {
      frame_since_ms_.store(0, std::memory_order_relaxed);
      if (!take(next.frame)) drain();
    } else if (next.status != wire::decode_status::incomplete ||
               (!greeted_ && next.length > max_hello_frame)) {
      reject(next);
      drain();
    } else {
      if (!in_.rest().empty() && frame_since_ms_.load(std::memory_order_relaxed) == 0) {
        frame_since_ms_.store(io::steady_ms(), std::memory_order_relaxed);
      }
      return step::read;
    }
  }
}

// False if the connection cannot go on after this frame.
bool session::take(const wire::frame_view& frame) {
  const wire::frame_header& h = frame.header;
  if (h.is_reply()) {
    refuse(h, {errc::protocol, "a server takes requests, not replies"});
    return false;
  }
  if (!greeted_) return greet(frame);
  if (h.cluster != cluster_) {
    answer_error(h, {errc::wrong_cluster, "this server belongs to cluster " + to_string(cluster_) +
                                              ", the request to " + to_string(h.cluster)});
    return true;
  }
  switch (static_cast<wire::opcode>(h.opcode)) {
    case wire::opcode::hello:
      answer_error(h, {errc::protocol, "hello was already answered"});
      return true;
    case wire::opcode::ping: answer(h, wire::ping_reply{}); return true;
    case wire::opcode::server_stats: answer(h, process_stats()); return true;
    default: break;
  }
  request& added = batch_.emplace_back(shared_from_this(), frame, in_.hold(), received_ns_);
  added.expect(host_.handler.reply_bytes(frame));
  batch_cost_ += added.cost();
  return true;
}

bool session::greet(const wire::frame_view& frame) {
  const wire::frame_header& h = frame.header;
  if (static_cast<wire::opcode>(h.opcode) != wire::opcode::hello) {
    refuse(h, {errc::protocol, "the first request of a connection must be hello"});
    return false;
  }
  wire::hello_request hello;
  if (!wire::decode(frame.message, hello)) {
    refuse(h, {errc::protocol, "malformed hello"});
    return false;
  }
  if (hello.protocol_min > wire::protocol_max || hello.protocol_max < wire::protocol_min) {
    refuse(h,
           {errc::version_mismatch,
            "the caller speaks protocol " + version_range(hello.protocol_min, hello.protocol_max) +
                ", this server " + version_range(wire::protocol_min, wire::protocol_max)});
    return false;
  }
  peer_ = std::move(hello);
  result<wire::hello_reply> says = host_.handler.hello(peer_);
  if (!says) {
    refuse(h, says.error());
    return false;
  }
  const cluster_id none;
  if (peer_.cluster != none && says->cluster != none && peer_.cluster != says->cluster) {
    refuse(h, {errc::wrong_cluster, "this is cluster " + to_string(says->cluster) +
                                        ", the caller belongs to " + to_string(peer_.cluster)});
    return false;
  }
  if (peer_.expected != node_id() && says->node != peer_.expected) {
    refuse(h, {errc::wrong_node, "this is node " + to_string(says->node) + ", not node " +
                                     to_string(peer_.expected)});
    return false;
  }
  greeted_ = true;
  hello_until_ms_.store(0, std::memory_order_relaxed);
  cluster_ = says->cluster;
  says->protocol = std::min(peer_.protocol_max, wire::protocol_max);
  host_.handler.opened(*this);
  answer(h, *says);
  return true;
}

// What cannot be decoded cannot be skipped: the connection ends, with a word to whoever it is.
void session::reject(const wire::decode_result& bad) {
  const bytes_view front = in_.rest();
  wire::frame_header h;
  // Magic, opcode and request id have their places in every version of the frame.
  if (front.size() >= 16) {
    h.opcode = load_le<std::uint16_t>(front.data() + 6);
    h.request_id = load_le<std::uint64_t>(front.data() + 8);
  }
  switch (bad.status) {
    case wire::decode_status::bad_magic:
      if (!greeted_) {
        const std::lock_guard lock(mutex_);
        out_.append_raw(as_bytes(stranger_text));
      }
      SSDFS_LOG(info) << remote_ << ": closed: not the SSDFS protocol";
      return;
    case wire::decode_status::bad_version:
      refuse(h, {errc::version_mismatch, "this server speaks frame version " +
                                             std::to_string(wire::frame_version) + ", the caller " +
                                             std::to_string(std::to_integer<int>(front[4]))});
      return;
    case wire::decode_status::bad_crc:
      refuse(h, {errc::protocol, "a frame arrived damaged"});
      return;
    case wire::decode_status::too_long:
      refuse(h, {errc::protocol, "a frame is longer than the protocol allows"});
      return;
    default: refuse(h, {errc::protocol, "a hello of this length is none"}); return;
  }
}

// Waits a moment for the peer to read what it was told: closing with input unread would reset the
// connection and take the answer away.
void session::drain() {
  draining_ = true;
  hello_until_ms_.store(0, std::memory_order_relaxed);
  drain_until_ms_.store(io::steady_ms() + drain_ms, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  at_end_ = at_end::half_close;
}

void session::hand_out() {
  {
    const std::lock_guard lock(mutex_);
    unanswered_bytes_ += batch_cost_;
    unanswered_requests_ += batch_.size();
  }
  metrics_->in_flight.fetch_add(static_cast<std::int64_t>(batch_.size()),
                                std::memory_order_relaxed);
  host_.handler.handle(batch_);
  batch_.clear();
}

// Sends what has been answered at once; then decides whether the reader goes on. If not, its
// operation has ended: it is parked, or the connection closed.
bool session::go_on() {
  bool flusher = false;
  {
    const std::lock_guard lock(mutex_);
    corked_ = false;
    flusher = start_flush();
  }
  if (flusher) flush();
  {
    const std::lock_guard lock(mutex_);
    publish();
    const bool pinned =
        unanswered_requests_ > 0 && in_.pins_more_than(host_.options.unanswered_bytes);
    if (!closed_ && !over_budget(1) && !pinned) return true;
    parked_ = !closed_;
    frame_since_ms_.store(0, std::memory_order_relaxed);
  }
  end_operation();
  return false;
}

// --- end --------------------------------------------------------------------------------------

// Wakes whatever waits for the socket. True if the caller has to post the parked reader.
bool session::shut_down() noexcept {
  if (closed_) return false;
  closed_ = true;
  ::shutdown(socket_.native_handle(), SHUT_RDWR);
  if (!parked_) return false;
  parked_ = false;
  ++operations_;
  return true;
}

void session::close() {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = shut_down();
  }
  if (wake) post_work();
}

void session::close_gently() {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (flushing_ || corked_ || !out_.idle()) {
      at_end_ = at_end::close;
    } else {
      wake = shut_down();
    }
  }
  if (wake) post_work();
}

void session::check(std::int64_t now_ms) {
  const auto get = [](const std::atomic<std::int64_t>& v) {
    return v.load(std::memory_order_relaxed);
  };
  const server_options& o = host_.options;
  const std::int64_t hello = get(hello_until_ms_);
  const std::int64_t drained = get(drain_until_ms_);
  const std::int64_t frame = get(frame_since_ms_);
  const char* why = nullptr;
  if (hello != 0 && now_ms >= hello) why = "no hello in time";
  if (frame != 0 && now_ms - frame >= o.frame_timeout_ms) why = "a frame did not end in time";
  if (now_ms - get(last_byte_ms_) >= o.idle_timeout_ms) why = "idle";
  if (why != nullptr) SSDFS_LOG(info) << remote_ << ": closed: " << why;
  if (why != nullptr || (drained != 0 && now_ms >= drained)) close();
  if (now_ms - get(last_byte_ms_) >= sign_of_life_ms) give_sign_of_life();
  in_.trim();
}

// While reading pauses for back-pressure, pings lie unread: a caller that waits is told unasked
// that there is somebody.
void session::give_sign_of_life() {
  {
    const std::lock_guard lock(mutex_);
    if (!parked_ || closed_ || out_.unsent() > 0) return;
    wire::frame_header h;
    h.opcode = static_cast<std::uint16_t>(wire::opcode::ping);
    h.flags = wire::flag_reply;
    h.cluster = cluster_;
    wire::encode(wire::ping_reply{}, out_.begin());
    out_.end(h, {});
    if (corked_ || !start_flush()) return;
  }
  post_flush();
}

void session::end_operation() {
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    SSDFS_ASSERT(operations_ > 0);
    last = --operations_ == 0 && closed_;
  }
  if (last) finish();
}

void session::finish() {
  out_.drop(mutex_);
  {
    const std::lock_guard lock(mutex_);
    host_.waiting_bytes.fetch_sub(published_, std::memory_order_relaxed);
    published_ = 0;
  }
  boost::system::error_code ignored;  // the descriptor is gone either way
  socket_.close(ignored);
  if (greeted_) host_.handler.closed(*this);
  host_.ended(*this);
}

}  // namespace ssdfs::net
