#include "net/channel.hpp"
#include "net/channel_impl.hpp"
#include "net/idle_set.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace ssdfs::net {

// All channels to one server.
struct channel_pool::group {
  explicit group(std::size_t most) : idle(std::make_shared<idle_set>(most)) {}
  std::vector<std::shared_ptr<channel>> channels;
  std::shared_ptr<idle_set> idle;
  std::size_t next = 0;  // for turns while all are busy
};

struct channel_pool::state {
  boost::asio::any_io_executor executor;
  channel_options options;
  std::size_t per_address;
  std::mutex mutex;  // guards what follows
  boost::unordered_flat_map<std::pair<std::string, node_id>, group> by_server;
  bool stopped = false;

  group& group_of(const std::string& address, node_id node) {
    return by_server.try_emplace({address, node}, per_address).first->second;
  }
  const std::shared_ptr<channel>& add(group& to, const std::string& address, node_id node) {
    channel_options its = options;
    its.hello.expected = node;
    auto made = std::make_shared<channel_impl>(executor, address, std::move(its),
                                               idle_mark(to.idle, to.channels.size()));
    // As channel::make: pending operations keep it alive, what is given out keeps it running.
    channel* const raw = made.get();
    to.channels.emplace_back(raw, [made = std::move(made)](channel*) { made->stop(); });
    if (stopped) raw->stop();
    return to.channels.back();
  }
};

channel_pool::channel_pool(boost::asio::any_io_executor executor, channel_options options,
                           std::size_t per_address)
    : state_(new state{std::move(executor),
                       std::move(options),
                       std::max<std::size_t>(per_address, 1),
                       {},
                       {},
                       false}) {}

channel_pool::~channel_pool() { stop(); }

std::shared_ptr<channel> channel_pool::get(const std::string& address, node_id node) {
  const std::lock_guard lock(state_->mutex);
  group& to = state_->group_of(address, node);
  if (const std::size_t i = to.idle->first(); i < to.channels.size()) return to.channels[i];
  if (to.channels.size() < state_->per_address) return state_->add(to, address, node);
  // All are busy. The better of the next two in turn: near enough to the least loaded of all.
  const auto& one = to.channels[to.next];
  to.next = (to.next + 1) % to.channels.size();
  const auto& other = to.channels[to.next];
  return other->in_flight() < one->in_flight() ? other : one;
}

std::vector<std::shared_ptr<channel>> channel_pool::all(const std::string& address, node_id node) {
  const std::lock_guard lock(state_->mutex);
  group& to = state_->group_of(address, node);
  while (to.channels.size() < state_->per_address) state_->add(to, address, node);
  return to.channels;
}

void channel_pool::stop() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  for (const auto& [server, to] : state_->by_server) {
    for (const auto& c : to.channels) c->stop();
  }
}

}  // namespace ssdfs::net
