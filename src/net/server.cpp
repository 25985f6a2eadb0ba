#include "net/server.hpp"

#include "base/log.hpp"
#include "base/seldom.hpp"
#include "io/clock.hpp"
#include "net/listen.hpp"
#include "net/session.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace ssdfs::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr std::int64_t complaint_pause_ms = 60'000;

std::string times_text(std::uint64_t times) {
  return times > 1 ? " (" + std::to_string(times) + " times)" : "";
}

class server_impl final : public server, public session_host {
 public:
  using executor = asio::io_context::executor_type;
  using acceptor_type = asio::basic_socket_acceptor<tcp, executor>;

  server_impl(asio::io_context& context, service& to, server_options o)
      : session_host(context, to, options_), options_(std::move(o)), timer_(context) {}
  ~server_impl() override { stop(); }

  result<void> open();
  std::string address() const override { return address_; }
  const server_metrics& metrics() const noexcept override { return *session_host::metrics; }
  void start() override;
  void stop_accepting() override;
  void stop() override;
  void ended(session& s) noexcept override;

 private:
  // Under mutex_.
  struct door {
    explicit door(asio::io_context& context) : acceptor(context) {}
    acceptor_type acceptor;
    bool accept_failed = false;  // out of descriptors: the tick tries again
  };

  void accept(door& at);
  void tick_later();

  void accepted(door& at, const error_code& ec, session::socket_type socket);
  void tick();
  [[nodiscard]] bool quiet() const noexcept { return sessions_.empty() && operations_ == 0; }

  server_options options_;
  std::string address_;
  std::int64_t tick_ms_ = 1000;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<door>> doors_;  // one an address; the same ones from open() on
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, executor>
      timer_;
  boost::unordered_flat_map<session*, std::shared_ptr<session>> sessions_;
  int operations_ = 0;  // accept and tick that are pending or running
  bool accepting_ = false;
  bool stopped_ = false;
  seldom refusals_{complaint_pause_ms};
  seldom accept_failures_{complaint_pause_ms};
};

result<void> server_impl::open() {
  auto listening = listen_everywhere(options_.listen);
  if (!listening) return std::move(listening).error();
  address_ = listening_text(listening->front().endpoint());
  for (listening_socket& socket : *listening) {
    doors_.push_back(std::make_unique<door>(io));
    error_code ec;
    doors_.back()->acceptor.assign(socket.endpoint().protocol(), socket.release(), ec);
    if (ec) return failure(errc::io, "cannot listen on " + options_.listen + ": " + ec.message());
  }
  const std::int64_t shortest = std::min({options_.handshake_timeout_ms, options_.frame_timeout_ms,
                                          options_.idle_timeout_ms, 4 * session::sign_of_life_ms});
  tick_ms_ = std::clamp<std::int64_t>(shortest / 4, 10, 1000);
  return {};
}

void server_impl::start() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || accepting_) return;
  accepting_ = true;
  for (const auto& at : doors_) accept(*at);
  tick_later();
}

void server_impl::accept(door& at) {
  ++operations_;
  at.accept_failed = false;
  at.acceptor.async_accept([this, &at](const error_code& ec, session::socket_type socket) {
    accepted(at, ec, std::move(socket));
  });
}

void server_impl::accepted(door& at, const error_code& ec, session::socket_type socket) {
  std::shared_ptr<session> added;
  const std::lock_guard lock(mutex_);
  if (!ec && !stopped_) {
    if (sessions_.size() < options_.max_connections) {
      added = std::make_shared<session>(*this, std::move(socket));
      sessions_.emplace(added.get(), added);
      session_host::metrics->accepted.fetch_add(1, std::memory_order_relaxed);
      session_host::metrics->open.fetch_add(1, std::memory_order_relaxed);
      added->start(io::steady_ms());
    } else {
      session_host::metrics->refused.fetch_add(1, std::memory_order_relaxed);
      if (const auto times = refusals_.happened(io::steady_ms()); times != 0) {
        SSDFS_LOG(warning) << address_ << ": refused a connection: there are "
                           << options_.max_connections << " already" << times_text(times);
      }
    }
  }
  if (accepting_) {
    if (!ec || ec == asio::error::connection_aborted) {
      accept(at);
    } else {
      if (const auto times = accept_failures_.happened(io::steady_ms()); times != 0) {
        SSDFS_LOG(warning) << address_ << ": accept: " << ec.message() << times_text(times);
      }
      at.accept_failed = true;
    }
  }
  --operations_;
  changed_.notify_all();
}

void server_impl::tick_later() {
  ++operations_;
  timer_.expires_after(std::chrono::milliseconds(tick_ms_));
  timer_.async_wait([this](const error_code&) { tick(); });
}

void server_impl::tick() {
  const std::lock_guard lock(mutex_);
  if (!stopped_) {
    const std::int64_t now_ms = io::steady_ms();
    for (const auto& [at, s] : sessions_) at->check(now_ms);
    for (const auto& at : doors_) {
      if (accepting_ && at->accept_failed) accept(*at);
    }
    tick_later();
  }
  --operations_;
  changed_.notify_all();
}

void server_impl::ended(session& s) noexcept {
  std::shared_ptr<session> last;  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  if (const auto found = sessions_.find(&s); found != sessions_.end()) {
    last = std::move(found->second);
    sessions_.erase(found);
    session_host::metrics->open.fetch_sub(1, std::memory_order_relaxed);
  }
  changed_.notify_all();
}

void server_impl::stop_accepting() {
  const std::lock_guard lock(mutex_);
  accepting_ = false;
  error_code ignored;  // the descriptor is gone either way
  for (const auto& at : doors_) at->acceptor.close(ignored);
}

void server_impl::stop() {
  using namespace std::chrono_literals;
  stop_accepting();
  std::unique_lock lock(mutex_);
  stopped_ = true;
  timer_.cancel();
  for (const auto& [at, s] : sessions_) at->close_gently();
  // Peers that read get their last answers; one that does not is not waited for.
  changed_.wait_for(lock, 300ms, [&] { return quiet() || io.stopped(); });
  for (const auto& [at, s] : sessions_) at->close();
  while (!quiet() && !io.stopped()) changed_.wait_for(lock, 20ms);
}

}  // namespace

result<std::unique_ptr<server>> server::listen(boost::asio::io_context& io, service& handler,
                                               server_options options) {
  auto out = std::make_unique<server_impl>(io, handler, std::move(options));
  SSDFS_TRY(out->open());
  return std::unique_ptr<server>(std::move(out));
}

}  // namespace ssdfs::net
