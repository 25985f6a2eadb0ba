// The listening side of the protocol.
#pragma once

#include "net/request.hpp"
#include "net/server_metrics.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <any>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace ssdfs::net {

/// What a role does with requests. Calls come from the threads of the io_context; calls for one
/// connection never overlap, calls for different connections may.
class service {
 public:
  virtual ~service() = default;

  /// Says who we are, or why nobody is served yet (errc::starting). Has no effect: it is the
  /// session that compares version, cluster and node with the caller's, the same way for every
  /// role.
  virtual result<wire::hello_reply> hello(const wire::hello_request& caller) = 0;

  /// The session has accepted the caller: requests follow.
  virtual void opened(connection& from) { static_cast<void>(from); }

  /// All complete requests of one read of one connection (at most 512), in order. The service moves
  /// out what it answers later. ping and server_stats never come here: the server answers them.
  virtual void handle(std::span<request> batch) = 0;

  /// Bytes that the body of the answer to `frame` may have. They count as unanswered while the
  /// request waits, so that a few small requests for large answers cannot exhaust memory. The
  /// message may be malformed.
  [[nodiscard]] virtual std::size_t reply_bytes(const wire::frame_view& frame) noexcept {
    static_cast<void>(frame);
    return 0;
  }

  /// A connection that was opened has ended; no further call mentions it.
  virtual void closed(connection& from) { static_cast<void>(from); }
};

struct server_options {
  std::string listen;                        ///< HOST:PORT; "*" or an empty host for every address
  std::size_t max_connections = 10000;       ///< further ones are closed at once
  std::int64_t handshake_timeout_ms = 5000;  ///< from accept to a complete hello
  std::int64_t frame_timeout_ms = 30000;     ///< from the first byte of a frame to its last
  std::int64_t idle_timeout_ms = 120000;     ///< no byte either way: callers ping every 30 s
  // Back-pressure of one connection: reading pauses while more than this waits.
  std::size_t unanswered_bytes = 16U << 20;  ///< frames, and the answers that they may have
  std::size_t unanswered_requests = 8192;
  std::size_t unsent_bytes = 32U << 20;
  /// Of all connections together. Beyond it each may have only crowded_bytes waiting.
  std::size_t total_bytes = 1U << 30;
  std::size_t crowded_bytes = 256U << 10;
};

/// One accepted connection, shared between the server, and requests that are being answered.
class connection : public std::enable_shared_from_this<connection> {
 public:
  virtual ~connection() = default;
  /// The hello that opened it. Constant after the handshake.
  [[nodiscard]] virtual const wire::hello_request& peer() const noexcept = 0;
  /// "HOST:PORT" of the other end, and of ours.
  [[nodiscard]] virtual const std::string& remote_address() const noexcept = 0;
  [[nodiscard]] virtual const std::string& local_address() const noexcept = 0;
  /// Ends it; unanswered requests are dropped. From any thread.
  virtual void close() = 0;
  /// For the service's own use; touched only inside its calls for this connection.
  std::any attachment;

 private:
  friend class request;
  // Locks the output and opens a frame; finish_reply completes it, frees `cost` and unlocks.
  virtual void begin_reply() = 0;
  virtual std::vector<std::byte>& reply_bytes() noexcept = 0;
  virtual server_metrics& metrics() noexcept = 0;
  virtual void finish_reply(const wire::frame_header& header, shared_bytes body,
                            std::size_t cost) = 0;
};

/// Accepts, reads, decodes, and writes answers. Bounded in everything that comes from outside.
class server {
 public:
  /// Binds and listens (no SO_REUSEPORT); errc::io with the reason ("address already in use").
  static result<std::unique_ptr<server>> listen(boost::asio::io_context& io, service& handler,
                                                server_options options);
  virtual ~server() = default;
  /// The bound address, with the real port if 0 was asked for.
  [[nodiscard]] virtual std::string address() const = 0;
  /// Lives as long as the server. Any thread.
  [[nodiscard]] virtual const server_metrics& metrics() const noexcept = 0;
  virtual void start() = 0;
  /// Closes the listener; existing connections go on. From any thread.
  virtual void stop_accepting() = 0;
  /// Closes everything (answers that are already queued get a moment to leave); returns when no
  /// handler of the server runs or will run any more. Not from an io thread. The io_context must
  /// still be running, or have been stopped for good.
  virtual void stop() = 0;
};

}  // namespace ssdfs::net
