// The calling side of the protocol: one connection to one server, kept up.
#pragma once

#include "base/buffer.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "wire/codec.hpp"
#include "wire/common_messages.hpp"
#include "wire/frame.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ssdfs::net {

/// A successful answer: the decoded message, and the frame that string_views and body alias.
template <class Reply>
struct response {
  Reply message;
  bytes_view body;
  buffer_ref hold;
};

struct channel_options {
  wire::hello_request hello;               ///< who we are; sent on every connect. Its `expected`
                                           ///< is who must answer: errc::wrong_node otherwise
  std::int64_t connect_timeout_ms = 3000;  ///< TCP connect and handshake
  std::int64_t backoff_min_ms = 50;        ///< after a failed connect calls fail at once this long,
  std::int64_t backoff_max_ms = 2000;      ///< doubled up to this, with jitter
  std::int64_t ping_interval_ms = 30000;   ///< keep-alive when idle
  /// While calls wait for answers, a server that is not heard of for so long, although it was
  /// pinged half way, counts as hung: the connection is given up and with it all calls in flight.
  /// (A slow disk is no silence: pings are answered on the network's threads.) 0: calls have their
  /// own deadlines only.
  std::int64_t silence_ms = 0;
  std::size_t unsent_bytes = 64U << 20;  ///< calls beyond answer errc::busy at once
  /// Once connected, reconnect after a loss without waiting for a call.
  bool keep_connected = false;
  /// If set: asked at every connect, on the executor, in place of hello.cluster. For callers that
  /// learn their cluster later than they make their channels.
  std::function<cluster_id()> cluster;
};

struct call_options {
  std::int64_t timeout_ms = 30000;  ///< then errc::timed_out; the answer, if it comes, is dropped
  shared_bytes body;                ///< sent without a copy; without a hold it must live until the
                                    ///< handler has been called
  /// A second body part behind the first (a body is one run of bytes on the wire).
  shared_bytes body_more;
};

/// Connects on the first call, reconnects after a loss with capped back-off. Thread-safe. Handlers
/// run on the channel's executor, each exactly once, never inside call(). A lost connection fails
/// all calls in flight with errc::connection: whether they happened is unknown. An error answer of
/// the server comes as failure{status, detail, hint}. Calls that are queued in one turn of the
/// executor leave in one system call. When the last reference goes the channel stops; the
/// executor's context must outlive it.
class channel : public std::enable_shared_from_this<channel> {
 public:
  static std::shared_ptr<channel> make(boost::asio::any_io_executor executor, std::string address,
                                       channel_options options);
  virtual ~channel() = default;

  using raw_handler = unique_function<void(result<response<bytes_view>>)>;

  /// Sends one request, with room for `Request` and body in one frame (errc::too_large otherwise).
  /// Returns an id for cancel(), 0 if the call was refused at once.
  template <class Request, class Handler>
  std::uint64_t call(const Request& message, call_options options, Handler handler) {
    using reply = typename Request::reply;
    begin_call();
    wire::encode(message, call_bytes());
    return finish_call(
        static_cast<std::uint16_t>(Request::code), std::move(options),
        [handler = std::move(handler)](result<response<bytes_view>> raw) mutable {
          if (!raw) return handler(result<response<reply>>(std::move(raw).error()));
          response<reply> out{{}, raw->body, std::move(raw->hold)};
          if (!wire::decode(raw->message, out.message)) {
            return handler(result<response<reply>>(failure(errc::protocol, "malformed answer")));
          }
          handler(result<response<reply>>(std::move(out)));
        });
  }

  /// call() with a completion token of signature void(result<response<Reply>>).
  template <class Request, class Token>
  auto async_call(const Request& message, call_options options, Token&& token) {
    using answer = result<response<typename Request::reply>>;
    return boost::asio::async_initiate<Token, void(answer)>(
        [this](auto handler, const Request& m, call_options o) {
          auto executor = boost::asio::get_associated_executor(handler, this->executor());
          this->call(m, std::move(o), [h = std::move(handler), executor](answer a) mutable {
            boost::asio::dispatch(executor, [h = std::move(h), a = std::move(a)]() mutable {
              std::move(h)(std::move(a));
            });
          });
        },
        token, message, std::move(options));
  }

  /// The handler of the call gets errc::cancelled, if it has not been called yet.
  virtual void cancel(std::uint64_t id) = 0;
  /// Fails everything with errc::aborted and closes; later calls fail. From any thread.
  virtual void stop() = 0;
  [[nodiscard]] virtual const std::string& address() const noexcept = 0;
  [[nodiscard]] virtual boost::asio::any_io_executor executor() const = 0;
  /// Calls without an answer, for choosing the least loaded of several.
  [[nodiscard]] virtual std::size_t in_flight() const noexcept = 0;
  /// Our end of the current connection, "HOST:PORT"; empty if there is none.
  [[nodiscard]] virtual std::string local_address() const { return {}; }
  /// True if the last attempt to connect has failed because the machine at each address of the
  /// server said that nobody listens there: the process is gone, while the machine is not.
  [[nodiscard]] virtual bool refused() const { return false; }
  /// The server's last hello; default-constructed before the first connect.
  [[nodiscard]] virtual wire::hello_reply server() const = 0;

 private:
  // Encoding goes straight into the output under the channel's mutex: begin_call locks it and opens
  // a frame, finish_call completes it and unlocks.
  virtual void begin_call() = 0;
  virtual std::vector<std::byte>& call_bytes() = 0;
  virtual std::uint64_t finish_call(std::uint16_t code, call_options options,
                                    raw_handler handler) = 0;
};

/// Channels by address and by who is expected to answer there, made on first use. Thread-safe.
class channel_pool {
 public:
  /// At most `per_address` connections to each server. options.hello.expected is not used.
  channel_pool(boost::asio::any_io_executor executor, channel_options options,
               std::size_t per_address = 1);
  ~channel_pool();
  /// The channel for the next call: the first that has nothing in flight, so that what is busy
  /// stays warm; a new one if all are busy and there may be more; else the less loaded of two. Does
  /// not look at every channel, however many there are. A nil `node`: whoever answers.
  [[nodiscard]] std::shared_ptr<channel> get(const std::string& address, node_id node = {});
  /// All `per_address` channels; those that are missing are made.
  [[nodiscard]] std::vector<std::shared_ptr<channel>> all(const std::string& address,
                                                          node_id node = {});
  /// Stops all channels; later get() returns stopped ones.
  void stop();

 private:
  struct group;
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace ssdfs::net
