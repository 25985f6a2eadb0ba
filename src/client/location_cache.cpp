#include "client/location_cache.hpp"

#include "base/assert.hpp"
#include "client/core.hpp"
#include "io/clock.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace ssdfs::detail {
namespace {

/// Beyond it everything is forgotten; a hundred million small files are a few thousand volumes.
constexpr std::size_t most_known = 65536;
constexpr std::size_t most_known_replicas = 8;

}  // namespace

/// Waiters of one request. A waiter that leaves becomes a null pointer.
struct location_batch {
  std::vector<volume_id> volumes;
  std::vector<location_waiter*> waiters;
  std::int64_t timeout_ms = 0;
};

location_cache::location_cache(core& owner) : core_(owner) {}

location_cache::~location_cache() = default;

const located_volume* location_cache::find(volume_id volume, std::int64_t now_ns) const {
  const auto found = known_.find(volume);
  if (found == known_.end() || found->second.until_ns <= now_ns) return nullptr;
  return &found->second.where;
}

void location_cache::locate(volume_id volume, std::int64_t timeout_ms, location_waiter& waiter) {
  SSDFS_ASSERT(waiter.batch_ == nullptr);
  if (!collecting_) {
    collecting_ = std::make_unique<location_batch>();
    boost::asio::post(core_.strand(), [self = core_.shared_from_this(), this] {
      if (collecting_) send();
    });
  }
  location_batch& batch = *collecting_;
  if (std::find(batch.volumes.begin(), batch.volumes.end(), volume) == batch.volumes.end()) {
    batch.volumes.push_back(volume);
  }
  batch.waiters.push_back(&waiter);
  batch.timeout_ms = std::max(batch.timeout_ms, timeout_ms);
  waiter.batch_ = &batch;
  if (batch.volumes.size() >= wire::most_located) send();
}

void location_cache::forget(location_waiter& waiter) {
  if (waiter.batch_ == nullptr) return;
  for (location_waiter*& w : waiter.batch_->waiters) {
    if (w == &waiter) w = nullptr;
  }
  waiter.batch_ = nullptr;
}

void location_cache::send() {
  wire::locate_request request;
  request.volumes = collecting_->volumes;
  server& asked = core_.masters().current();
  const net::call_options options{.timeout_ms = collecting_->timeout_ms};
  asked.channel().call(request, options,
                       [self = core_.shared_from_this(), this, &asked,
                        batch = std::move(collecting_)](auto reply) mutable {
                         if (!reply) {
                           failure why = std::move(reply).error();
                           core_.masters().failed(asked, why);
                           return finish(std::move(batch), std::move(why));
                         }
                         answered(*batch, reply->message);
                         finish(std::move(batch), {});
                       });
}

void location_cache::answered(location_batch& batch, const wire::locate_reply& reply) {
  // Even an answer that must not be kept serves those who asked for it.
  constexpr std::int64_t least_ms = 100;
  constexpr std::int64_t most_ms = 10 * 60 * 1000;
  const std::int64_t keep_ms = std::clamp(reply.cache_ms, least_ms, most_ms);
  const std::int64_t until = io::steady_ns() + keep_ms * 1'000'000;
  if (known_.size() > most_known) known_.clear();
  for (const wire::volume_location& where : reply.volumes) {
    if (std::find(batch.volumes.begin(), batch.volumes.end(), where.volume) ==
        batch.volumes.end()) {
      continue;
    }
    entry& e = known_[where.volume];
    e.until_ns = until;
    auto& replicas = e.where.replicas;
    replicas.clear();
    for (const replica_address& r : where.replicas) {
      if (replicas.size() < most_known_replicas) replicas.push_back(&core_.servers().get(r));
    }
    const bool all = where.preferred == 0 || where.preferred > replicas.size();
    e.where.preferred = all ? replicas.size() : where.preferred;
  }
}

void location_cache::finish(std::unique_ptr<location_batch> batch, const result<void>& outcome) {
  for (std::size_t i = 0; i < batch->waiters.size(); ++i) {
    location_waiter* const w = std::exchange(batch->waiters[i], nullptr);
    if (w == nullptr) continue;
    w->batch_ = nullptr;
    w->on_located(outcome);
  }
}

}  // namespace ssdfs::detail
