#include "http/server.hpp"

#include "base/log.hpp"
#include "net/address.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <vector>

namespace ssdfs::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint32_t header_limit = 16 << 10;
constexpr std::uint64_t body_limit = 1 << 20;
constexpr auto request_timeout = std::chrono::seconds(30);
constexpr auto accept_pause = std::chrono::milliseconds(100);
// A refused caller may still be sending: its bytes are thrown away for so long and so far, because
// closing at once would reset the connection before it has read why.
constexpr auto discard_timeout = std::chrono::seconds(2);
constexpr std::size_t discard_limit = 4 << 20;

class session;

// What sessions need of their server, outliving it while they end.
struct shared_state {
  // Null if there is no such route. Routes stay where they are: none is ever replaced or removed.
  const handler* find_route(std::string_view path) {
    const std::shared_lock lock(routes_mutex);
    const auto at = routes.find(path);
    return at == routes.end() ? nullptr : &at->second;
  }

  std::shared_mutex routes_mutex;
  std::map<std::string, handler, std::less<>> routes;  // guarded by routes_mutex
  std::mutex mutex;
  std::condition_variable idle;
  std::set<session*> sessions;  // guarded by mutex; each removes itself in its destructor
  bool stopping = false;        // guarded by mutex
};

http_response answer_for(shared_state& state, const http_request& request) {
  const auto method = request.method();
  if (method != bhttp::verb::get && method != bhttp::verb::head) {
    auto response =
        text_response(request, bhttp::status::method_not_allowed, "method not allowed\n");
    response.set(bhttp::field::allow, "GET, HEAD");
    return response;
  }
  const std::string_view target(request.target().data(), request.target().size());
  const handler* route = state.find_route(target.substr(0, target.find('?')));
  if (route == nullptr) return text_response(request, bhttp::status::not_found, "not found\n");
  return (*route)(request);
}

class session : public std::enable_shared_from_this<session> {
 public:
  session(tcp::socket socket, std::shared_ptr<shared_state> state)
      : stream_(std::move(socket)), state_(std::move(state)) {}
  ~session() {
    const std::lock_guard lock(state_->mutex);
    state_->sessions.erase(this);
    if (state_->sessions.empty()) state_->idle.notify_all();
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  void run() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read(); });
  }
  void cancel() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->stream_.close(); });
  }

 private:
  void read() {
    parser_.emplace();
    parser_->header_limit(header_limit);
    parser_->body_limit(body_limit);
    stream_.expires_after(request_timeout);
    bhttp::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code ec, std::size_t) { self->on_read(ec); });
  }

  void on_read(beast::error_code ec) {
    if (ec == bhttp::error::end_of_stream || ec == beast::error::timeout ||
        ec == asio::error::operation_aborted) {
      return close();
    }
    if (ec) {
      http_request none;
      none.version(11);
      auto status = bhttp::status::bad_request;
      if (ec == bhttp::error::header_limit) status = bhttp::status::request_header_fields_too_large;
      if (ec == bhttp::error::body_limit) status = bhttp::status::payload_too_large;
      // A failed read of the socket itself has nobody to answer to.
      if (ec.category() != make_error_code(bhttp::error::bad_method).category()) return close();
      refused_ = true;
      response_ = text_response(none, status, std::string(bhttp::obsolete_reason(status)) + "\n");
      response_.keep_alive(false);
      return write();
    }
    const http_request request = parser_->release();
    response_ = answer_for(*state_, request);
    response_.keep_alive(request.keep_alive());
    if (request.method() == bhttp::verb::head) {
      const auto length = response_.body().size();
      response_.body().clear();
      response_.content_length(length);
    }
    write();
  }

  void write() {
    stream_.expires_after(request_timeout);
    serializer_.emplace(response_);
    bhttp::async_write(stream_, *serializer_,
                       [self = shared_from_this()](beast::error_code ec, std::size_t) {
                         if (!ec && self->refused_) return self->discard();
                         if (ec || !self->response_.keep_alive()) return self->close();
                         self->read();
                       });
  }

  void discard() {
    beast::error_code ignored;  // the peer may be gone already
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(discard_timeout);
    discard_more();
  }
  void discard_more() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(header_limit),
                            [self = shared_from_this()](beast::error_code ec, std::size_t n) {
                              self->discarded_ += n;
                              if (ec || self->discarded_ > discard_limit) return self->close();
                              self->discard_more();
                            });
  }

  void close() {
    beast::error_code ignored;  // the peer may be gone already
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  }

  beast::tcp_stream stream_;
  std::shared_ptr<shared_state> state_;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  std::optional<bhttp::response_serializer<bhttp::string_body>> serializer_;
  http_response response_;
  bool refused_ = false;
  std::size_t discarded_ = 0;
};

class listener final : public server {
 public:
  listener(asio::io_context& io, tcp::acceptor acceptor, std::size_t max_connections)
      : io_(io),
        acceptor_(std::move(acceptor)),
        pause_(acceptor_.get_executor()),
        address_(text_of(acceptor_.local_endpoint())),
        max_connections_(max_connections),
        state_(std::make_shared<shared_state>()) {}
  ~listener() override { stop(); }

  void route(std::string path, handler answer) override {
    const std::unique_lock lock(state_->routes_mutex);
    state_->routes.try_emplace(std::move(path), std::move(answer));
  }

  void start() override { accept(); }

  std::string address() const override { return address_; }

  void stop() override {
    if (begin_stop()) {
      asio::post(acceptor_.get_executor(), [this, state = state_] {
        boost::system::error_code ignored;  // closing twice is fine
        acceptor_.close(ignored);
        pause_.cancel();
        const std::lock_guard inner(state->mutex);
        closed_ = true;
        state->idle.notify_all();
      });
      for (const auto& s : open_sessions()) s->cancel();
    }
    std::unique_lock lock(state_->mutex);
    state_->idle.wait(lock, [this] { return state_->sessions.empty() && closed_ && !accepting_; });
  }

 private:
  bool begin_stop() {
    const std::lock_guard lock(state_->mutex);
    return !std::exchange(state_->stopping, true);
  }

  // Held by the caller and let go outside the lock, which a session's destructor takes. One whose
  // last reference is gone is ending by itself.
  std::vector<std::shared_ptr<session>> open_sessions() {
    std::vector<std::shared_ptr<session>> out;
    const std::lock_guard lock(state_->mutex);
    for (session* s : state_->sessions) {
      if (auto held = s->weak_from_this().lock()) out.push_back(std::move(held));
    }
    return out;
  }

  void accept() {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->stopping) return;
      accepting_ = true;
    }
    acceptor_.async_accept(
        asio::make_strand(io_),
        [this, state = state_](boost::system::error_code ec, tcp::socket socket) {
          std::shared_ptr<session> next;
          bool go_on = false;
          {
            const std::lock_guard lock(state->mutex);
            accepting_ = false;
            go_on = !state->stopping;
            if (!ec && go_on && state->sessions.size() < max_connections_) {
              next = std::make_shared<session>(std::move(socket), state);
              state->sessions.insert(next.get());
            }
            if (!go_on) state->idle.notify_all();
          }
          if (!go_on) return;
          if (next) next->run();
          if (!ec || ec == asio::error::connection_aborted) return accept();
          // Mostly out of descriptors, and the next try would fail at once, too.
          SSDFS_LOG(warning) << "HTTP on " << address_ << ": accept: " << ec.message();
          accept_later();
        });
  }

  void accept_later() {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->stopping) return;
      accepting_ = true;
    }
    pause_.expires_after(accept_pause);
    pause_.async_wait([this, state = state_](boost::system::error_code) {
      {
        const std::lock_guard lock(state->mutex);
        accepting_ = false;
        if (state->stopping) {
          state->idle.notify_all();
          return;
        }
      }
      accept();
    });
  }

  // 0.0.0.0 and not [::]: the text is also used to connect to this machine.
  static std::string text_of(const tcp::endpoint& local) {
    const auto at = local.address();
    const bool every = at.is_v6() && at.is_unspecified();
    return net::format_host_port({every ? "0.0.0.0" : at.to_string(), local.port()});
  }

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;  // on the acceptor's strand
  std::string address_;
  std::size_t max_connections_;
  std::shared_ptr<shared_state> state_;
  bool accepting_ = false;  // guarded by state_->mutex: an accept or a pause is under way
  bool closed_ = false;     // guarded by state_->mutex
};

boost::system::error_code listen_on(tcp::acceptor& acceptor, const tcp::endpoint& where) {
  boost::system::error_code ec;
  acceptor.open(where.protocol(), ec);
  // A restarted server must not wait for its old connections to leave TIME_WAIT; a second process
  // on the port is still refused.
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec && where.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!where.address().is_unspecified()), ec);
  }
  if (!ec) acceptor.bind(where, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  boost::system::error_code ignored;  // the first error is the one that counts
  if (ec) acceptor.close(ignored);
  return ec;
}

}  // namespace

http_response text_response(const http_request& request, bhttp::status status, std::string body,
                            std::string_view content_type) {
  http_response response(status, request.version());
  response.set(bhttp::field::server, "ssdfs");
  response.set(bhttp::field::content_type,
               beast::string_view(content_type.data(), content_type.size()));
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

result<std::unique_ptr<server>> server::listen(asio::io_context& io, const std::string& address,
                                               std::size_t max_connections) {
  const auto parsed = net::parse_host_port(address);
  if (!parsed) return parsed.error();
  tcp::acceptor acceptor(asio::make_strand(io));
  boost::system::error_code ec;
  if (parsed->host.empty()) {
    // Every address: IPv6 with IPv4 mapped, or only IPv4 on a machine without IPv6.
    ec = listen_on(acceptor, {asio::ip::address_v6::any(), parsed->port});
    if (ec) ec = listen_on(acceptor, {asio::ip::address_v4::any(), parsed->port});
  } else {
    tcp::resolver resolver(io);
    const auto found =
        resolver.resolve(parsed->host, std::to_string(parsed->port),
                         tcp::resolver::passive | tcp::resolver::numeric_service, ec);
    if (!ec) ec = listen_on(acceptor, found.begin()->endpoint());
  }
  if (ec) return failure(errc::io, "cannot listen on " + address + ": " + ec.message());
  return std::unique_ptr<server>(
      std::make_unique<listener>(io, std::move(acceptor), max_connections));
}

void route_health(server& to, std::function<std::string()> not_ready) {
  to.route("/healthz", [](const http_request& request) {
    return text_response(request, bhttp::status::ok, "ok\n");
  });
  to.route("/readyz", [not_ready = std::move(not_ready)](const http_request& request) {
    const std::string reason = not_ready();
    if (reason.empty()) return text_response(request, bhttp::status::ok, "ready\n");
    return text_response(request, bhttp::status::service_unavailable, reason + "\n");
  });
}

}  // namespace ssdfs::http
