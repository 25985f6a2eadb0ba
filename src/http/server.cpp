#include "http/server.hpp"

#include "base/log.hpp"
#include "net/address.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

namespace ssdfs::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint32_t header_limit = 16 << 10;
constexpr std::uint64_t body_limit = 1 << 20;
constexpr auto request_timeout = std::chrono::seconds(30);

class session;

// What sessions need of their server, outliving it while they end.
struct shared_state {
  std::map<std::string, handler, std::less<>> routes;
  std::mutex mutex;
  std::condition_variable idle;
  std::set<session*> sessions;  // guarded by mutex; each removes itself in its destructor
  bool stopping = false;        // guarded by mutex
};

http_response answer_for(const shared_state& state, const http_request& request) {
  const auto method = request.method();
  if (method != bhttp::verb::get && method != bhttp::verb::head) {
    auto response =
        text_response(request, bhttp::status::method_not_allowed, "method not allowed\n");
    response.set(bhttp::field::allow, "GET, HEAD");
    return response;
  }
  const std::string_view target(request.target().data(), request.target().size());
  const auto route = state.routes.find(target.substr(0, target.find('?')));
  if (route == state.routes.end()) {
    return text_response(request, bhttp::status::not_found, "not found\n");
  }
  return route->second(request);
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
                         if (ec || !self->response_.keep_alive()) return self->close();
                         self->read();
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
};

class listener final : public server {
 public:
  listener(asio::io_context& io, tcp::acceptor acceptor, std::size_t max_connections)
      : io_(io),
        acceptor_(std::move(acceptor)),
        max_connections_(max_connections),
        state_(std::make_shared<shared_state>()) {}
  ~listener() override { stop(); }

  void route(std::string path, handler answer) override {
    state_->routes[std::move(path)] = std::move(answer);
  }

  void start() override { accept(); }

  std::string address() const override {
    const auto local = acceptor_.local_endpoint();
    return net::format_host_port({local.address().to_string(), local.port()});
  }

  void stop() override {
    std::unique_lock lock(state_->mutex);
    if (!state_->stopping) {
      state_->stopping = true;
      asio::post(acceptor_.get_executor(), [this, state = state_] {
        boost::system::error_code ignored;  // closing twice is fine
        acceptor_.close(ignored);
        const std::lock_guard inner(state->mutex);
        closed_ = true;
        state->idle.notify_all();
      });
      for (session* s : state_->sessions) s->cancel();
    }
    state_->idle.wait(lock, [this] { return state_->sessions.empty() && closed_ && !accepting_; });
  }

 private:
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
          accept();
        });
  }

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  std::size_t max_connections_;
  std::shared_ptr<shared_state> state_;
  bool accepting_ = false;  // guarded by state_->mutex
  bool closed_ = false;     // guarded by state_->mutex
};

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
  boost::system::error_code ec;
  tcp::resolver resolver(io);
  const std::string host = parsed->host.empty() ? "0.0.0.0" : parsed->host;
  const auto found =
      resolver.resolve(host, std::to_string(parsed->port), tcp::resolver::passive, ec);
  if (ec || found.empty()) return failure(errc::io, "listen on " + address + ": " + ec.message());
  const auto endpoint = found.begin()->endpoint();
  tcp::acceptor acceptor(asio::make_strand(io));
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return failure(errc::io, "listen on " + address + ": " + ec.message());
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
