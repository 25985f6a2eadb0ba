#include "master/peer_watch.hpp"

#include "net/await.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace ssdfs::master {
namespace {

constexpr std::int64_t ask_interval_ms = 1000;
constexpr std::int64_t ask_timeout_ms = 3000;

// How many have not answered yet.
struct countdown {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t left = 0;
};

}  // namespace

peer_watch::peer_watch(boost::asio::io_context& io, peer_watch_options options)
    : options_(std::move(options)), strand_(boost::asio::make_strand(io)), timer_(strand_) {
  net::channel_options to;
  to.hello.role = wire::peer_role::master;
  to.hello.cluster = options_.cluster;
  to.hello.node = options_.node;
  to.hello.software = "ssdfs " SSDFS_VERSION;
  to.connect_timeout_ms = 1000;
  for (const std::string& address : options_.masters) {
    channels_.push_back(net::channel::make(strand_, address, to));
  }
}

std::optional<newer_master> peer_watch::newer(const net::channel& at, bool we_start) const {
  const wire::hello_reply who = at.server();
  if (who.role != wire::peer_role::master || who.node == options_.node ||
      who.cluster != options_.cluster || who.epoch < options_.epoch) {
    return std::nullopt;
  }
  if (who.epoch == options_.epoch && !we_start && options_.node < who.node) return std::nullopt;
  return newer_master{at.address(), who.epoch};
}

std::optional<newer_master> peer_watch::ask_once(std::int64_t timeout_ms) {
  const auto waiting = std::make_shared<countdown>();
  waiting->left = channels_.size();
  for (const auto& channel : channels_) {
    net::call_options with;
    with.timeout_ms = timeout_ms;
    channel->call(wire::ping_request{}, std::move(with), [waiting](const auto&) {
      const std::lock_guard lock(waiting->mutex);
      --waiting->left;
      waiting->changed.notify_all();
    });
  }
  std::unique_lock lock(waiting->mutex);
  waiting->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms + ask_timeout_ms),
                            [&] { return waiting->left == 0; });
  for (const auto& channel : channels_) {
    if (auto found = newer(*channel, true)) return found;
  }
  return std::nullopt;
}

void peer_watch::start(std::function<void(const newer_master&)> replaced) {
  boost::asio::post(strand_, [self = shared_from_this(), replaced = std::move(replaced)] {
    if (self->stopped_) return;
    self->replaced_ = replaced;
    self->arm();
  });
}

void peer_watch::arm() {
  if (channels_.empty()) return;
  timer_.expires_after(std::chrono::milliseconds(ask_interval_ms));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
    if (ec || self->stopped_) return;
    self->ask_all();
    self->arm();
  });
}

void peer_watch::ask_all() {
  for (const auto& channel : channels_) {
    if (channel->in_flight() > 0) continue;
    net::call_options with;
    with.timeout_ms = ask_timeout_ms;
    channel->call(wire::ping_request{}, std::move(with),
                  [self = shared_from_this(), channel](const auto& answer) {
                    if (self->stopped_ || !self->replaced_ || !answer) return;
                    const auto found = self->newer(*channel, false);
                    if (found) std::exchange(self->replaced_, nullptr)(*found);
                  });
  }
}

void peer_watch::stop() {
  net::run_and_wait(strand_, [this] {
    stopped_ = true;
    replaced_ = nullptr;
    timer_.cancel();
    for (const auto& channel : channels_) channel->stop();
  });
}

}  // namespace ssdfs::master
