// Where volumes are.
#pragma once

#include "base/result.hpp"
#include "client/servers.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace ssdfs::detail {

class core;
struct location_batch;

/// Where the replicas of a volume are.
struct located_volume {
  std::vector<server*> replicas;
  /// So many of the first are read from; the others only when those fail.
  std::size_t preferred = 0;
};

/// Somebody who waits for the location of volumes.
class location_waiter {
 public:
  /// The volumes asked for are in the cache now, unless the master does not know them; or why not.
  /// On the strand, never inside locate().
  virtual void on_located(result<void> outcome) = 0;

 protected:
  ~location_waiter() = default;

 private:
  friend class location_cache;
  location_batch* batch_ = nullptr;
};

/// Volume ids with the servers that hold readable replicas, for as long as the master allows.
/// Requests of one turn of the strand travel together. Used on the client's strand.
class location_cache {
 public:
  explicit location_cache(core& owner);
  ~location_cache();

  /// Null if unknown or too old; an empty list if the master knows no readable replica. Valid until
  /// the strand's next turn.
  [[nodiscard]] const located_volume* find(volume_id volume, std::int64_t now_ns) const;
  /// Asks the master and calls back. `timeout_ms` bounds the one request; retrying is the waiter's.
  void locate(volume_id volume, std::int64_t timeout_ms, location_waiter& waiter);
  /// Stops waiting without a call; harmless if it does not wait.
  void forget(location_waiter& waiter);
  /// The answer was of no use: ask again next time.
  void drop(volume_id volume) { known_.erase(volume); }

 private:
  struct entry {
    located_volume where;
    std::int64_t until_ns = 0;
  };
  void send();
  void answered(location_batch& batch, const wire::locate_reply& reply);
  static void finish(std::unique_ptr<location_batch> batch, const result<void>& outcome);

  core& core_;
  boost::unordered_flat_map<volume_id, entry> known_;
  std::unique_ptr<location_batch> collecting_;
};

}  // namespace ssdfs::detail
