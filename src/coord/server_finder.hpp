// Finds those of ZooKeeper's servers that answer and can serve.
#pragma once

#include "coord/wakeup.hpp"
#include "coord/zookeeper_address.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::coord {

/// Operation: begin() asks all servers at once, by ZooKeeper's command `srvr` on a connection of
/// its own, and next() gives those that serve, in the order in which they have answered, until all
/// have answered or failed. So a server that hangs, is down, or has lost its majority costs no time
/// where another serves, and is named with its reason where none does. A server that does not take
/// the command counts as one that serves.
///
/// Names are looked up anew in each round, but a round does not wait longer for that than for an
/// answer; a name's last addresses are used meanwhile.
///
/// Concurrency: one thread, that of the io_context. Look-ups run on threads of their own, one a
/// name, that nobody waits for: the resolver knows no deadline.
class server_finder {
 public:
  struct candidate {
    std::string server;  ///< as it was given
    boost::asio::ip::tcp::endpoint endpoint;
  };

  server_finder(boost::asio::io_context& io, std::int64_t within_ms);
  ~server_finder();
  server_finder(const server_finder&) = delete;
  server_finder& operator=(const server_finder&) = delete;

  void begin(const std::vector<server_address>& servers);
  boost::asio::awaitable<std::optional<candidate>> next();
  /// A candidate turned out to be none.
  void rejected(const candidate& who, const std::string& why);
  /// "HOST:PORT: why, HOST:PORT: why", of those that do not serve.
  [[nodiscard]] std::string reasons() const;
  /// Ends the round; next() gives nothing any more.
  void stop();

 private:
  using tcp = boost::asio::ip::tcp;
  using endpoints = std::vector<tcp::endpoint>;
  struct mailbox;  // what a look-up posts to, while the finder lives
  struct asking;   // one connection to one address
  struct server_status {
    int open = 0;  // connections and look-ups that may still give an answer
    std::string why;
  };

  void end_round();
  void look_up(const server_address& server);
  void looked_up(const server_address& server, endpoints found, const std::string& why);
  void ask(const std::string& server, const endpoints& at);
  void settled(const std::string& server, std::uint64_t round, const tcp::endpoint& at,
               const std::string& why);

  boost::asio::io_context& io_;
  const std::int64_t within_ms_;
  std::shared_ptr<mailbox> mailbox_;
  std::map<std::string, endpoints> known_;  // of names, as looked up last
  std::map<std::string, bool> looking_;     // a look-up is under way
  std::uint64_t round_ = 0;
  std::map<std::string, server_status> servers_;
  std::vector<std::weak_ptr<asking>> asked_;
  std::deque<candidate> ready_;
  wakeup changed_;
  boost::asio::steady_timer deadline_;  // of the round
  bool late_ = false;
};

/// What a server's answer to `srvr` says: empty if it serves, else why it does not.
[[nodiscard]] std::string problem_in_answer(std::string_view answer);

}  // namespace ssdfs::coord
