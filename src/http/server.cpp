#include "http/server.hpp"

#include "base/log.hpp"
#include "base/seldom.hpp"
#include "http/connection.hpp"
#include "io/clock.hpp"
#include "net/listen.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace ssdfs::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr auto accept_pause = std::chrono::milliseconds(100);
constexpr auto sweep_interval = std::chrono::seconds(1);
constexpr std::int64_t accept_log_pause_ms = 60'000;
// Of the descriptors, for the connections of one server: files need some as well.
constexpr std::size_t connection_share = 4;

// Handlers of whole requests know Beast's messages; these two translate.
http_request beast_request(const request_head& head) {
  http_request out;
  out.version(head.http_11 ? 11 : 10);
  out.method(head.verb == method::head ? bhttp::verb::head : bhttp::verb::get);
  std::string target(head.path);
  if (!head.query.empty()) target.append("?").append(head.query);
  out.target(target);
  for (const auto& l : head.lines) {
    out.insert(beast::string_view(l.name.data(), l.name.size()),
               beast::string_view(l.value.data(), l.value.size()));
  }
  return out;
}

void answer_with(exchange& to, const http_response& response) {
  std::string fields;
  for (const auto& f : response) {
    // These are the connection's business.
    if (f.name() == bhttp::field::content_length || f.name() == bhttp::field::connection ||
        f.name() == bhttp::field::server || f.name() == bhttp::field::date) {
      continue;
    }
    fields.append(f.name_string().data(), f.name_string().size()).append(": ");
    fields.append(f.value().data(), f.value().size()).append("\r\n");
  }
  to.respond(response.result_int(), fields, response.body());
}

exchange_handler whole_request_handler(handler answer) {
  return [answer = std::move(answer)](const exchange_ptr& e) {
    const request_head& head = e->request();
    if (head.verb != method::get && head.verb != method::head) {
      return e->respond(405, "Allow: GET, HEAD\r\nContent-Type: text/plain\r\n",
                        "method not allowed\n");
    }
    answer_with(*e, answer(beast_request(head)));
  };
}

class listener final : public server {
 public:
  listener(asio::io_context& io, std::size_t max_connections)
      : io_(io),
        strand_(asio::make_strand(io)),
        max_connections_(max_connections),
        sweep_(strand_),
        state_(std::make_shared<server_state>()) {}
  ~listener() override { stop(); }

  void route(std::string path, handler answer) override {
    state_->routes.add(std::move(path), whole_request_handler(std::move(answer)));
  }
  void route_prefix(std::string prefix, exchange_handler answer) override {
    state_->routes.add_prefix(std::move(prefix), std::move(answer));
  }
  const server_stats& stats() const override { return state_->stats; }

  // One socket for each address. Before start().
  boost::system::error_code take(std::vector<net::listening_socket> sockets) {
    address_ = net::listening_text(sockets.front().endpoint());
    boost::system::error_code ec;
    for (net::listening_socket& socket : sockets) {
      doors_.push_back(std::make_unique<door>(strand_));
      doors_.back()->acceptor.assign(socket.endpoint().protocol(), socket.release(), ec);
      if (ec) break;
    }
    return ec;
  }

  void start() override {
    for (const auto& at : doors_) accept(*at);
    sweep();
  }

  std::string address() const override { return address_; }

  void begin_drain() override { state_->draining.store(true, std::memory_order_relaxed); }

  void stop_listening() override {
    {
      const std::lock_guard lock(state_->mutex);
      if (std::exchange(deaf_, true)) return;
    }
    asio::post(strand_, [this, state = state_] {
      boost::system::error_code ignored;  // closing twice is fine
      for (const auto& at : doors_) {
        accept_what_is_there(*at);
        at->acceptor.close(ignored);
        at->pause.cancel();
      }
      const std::lock_guard inner(state->mutex);
      not_listening_ = true;
      state->idle.notify_all();
    });
    std::unique_lock lock(state_->mutex);
    state_->idle.wait(lock, [this] { return not_listening_ && accepting_ == 0; });
  }

  void end_idle() override {
    idle_ended_.store(true, std::memory_order_relaxed);
    for (const auto& c : open_connections()) c->end_if_idle();
  }

  void wait_until_quiet(std::int64_t until_ms) override {
    constexpr auto look_again = std::chrono::milliseconds(5);
    for (;;) {
      if (is_quiet() || io::steady_ms() >= until_ms) return;
      std::unique_lock lock(state_->mutex);
      state_->idle.wait_for(lock, look_again);
    }
  }

  void stop() override {
    if (begin_stop()) {
      asio::post(strand_, [this, state = state_] {
        boost::system::error_code ignored;  // closing twice is fine
        for (const auto& at : doors_) {
          at->acceptor.close(ignored);
          at->pause.cancel();
        }
        sweep_.cancel();
        const std::lock_guard inner(state->mutex);
        closed_ = true;
        state->idle.notify_all();
      });
      for (const auto& c : open_connections()) c->cut();
    }
    std::unique_lock lock(state_->mutex);
    state_->idle.wait(
        lock, [this] { return state_->open.empty() && closed_ && accepting_ == 0 && !sweeping_; });
  }

 private:
  struct door {
    explicit door(const asio::strand<asio::io_context::executor_type>& on)
        : acceptor(on), pause(on) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  bool is_quiet() {
    const auto open = open_connections();
    if (!idle_ended_.load(std::memory_order_relaxed)) return open.empty();
    return std::all_of(open.begin(), open.end(),
                       [](const auto& c) { return c->waits_for_request(); });
  }

  // Closing the socket would reset connections that the system has made already.
  void accept_what_is_there(door& at) {
    net::stop_making_connections(at.acceptor.native_handle());
    boost::system::error_code ec;
    at.acceptor.non_blocking(true, ec);
    while (!ec) {
      tcp::socket socket(io_);
      at.acceptor.accept(socket, ec);
      if (!ec) static_cast<void>(admit(std::move(socket)));
    }
  }

  // False if there are too many.
  bool admit(tcp::socket socket) {
    std::shared_ptr<connection> next;
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->stopping || state_->open.size() >= max_connections_) return false;
      next = std::make_shared<connection>(std::move(socket), state_);
      state_->open.insert(next.get());
    }
    state_->stats.accepted.fetch_add(1, std::memory_order_relaxed);
    next->run();
    return true;
  }

  bool begin_stop() {
    const std::lock_guard lock(state_->mutex);
    return !std::exchange(state_->stopping, true);
  }

  // Held by the caller and let go outside the lock, which a connection's destructor takes. One
  // whose last reference is gone is ending by itself.
  std::vector<std::shared_ptr<connection>> open_connections() {
    std::vector<std::shared_ptr<connection>> out;
    const std::lock_guard lock(state_->mutex);
    for (connection* c : state_->open) {
      if (auto held = c->weak_from_this().lock()) out.push_back(std::move(held));
    }
    return out;
  }

  // Cuts what is too slow.
  void sweep() {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->stopping) return;
      sweeping_ = true;
    }
    sweep_.expires_after(sweep_interval);
    sweep_.async_wait([this, state = state_](boost::system::error_code) {
      const std::int64_t now = io::steady_ns();
      for (const auto& c : open_connections()) {
        if (c->deadline_ns() > now) continue;
        state->stats.timed_out.fetch_add(1, std::memory_order_relaxed);
        c->cut();
      }
      {
        const std::lock_guard lock(state->mutex);
        sweeping_ = false;
        if (state->stopping) {
          state->idle.notify_all();
          return;
        }
      }
      sweep();
    });
  }

  // Room for one more: the one that has been waiting for a request for longest goes, so that many
  // that send nothing do not keep out others.
  void make_room() {
    std::shared_ptr<connection> oldest;
    for (auto& c : open_connections()) {
      if (!c->waits_for_request()) continue;
      if (!oldest || c->deadline_ns() < oldest->deadline_ns()) oldest = std::move(c);
    }
    if (oldest) oldest->cut();
  }

  // Mostly out of descriptors, which may be in the hands of connections that send nothing.
  void accept_failed(const boost::system::error_code& ec) {
    make_room();
    const std::uint64_t times = accept_failures_.happened(io::steady_ms());
    if (times == 0) return;
    SSDFS_LOG(warning) << "HTTP on " << address_ << ": accept: " << ec.message()
                       << (times > 1 ? " (" + std::to_string(times) + " times)" : std::string());
  }

  void accept(door& at) {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->stopping || deaf_) return;
      ++accepting_;
    }
    at.acceptor.async_accept(
        io_, [this, &at, state = state_](boost::system::error_code ec, tcp::socket socket) {
          if (!ec && !admit(std::move(socket))) {
            state->stats.refused.fetch_add(1, std::memory_order_relaxed);
            make_room();
          }
          {
            const std::lock_guard lock(state->mutex);
            --accepting_;
            if (state->stopping || deaf_) {
              state->idle.notify_all();
              return;
            }
          }
          if (!ec || ec == asio::error::connection_aborted) return accept(at);
          accept_failed(ec);
          accept_later(at);  // the next try would fail at once, too
        });
  }

  void accept_later(door& at) {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->stopping || deaf_) return;
      ++accepting_;
    }
    at.pause.expires_after(accept_pause);
    at.pause.async_wait([this, &at, state = state_](boost::system::error_code) {
      {
        const std::lock_guard lock(state->mutex);
        --accepting_;
        if (state->stopping || deaf_) {
          state->idle.notify_all();
          return;
        }
      }
      accept(at);
    });
  }

  asio::io_context& io_;
  const asio::strand<asio::io_context::executor_type> strand_;
  std::vector<std::unique_ptr<door>> doors_;  // on the strand
  std::string address_;
  std::size_t max_connections_;
  seldom accept_failures_{accept_log_pause_ms};  // on the strand
  asio::steady_timer sweep_;                     // likewise
  std::shared_ptr<server_state> state_;
  // Guarded by state_->mutex:
  int accepting_ = 0;  // accepts and pauses that are under way
  bool sweeping_ = false;
  bool closed_ = false;
  bool deaf_ = false;  // accepting ends
  bool not_listening_ = false;
  std::atomic<bool> idle_ended_{false};
};

// As many as were asked for, as far as descriptors allow.
std::size_t connection_limit(std::size_t wanted) {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return wanted;
  return std::clamp<std::size_t>(descriptors.rlim_cur / connection_share, 1, wanted);
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
  auto listening = net::listen_everywhere(address);
  if (!listening) return std::move(listening).error();
  auto out = std::make_unique<listener>(io, connection_limit(max_connections));
  if (const auto ec = out->take(std::move(*listening))) {
    return failure(errc::io, "cannot listen on " + address + ": " + ec.message());
  }
  return std::unique_ptr<server>(std::move(out));
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
