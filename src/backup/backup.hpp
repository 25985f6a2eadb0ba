// The backup role: a second copy of the edits log and of the tree, which writes the checkpoints.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace ssdfs::io {
class file_system;
}
namespace ssdfs::http {
class server;
}

namespace ssdfs::backup {

struct backup_options {
  std::string data_dir;              ///< created if missing; locked while the backup lives
  std::string listen = "*:9620";     ///< HOST:PORT; port 0 picks a free one
  std::string advertise;             ///< what others are told; empty: the listening address
  std::string http_address;          ///< told to the master, for people
  std::vector<std::string> masters;  ///< all masters of the cluster; at least one
  std::string name;                  ///< for people
  std::int64_t checkpoint_interval_ms = 3'600'000;
  std::uint64_t checkpoint_txns = 1'000'000;
  std::int64_t checkpoint_retry_ms = 30'000;    ///< after one that failed
  std::uint64_t checkpoint_rate = 96ULL << 20;  ///< bytes a second of an image that is written
  std::uint64_t upload_rate = 16ULL << 20;      ///< and of one that is sent to the master
  std::size_t max_connections = 1000;
  /// Called once, from any thread, when the copy is of no more use (its disk has failed, or its
  /// tree does not follow the log). The process must end.
  std::function<void(const failure&)> on_fatal;
  /// Called while start() loads the copy, now and then, on the thread that called it.
  std::function<void(int percent)> on_progress;
  /// Ends start() early, with errc::shutting_down.
  std::stop_token stop;
  /// Where the data directory is; null: the operating system's files. Outlives the backup.
  io::file_system* files = nullptr;
};

struct readiness_state {
  bool ready = false;
  std::string reason;  ///< one line; empty when ready
};

/// A running backup.
///
/// Operation: start() locks the data directory, listens, loads the copy that is in it, which takes
/// seconds if it is large (who connects meanwhile hears "starting, N %"), and begins to look for
/// the master. A directory of a former master is taken over: it becomes a backup's, and what the
/// master that leads now does not know of it is kept in DIR/diverged. Concurrency: the io_context
/// must be run by one or more threads until stop() has returned. Functions are thread-safe; stop()
/// and the destructor must not be called from a thread of the io_context.
class backup {
 public:
  /// errc::locked, errc::invalid_argument (a datanode's directory, no master), errc::damaged (the
  /// detail says what to do), errc::io (port in use, disk).
  static result<std::unique_ptr<backup>> start(boost::asio::io_context& io, backup_options options);
  /// As stop().
  virtual ~backup() = default;

  [[nodiscard]] virtual std::string address() const = 0;
  [[nodiscard]] virtual node_id node() const = 0;
  /// Ready when it follows a master and is close behind.
  [[nodiscard]] virtual readiness_state readiness() const = 0;
  virtual void set_slow_op_ms(std::int64_t ms) = 0;
  /// Adds the backup's pages: /metrics. `to` is stopped before the backup is.
  virtual void route(http::server& to) = 0;

  /// Ends pulling, makes durable what was taken, gives up a checkpoint that is being written, ends
  /// an upload (the next one goes on where it was), joins.
  virtual void stop() = 0;
};

}  // namespace ssdfs::backup
