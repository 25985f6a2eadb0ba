// Looks whether another master of the list leads in a higher epoch.
#pragma once

#include "base/ids.hpp"
#include "net/channel.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::master {

struct peer_watch_options {
  std::vector<std::string> masters;  ///< addresses; our own may be among them
  node_id node;
  cluster_id cluster;
  epoch_t epoch;
};

/// A master that leads in a higher epoch, or in the same one, if two were promoted.
struct newer_master {
  std::string address;
  epoch_t epoch;
};

/// Operation: asks each address once a second who it is. A master of this cluster with a higher
/// epoch was promoted: this one must stop. Of two in one epoch the one that comes later must stop,
/// or, when neither does, the one with the higher node id.
/// Concurrency: handlers run on a strand of its own. Shared, for its handlers.
class peer_watch : public std::enable_shared_from_this<peer_watch> {
 public:
  peer_watch(boost::asio::io_context& io, peer_watch_options options);

  /// Asks all, and waits for the answers for at most `timeout_ms`. Before start(). Blocks; not on
  /// an io thread.
  [[nodiscard]] std::optional<newer_master> ask_once(std::int64_t timeout_ms);
  /// Calls `replaced` once, on the strand, when a newer master is found.
  void start(std::function<void(const newer_master&)> replaced);
  /// Not from an io thread.
  void stop();

 private:
  void ask_all();
  void arm();
  [[nodiscard]] std::optional<newer_master> newer(const net::channel& at, bool we_start) const;

  const peer_watch_options options_;
  boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  boost::asio::steady_timer timer_;
  std::vector<std::shared_ptr<net::channel>> channels_;
  std::function<void(const newer_master&)> replaced_;
  bool stopped_ = false;  // on the strand
};

}  // namespace ssdfs::master
