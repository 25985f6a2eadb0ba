// The server's implementation of a connection.
#pragma once

#include "net/input.hpp"
#include "net/output.hpp"
#include "net/server.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <mutex>
#include <vector>

namespace ssdfs::net {

class session;

/// What the sessions of one server share; outlives them until ended() has been called for each.
struct session_host {
  boost::asio::io_context& io;
  service& handler;
  const server_options& options;
  /// Shared: requests are answered, for nothing, when the server is gone.
  const std::shared_ptr<server_metrics> metrics = std::make_shared<server_metrics>();
  /// Bytes waiting in all sessions, as last published by each.
  std::atomic<std::int64_t> waiting_bytes{0};

  session_host(boost::asio::io_context& context, service& to, const server_options& o)
      : io(context), handler(to), options(o) {}
  virtual ~session_host() = default;
  /// The session has no operation any more and will never touch the host again.
  virtual void ended(session& s) noexcept = 0;
};

/// Operation: at most one *reader* (a read that is pending, or the decoding and handing out of what
/// it brought) and at most one *flusher* (sendmsg, or waiting until the socket takes more) are
/// active. Answers come from any thread, are encoded into the output under the mutex, and start a
/// flusher if none is active; while the reader hands out a batch the output is corked, so that all
/// answers given at once leave together. When a budget is exceeded the reader parks and the answer
/// or flush that frees enough wakes it. The descriptor is shut down by close(), but closed only
/// when reader and flusher have ended, so that no thread can hit a reused descriptor number.
class session final : public connection {
 public:
  using socket_type = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                       boost::asio::io_context::executor_type>;

  session(session_host& host, socket_type socket);

  /// Begins reading. Once, from an io thread.
  void start(std::int64_t now_ms);
  /// A caller whose connection is not read for back-pressure hears something at least so often.
  static constexpr std::int64_t sign_of_life_ms = 200;
  /// Enforces the time limits and frees memory that is not needed. From any thread, now and then.
  void check(std::int64_t now_ms);
  /// Ends the connection once what is queued has left. From any thread.
  void close_gently();

  const wire::hello_request& peer() const noexcept override { return peer_; }
  const std::string& remote_address() const noexcept override { return remote_; }
  const std::string& local_address() const noexcept override { return local_; }
  void close() override;

 private:
  enum class step {
    read,   // more bytes are needed
    again,  // there may be more frames: a batch is full, or a budget is exceeded
  };
  enum class at_end { stay, half_close, close };  // what follows when all output has left

  void begin_reply() override;
  std::vector<std::byte>& reply_bytes() noexcept override { return out_.bytes(); }
  server_metrics& metrics() noexcept override { return *metrics_; }
  void finish_reply(const wire::frame_header& header, shared_bytes body, std::size_t cost) override;

  // Reader.
  void read();
  void on_read(const boost::system::error_code& ec, std::size_t n);
  void work();
  [[nodiscard]] step collect();
  [[nodiscard]] bool take(const wire::frame_view& frame);
  [[nodiscard]] bool greet(const wire::frame_view& frame);
  void reject(const wire::decode_result& bad);
  void hand_out();
  [[nodiscard]] bool go_on();
  template <class Message>
  void answer(const wire::frame_header& request, const Message& message);
  void answer_error(const wire::frame_header& request, const failure& why);
  void refuse(const wire::frame_header& request, const failure& why);
  void drain();

  // Under mutex_.
  void give_sign_of_life();
  [[nodiscard]] std::size_t byte_limit() const noexcept;
  [[nodiscard]] bool over_budget(std::size_t part) const noexcept;
  [[nodiscard]] bool start_flush() noexcept;
  [[nodiscard]] bool unpark() noexcept;
  [[nodiscard]] bool shut_down() noexcept;
  [[nodiscard]] bool output_is_empty() noexcept;
  void publish() noexcept;

  // Operations.
  void flush();
  void post_flush();
  void post_work();
  void end_operation();
  void finish();

  session_host& host_;
  const std::shared_ptr<server_metrics> metrics_;
  socket_type socket_;
  std::string remote_;
  std::string local_;

  // Reader only.
  input in_;
  std::vector<request> batch_;
  std::int64_t received_ns_ = 0;
  bool greeted_ = false;   // hello was accepted
  bool draining_ = false;  // refused: input is thrown away until the peer has read why
  cluster_id cluster_;
  std::size_t batch_cost_ = 0;
  std::size_t bytes_left_ = 0;  // of the budgets, as of the start of this batch
  std::size_t requests_left_ = 0;
  wire::hello_request peer_;

  std::mutex mutex_;  // guards what follows, and the queueing side of out_
  output out_;
  std::uint32_t operations_ = 0;  // reader and flusher that are active
  bool corked_ = false;
  bool flushing_ = false;
  bool parked_ = false;
  bool closed_ = false;
  at_end at_end_ = at_end::stay;
  std::size_t unanswered_bytes_ = 0;
  std::size_t unanswered_requests_ = 0;
  std::int64_t published_ = 0;

  // For check(): milliseconds of the steady clock.
  std::atomic<std::int64_t> last_byte_ms_{0};
  std::atomic<std::int64_t> frame_since_ms_{0};  // 0: no incomplete frame is waiting
  std::atomic<std::int64_t> hello_until_ms_{0};  // 0: done
  std::atomic<std::int64_t> drain_until_ms_{0};  // 0: not draining
};

template <class Message>
void session::answer(const wire::frame_header& request, const Message& message) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  wire::frame_header h = request;
  h.version = wire::frame_version;
  h.flags = wire::flag_reply;
  h.cluster = cluster_;
  wire::encode(message, out_.begin());
  out_.end(h, {});
}

}  // namespace ssdfs::net
