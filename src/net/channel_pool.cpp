#include "net/channel.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <mutex>

namespace ssdfs::net {

struct channel_pool::state {
  boost::asio::any_io_executor executor;
  channel_options options;
  std::size_t per_address;
  std::mutex mutex;  // guards what follows
  boost::unordered_flat_map<std::string, std::vector<std::shared_ptr<channel>>> by_address;
  bool stopped = false;
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

std::shared_ptr<channel> channel_pool::get(const std::string& address) {
  const std::lock_guard lock(state_->mutex);
  auto& channels = state_->by_address[address];
  // A new connection is only worth its while if all others are busy.
  std::shared_ptr<channel> best;
  for (const auto& c : channels) {
    if (!best || c->in_flight() < best->in_flight()) best = c;
  }
  if (best && (best->in_flight() == 0 || channels.size() >= state_->per_address)) return best;
  best = channel::make(state_->executor, address, state_->options);
  if (state_->stopped) best->stop();
  channels.push_back(best);
  return best;
}

void channel_pool::stop() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  for (const auto& [address, channels] : state_->by_address) {
    for (const auto& c : channels) c->stop();
  }
}

}  // namespace ssdfs::net
