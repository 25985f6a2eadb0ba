// The master role: the namespace, the edits log, grants, and the cluster of datanodes.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "ssdfs/limits.hpp"
#include "wire/admin_messages.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace ssdfs::http {
class server;
}
namespace ssdfs::io {
class file_system;
}

namespace ssdfs::master {

struct master_options {
  std::string data_dir;              ///< created if missing; locked while the master lives
  std::string listen = "*:9600";     ///< HOST:PORT; port 0 picks a free one
  std::string advertise;             ///< what others are told; empty: the listening address
  std::uint8_t replication = 2;      ///< copies wanted where the caller does not say
  std::uint8_t min_replication = 1;  ///< fewer live datanodes refuse writes
  std::uint64_t volume_size = std::uint64_t{1} << 30;
  std::uint64_t chunk_size = default_chunk_size;
  std::int64_t heartbeat_interval_ms = 1000;
  std::int64_t stale_after_ms = 5000;
  std::int64_t dead_after_ms = 600'000;
  std::int64_t trash_expiry_ms = 86'400'000;
  std::int64_t delete_grace_ms = 300'000;
  std::int64_t safemode_max_ms = 2'400'000;
  std::int64_t session_ms = 30'000;    ///< how long grants outlive a client's last connection
  std::uint32_t min_sync_backups = 0;  ///< backups that have to hold a change before it is answered
  /// Takes a backup's directory over; the epoch jumps to the next multiple of 256.
  bool promote = false;
  /// Other masters' addresses: one of them that leads in a higher epoch ends this one. Our own may
  /// be among them.
  std::vector<std::string> masters;
  std::uint64_t repair_rate = 200ULL << 20;
  std::uint64_t scrub_rate = 20ULL << 20;
  std::uint64_t rebalance_rate = 100ULL << 20;
  bool permissions = false;
  std::int64_t slow_op_ms = 500;  ///< log line for operations that take longer; 0: none
  std::size_t max_connections = 10000;
  /// Answered to admin_config as it is.
  std::vector<wire::config_entry> config;
  /// Called once, from any thread, when the master cannot go on (the edits log is fenced). The
  /// process must end: what was not answered may or may not be durable.
  std::function<void(const failure&)> on_fatal;
  /// Called while the state is loaded, with 0 to 100, from the thread that start() was called on
  /// and from others, one at a time.
  std::function<void(int percent)> on_progress;
  /// Ends start() early, with errc::shutting_down.
  std::stop_token stop;
  /// Without a connected backup an image is made when so much time has passed and so many records
  /// that change something were logged since the last one; 0: not by itself.
  std::int64_t checkpoint_interval_ms = 3'600'000;
  std::int64_t checkpoint_retry_ms = 30'000;  ///< after one that failed
  std::uint64_t checkpoint_txns = 1'000'000;
  /// The program that makes it: called with "image checkpoint DIR TXID". Empty: none.
  std::string checkpoint_program;
  /// How old, in log time, a segment must be before it is dropped.
  std::int64_t segment_age_ms = 86'400'000;
  /// Where the data directory is; null: the operating system's files. Outlives the master.
  io::file_system* files = nullptr;
};

/// Whether the master can do its job, and if not, why (for /readyz).
struct readiness_state {
  bool ready = false;
  std::string reason;  ///< one line; empty when ready
};

/// A running master.
///
/// Operation: start() locks the data directory and listens; whoever connects is told that the
/// master is starting and how far it is. It loads the newest image, replays the edits log and
/// begins a new epoch, durably. When it returns, the master answers, also in safe mode.
/// Concurrency: the io_context must be run by one or more threads until stop() has returned. The
/// namespace is touched on one strand only; disk writes of the log happen on the journal's own
/// thread. Functions are thread-safe; stop() and the destructor must not be called from a thread
/// of the io_context.
class master {
 public:
  /// errc::locked, errc::wrong_cluster or errc::invalid_argument (a directory of another role),
  /// errc::damaged (the edits log; the detail names segment, offset, txid and what to do),
  /// errc::io (port in use, disk).
  static result<std::unique_ptr<master>> start(boost::asio::io_context& io, master_options options);
  /// As stop().
  virtual ~master() = default;

  [[nodiscard]] virtual std::string address() const = 0;
  [[nodiscard]] virtual node_id node() const = 0;
  [[nodiscard]] virtual cluster_id cluster() const = 0;
  [[nodiscard]] virtual readiness_state readiness() const = 0;
  virtual void set_slow_op_ms(std::int64_t ms) = 0;
  /// Bounds of repair, scrubbing and rebalancing, in bytes per second and node.
  virtual void set_rates(std::uint64_t repair, std::uint64_t scrub, std::uint64_t rebalance) = 0;
  /// False if the namespace strand hangs.
  [[nodiscard]] virtual bool alive() const = 0;
  /// Adds the master's pages: /metrics, the dashboard and the JSON behind it. `to` is stopped
  /// before the master is.
  virtual void route(http::server& to) = 0;

  /// Takes no new requests, makes durable and answers what is under way, closes the log, joins.
  virtual void stop() = 0;
};

}  // namespace ssdfs::master
