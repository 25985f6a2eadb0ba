// A small HTTP server on Boost.Beast: routes by path prefix, bounded requests.
#pragma once

#include "base/result.hpp"
#include "http/exchange.hpp"
#include "http/server_stats.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ssdfs::http {

using http_request = boost::beast::http::request<boost::beast::http::string_body>;
using http_response = boost::beast::http::response<boost::beast::http::string_body>;

/// Answers one request. Called on a thread of the io_context; must not block.
using handler = std::function<http_response(const http_request&)>;

/// A text answer with Content-Type and Content-Length set, for the request's HTTP version.
[[nodiscard]] http_response text_response(const http_request& request,
                                          boost::beast::http::status status, std::string body,
                                          std::string_view content_type = "text/plain");

/// Operation: HTTP/1.1 with keep-alive and pipelining; see connection for its limits. At most
/// `max_connections` at a time, and a quarter of the process's descriptors: a further one is closed
/// at once, and so is the one that has been waiting for a request for longest, to make room. What
/// is not HTTP, or longer, is answered with 400, 414, 431 and the like and the connection is
/// closed. While the process is out of descriptors, accepting pauses, and connections that wait
/// make room. Concurrency: handlers of different connections may run at the same time on different
/// threads. The io_context must be run by one or more threads until stop() has returned.
class server {
 public:
  /// Binds and listens; errc::io with the reason. HEAD is answered as GET without the body.
  static result<std::unique_ptr<server>> listen(boost::asio::io_context& io,
                                                const std::string& address,
                                                std::size_t max_connections = 4096);
  virtual ~server() = default;
  /// Requests whose path (without the query) equals `path` go to `answer`, from now on. The first
  /// route for a path stays. Any thread.
  virtual void route(std::string path, handler answer) = 0;
  /// Requests whose path begins with `prefix` (and that have no route of their own) go to `answer`,
  /// with all methods and bodies; the longest prefix counts. Any thread.
  virtual void route_prefix(std::string prefix, exchange_handler answer) = 0;
  virtual void start() = 0;
  /// Valid as long as the server.
  [[nodiscard]] virtual const server_stats& stats() const = 0;
  /// The bound address, with the real port if 0 was asked for. Any thread, also after stop().
  [[nodiscard]] virtual std::string address() const = 0;
  /// For a stop that nobody is to notice, in this order, before stop(); none from an io thread.
  /// From now on each answer says that it is the connection's last, also that to a new connection.
  virtual void begin_drain() = 0;
  /// Takes no new connection; those that are established already are not lost.
  virtual void stop_listening() = 0;
  /// Ends the connections on which nothing has been asked.
  virtual void end_idle() = 0;
  /// Returns when no connection is left, behind end_idle() when all that was asked is answered; at
  /// `until_ms` of the steady clock at the latest.
  virtual void wait_until_quiet(std::int64_t until_ms) = 0;
  /// Closes everything; returns when no handler runs or will run. Not from an io thread.
  virtual void stop() = 0;
};

/// Routes /healthz (200 while the process answers) and /readyz (200, or 503 with the reason).
/// `not_ready` returns an empty string when the role can do its job. Called from io threads.
void route_health(server& to, std::function<std::string()> not_ready);

}  // namespace ssdfs::http
