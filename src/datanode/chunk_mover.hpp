// Moves chunks of files whose replication class has changed to volumes of the new class.
#pragma once

#include "base/result.hpp"
#include "datanode/byte_rate.hpp"
#include "io/disk_pool.hpp"
#include "net/channel.hpp"
#include "wire/relocate_messages.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace ssdfs::datanode {

/// Operation: poll() asks the master for work and, while there is some, reads chunks from a replica
/// and writes them under their new keys to a chain, as a client does; the master enters what was
/// written. One job of the background pool at a time, within the rate that the master names.
/// Concurrency: poll() and stop() from any thread; stop() does not wait for the job, the pool does.
class chunk_mover {
 public:
  struct parts {
    net::channel_pool& peers;
    io::disk_pool& background;
    /// The master that the node follows now; null if there is none.
    std::function<std::shared_ptr<net::channel>()> master;
  };
  explicit chunk_mover(parts p) : parts_(std::move(p)) {}

  /// For a timer of a second or more.
  void poll();
  void stop();

 private:
  void run();
  [[nodiscard]] bool take_and_move(net::channel& master);
  [[nodiscard]] bool keep_rate(std::uint64_t bytes, std::uint64_t rate_bytes_per_s);
  [[nodiscard]] result<void> move(const wire::relocation& what);

  const parts parts_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool running_ = false;                // under mutex_
  bool stopping_ = false;               // under mutex_
  std::uint64_t rate_bytes_per_s_ = 0;  // the job's own
  byte_rate rate_{0};                   // the job's own
};

}  // namespace ssdfs::datanode
