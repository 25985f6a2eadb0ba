// Moves volumes between the disks of the node, so that they fill up alike.
#pragma once

#include "base/result.hpp"
#include "datanode/byte_rate.hpp"
#include "datanode/hosted_volume.hpp"
#include "io/disk_pool.hpp"
#include "volume/disk_balance.hpp"
#include "volume/volume_set.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace ssdfs::datanode {

/// What has been moved since the start.
struct disk_moves {
  std::uint64_t volumes = 0;
  std::uint64_t bytes = 0;
};

/// Operation: poll() compares the disks' used shares; once two of them differ by more than
/// volume::disk_gap_begin, sealed volumes move, one after the other, until no two differ by more
/// than volume::disk_gap_end or no volume fits. Within a rate; nothing moves before one is set. A
/// volume that could not be moved (it was changed meanwhile, a record is bad) is left alone for ten
/// minutes. Concurrency: public functions from any thread and do not block; a move runs as one job
/// of the background pool, stop() does not wait for it, the pool does.
class disk_balancer {
 public:
  struct parts {
    volume::volume_set& set;
    volume_table& volumes;
    io::disk_pool& background;
    io::disk_pool& disk;                     ///< of the volumes' queues
    std::function<void(volume_id)> changed;  ///< the replica's report may be another now
  };
  explicit disk_balancer(parts p) : parts_(std::move(p)) {}

  /// For a timer of a second or more.
  void poll();
  void stop();
  /// Bytes per second, read and written.
  void set_rate(std::uint64_t bytes_per_s);
  [[nodiscard]] disk_moves moved() const;

 private:
  void run();
  [[nodiscard]] std::optional<volume::disk_move> next();
  void move(const volume::disk_move& what);
  [[nodiscard]] bool keep_rate(std::uint64_t bytes);

  const parts parts_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool running_ = false;                             // under mutex_
  bool stopping_ = false;                            // under mutex_
  byte_rate rate_{0};                                // under mutex_
  std::uint64_t bytes_per_s_ = 0;                    // under mutex_; 0: not set
  disk_moves moved_;                                 // under mutex_
  bool balancing_ = false;                           // the job's own, as the following
  std::map<volume_id, std::int64_t> not_before_ms_;  // steady clock
};

}  // namespace ssdfs::datanode
