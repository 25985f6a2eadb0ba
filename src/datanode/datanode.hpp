// The datanode role: volumes on disks behind the binary protocol, and its membership in a cluster.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "volume/volume.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ssdfs::http {
class local_chunks;
class server;
}  // namespace ssdfs::http
namespace ssdfs::io {
class file_system;
}

namespace ssdfs::datanode {

/// One disk.
struct data_dir {
  std::string path;                  ///< created if missing
  std::uint64_t capacity_bytes = 0;  ///< bytes that SSDFS may use there; 0: the whole disk
};

using volume::sync_policy;

struct datanode_options {
  std::vector<data_dir> data_dirs;   ///< at least one
  std::string listen = "*:9610";     ///< HOST:PORT; port 0 picks a free one
  std::string advertise;             ///< what others are told; empty: the address that it listens
                                     ///< on, for a wildcard the local address towards the master
  std::string http_address;          ///< told to others as it is; empty: no HTTP
  std::vector<std::string> masters;  ///< HOST:PORT of all masters; empty: runs without one
  std::string name;                  ///< for people; empty: host name and port
  std::string rack = "/default";
  sync_policy sync = sync_policy::interval;
  std::int64_t sync_interval_ms = 1000;
  /// Kept free on each disk: this share of it, or `reserved_bytes` if the share is 0.
  double reserved_percent = 2.0;
  std::uint64_t reserved_bytes = 0;
  std::int64_t slow_op_ms = 500;  ///< log line for operations that take longer; 0: none
  /// Deadline of each call down a chain, below the client's own (5 s). A member that does not
  /// answer at all is given up after 0.6 s.
  std::int64_t chain_timeout_ms = 4000;
  std::int64_t stop_timeout_ms = 5000;  ///< what is in flight may take this long at a stop
  std::size_t disk_threads = 4;
  std::size_t max_connections = 10000;
  /// Where the disks are; null: the operating system's files. Outlives the datanode.
  io::file_system* files = nullptr;
};

/// Whether the node can do its job, and if not, why (for /readyz).
struct readiness_state {
  bool ready = false;
  std::string reason;  ///< one line; empty when ready
};

/// Latency and count of one operation since the start, in microseconds.
struct operation_stats {
  std::string operation;  ///< "read_chunk", "write_chunk", ...
  std::uint64_t count = 0;
  std::uint64_t errors = 0;
  std::uint64_t sum_us = 0;
  std::uint64_t p50_us = 0;
  std::uint64_t p95_us = 0;
  std::uint64_t p99_us = 0;
  std::uint64_t p999_us = 0;
  std::uint64_t max_us = 0;
};

/// What the node stores and does, for metrics and reports.
struct datanode_stats {
  std::uint64_t volumes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t failed_disks = 0;
  std::vector<operation_stats> operations;
};

/// A running datanode.
///
/// Operation: start() locks and opens the data directories (recovering volumes that were not closed
/// cleanly), listens, and returns; from then on the node answers, with a master or without. It
/// registers with the first master of its list that leads, and keeps doing so for ever.
/// Concurrency: the io_context must be run by one or more threads for as long as the datanode
/// lives, until stop() has returned. Every function is thread-safe, but stop() and the destructor
/// must not be called from a thread of the io_context.
class datanode {
 public:
  /// errc::locked: a data directory is in use; errc::wrong_cluster or errc::invalid_argument: a
  /// directory belongs to another cluster, node or role; errc::io: the port is in use, or no data
  /// directory can be used. The detail says which and why.
  static result<std::unique_ptr<datanode>> start(boost::asio::io_context& io,
                                                 datanode_options options);
  /// As stop().
  virtual ~datanode() = default;

  /// The bound address, "HOST:PORT", with the real port if 0 was asked for.
  [[nodiscard]] virtual std::string address() const = 0;
  /// Identity of the node, kept in its data directories.
  [[nodiscard]] virtual node_id node() const = 0;
  /// Ready when it is registered with a master and a disk works. (Listening and answering begins
  /// with start(), registered or not.)
  [[nodiscard]] virtual readiness_state readiness() const = 0;
  [[nodiscard]] virtual datanode_stats stats() const = 0;

  /// Adds the node's pages: /metrics. `to` is stopped before the node is.
  virtual void route(http::server& to) = 0;
  /// What is stored here, for HTTP. Valid as long as the datanode; nothing may be asked of it after
  /// stop().
  [[nodiscard]] virtual http::local_chunks& chunks() = 0;
  /// Nil until the node has joined one.
  [[nodiscard]] virtual cluster_id cluster() const = 0;

  /// Log threshold for slow operations, changed at run time.
  virtual void set_slow_op_ms(std::int64_t ms) = 0;

  /// Tells the master that the node is about to end: it gives no more volumes or grants with it,
  /// and names it last to readers. Everything is still answered. Returns when the master has heard
  /// it, after half a second at the latest. For a stop that nobody is to notice; stop() follows.
  virtual void say_goodbye() = 0;
  /// Takes no new connections, finishes what is in flight (at most stop_timeout_ms), syncs the
  /// volumes, writes index checkpoints and joins. May be called again.
  virtual void stop() = 0;
};

}  // namespace ssdfs::datanode
