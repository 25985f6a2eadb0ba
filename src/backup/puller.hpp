// Follows the master: pulls its edits, says what is durable here, and does what the master advises.
#pragma once

#include "backup/replica.hpp"
#include "base/result.hpp"
#include "io/file.hpp"
#include "net/channel.hpp"
#include "wire/journal_messages.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace ssdfs::backup {

struct puller_options {
  replica_options copy;
  std::vector<std::string> masters;  ///< at least one
  node_id node;
  std::uint64_t incarnation = 0;
  std::string name;
  std::string http;
  std::uint32_t wait_ms = 5000;  ///< how long the master may hold a pull back
  std::int64_t retry_min_ms = 100;
  std::int64_t retry_max_ms = 2000;
  /// The first master has been found: keep the cluster. On the puller's thread.
  std::function<result<void>(cluster_id)> joined;
  std::function<void(const journal::image_file&)> on_image;
  std::function<void(const failure&)> on_fatal;
  std::function<void(int percent)> on_progress;  ///< of start()
  std::stop_token stop;                          ///< ends start() early
};

/// How the following goes.
struct pull_status {
  bool connected = false;   ///< the last pull was answered
  std::string master;       ///< that is followed, or tried
  std::string problem;      ///< why not connected
  txid master_durable;      ///< as far as is known
  std::int64_t lag_ms = 0;  ///< since when something of that is not in the tree; 0: nothing
};

/// Operation: one thread connects to one master after the other until one answers, and follows it
/// as long as it does. Calls block that thread; stop() ends them. When it must, the copy is closed,
/// shortened or replaced by an image, and opened again.
///
/// Concurrency: public functions are thread-safe. stop() not from a thread of the io_context.
class puller : public std::enable_shared_from_this<puller> {
 public:
  puller(boost::asio::io_context& io, io::file_system& fs, puller_options options,
         cluster_id cluster);

  /// What others are told of where we listen: `advertised`, or if that is empty `bound`, with our
  /// end of the connection for a wildcard. Before start().
  void told(std::string advertised, const std::string& bound);
  /// Opens the copy; blocks, seconds if it is large; errors as replica::open. Then starts the
  /// thread.
  result<void> start();
  void stop();

  [[nodiscard]] pull_status status() const;
  /// The copy of now: null for moments, while it is replaced.
  [[nodiscard]] std::shared_ptr<replica> copy() const;
  [[nodiscard]] cluster_id cluster() const;
  /// Highest epoch heard of.
  [[nodiscard]] epoch_t epoch() const;

 private:
  /// One connection to one master.
  struct session {
    std::shared_ptr<net::channel> channel;
    std::string hint;      ///< address of the leader, as the master that was asked says
    std::string line;      ///< pieces of a line that is longer than a body
    bool matched = false;  ///< the master has accepted our place once
  };

  [[nodiscard]] std::string advertised() const;
  void run();
  [[nodiscard]] failure follow(const std::string& address, session& s);
  result<void> pull_once(session& s);
  result<void> take(session& s, const wire::pull_edits_reply& answer, bytes_view body);
  result<void> append(session& s, const wire::pull_edits_reply& answer, bytes_view body);
  result<void> truncate(txid to);
  result<void> fetch_image(session& s);
  result<std::string> download(session& s);
  result<void> open_copy(std::function<void(int percent)> on_progress = {});
  void close_copy();
  result<void> settle_log();
  result<void> check_reign(const wire::pull_edits_reply& answer);
  void heard(epoch_t epoch);
  void note_lag(txid master_durable);
  void durable_moved(txid upto);
  void send_ack();
  void set_problem(const std::string& address, const failure& why);
  [[nodiscard]] bool pause(std::int64_t ms);
  [[nodiscard]] bool stopping() const;

  boost::asio::io_context& io_;
  io::file_system& fs_;
  const puller_options options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<replica> copy_;          // under mutex_, as all that follows
  std::shared_ptr<net::channel> channel_;  // to the master that is followed
  bool matched_ = false;                   // acknowledgements count
  bool ack_on_way_ = false;
  txid acked_;
  pull_status status_;
  std::int64_t behind_since_ms_ = 0;  // 0: not behind
  epoch_t epoch_;
  node_id leader_;  // of epoch_, if known
  cluster_id cluster_;
  std::string local_;       // our end of the connection
  std::string advertised_;  // constant from start() on, as port_; empty: local_ with port_
  std::uint16_t port_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ssdfs::backup
