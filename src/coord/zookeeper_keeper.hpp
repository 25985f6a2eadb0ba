// Keeps a connection to ZooKeeper and knows what is at the register's node. The part of
// zookeeper_register that lives on a thread of its own.
#pragma once

#include "coord/digest_file.hpp"
#include "coord/server_finder.hpp"
#include "coord/shared_register.hpp"
#include "coord/wakeup.hpp"
#include "coord/zookeeper_address.hpp"
#include "coord/zookeeper_link.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::coord {

struct zookeeper_options {
  zookeeper_address address;
  std::optional<digest_credentials> auth;  ///< without: the register is open to everybody
  register_judge judge;                    ///< required

  /// What the server is asked for; it takes at least two of its ticks.
  std::int64_t session_ms = 4'000;
  /// A server that is silent for so long after a call is left for another.
  std::int64_t silence_ms = 1'000;
  /// For the look-up of names, a server's answer to `srvr`, and the opening of a session: each.
  std::int64_t connect_ms = 1'000;
  /// Between two looks at the register.
  std::int64_t poll_ms = 1'000;
  /// Pauses between rounds of attempts: the first, doubling up to the last, a quarter more or less
  /// at random.
  std::int64_t retry_first_ms = 100;
  std::int64_t retry_last_ms = 2'000;
};

/// Operation: run() connects and stays connected until stop(). Calls use the connection that there
/// is at that moment, or fail.
/// Concurrency: one thread, that of the io_context; `closer` runs what blocks while a link is
/// closed. The owner runs the io_context until it has no work left, joins `closer`, and destroys
/// this then.
class zookeeper_keeper {
 public:
  zookeeper_keeper(boost::asio::io_context& io, boost::asio::thread_pool& closer,
                   const zookeeper_options& options, std::function<void(register_view)> show);

  boost::asio::awaitable<void> run();
  void stop();
  void use_servers(std::vector<server_address> servers);

  boost::asio::awaitable<result<register_value>> read(std::int64_t within_ms);
  boost::asio::awaitable<set_result> set(std::int64_t replaced, std::string content,
                                         std::int64_t within_ms);
  boost::asio::awaitable<set_result> create(std::string content, std::int64_t within_ms);

 private:
  using link_ptr = std::shared_ptr<zookeeper_link>;
  struct look_result {
    answer_code code = answer_code::lost;  // ok: the rest was found out
    register_state state = register_state::connecting;
    std::string problem;
    std::optional<register_value> value;  // if the state is usable
  };
  struct acl_verdict {
    std::int64_t created = -1;  // of the node and the ACL that it is about
    std::int64_t acl_version = -1;
    register_state state = register_state::ready;
    std::string problem;
  };

  boost::asio::awaitable<bool> connect();
  boost::asio::awaitable<std::string> open_link(const server_finder::candidate& to);
  boost::asio::awaitable<void> stay_connected();
  void retire(const link_ptr& link);
  [[nodiscard]] std::int64_t pause_ms() const;

  boost::asio::awaitable<look_result> look(link_ptr link, std::int64_t within_ms);
  boost::asio::awaitable<answer_code> judge_absence(link_ptr link, std::int64_t within_ms,
                                                    look_result& out);
  boost::asio::awaitable<answer_code> judge_acl(link_ptr link, const node_answer& node,
                                                std::int64_t within_ms, look_result& out);
  void judge_content(node_answer node, look_result& out) const;
  void note(const look_result& seen);

  void show(register_state state, std::string problem,
            std::optional<std::int64_t> version = std::nullopt);
  [[nodiscard]] std::optional<set_result> refuse_content(const std::string& content) const;
  [[nodiscard]] bool live() const noexcept { return link_ != nullptr && link_->connected(); }
  [[nodiscard]] set_result no_connection() const;

  boost::asio::io_context& io_;
  boost::asio::thread_pool& closer_;
  const zookeeper_options& options_;
  const std::string path_;
  const std::string parent_;
  const std::function<void(register_view)> show_;
  std::vector<server_address> servers_;
  bool servers_changed_ = false;
  bool stopping_ = false;

  server_finder finder_;
  wakeup link_changed_;  // waited for while a link is opened
  wakeup poll_;          // waited for between looks
  wakeup pause_;         // waited for between rounds
  int failures_ = 0;     // rounds in a row that brought nothing
  int closing_ = 0;      // links that closer_ has
  bool auth_refused_ = false;
  std::string left_;  // server of the last link: tried last, for there was a reason to leave it

  link_ptr opening_;    // the last one that was not opened in vain, yet
  link_ptr link_;       // connected and authenticated, or null
  std::string server_;  // of link_
  std::int64_t looked_ms_ = 0;
  acl_verdict acl_;                   // of the last look at the ACLs over link_
  std::optional<std::int64_t> seen_;  // version of the newest value seen, if usable
  std::uint64_t changes_ = 0;         // that were made: what was read before one is old
  register_view shown_;
};

}  // namespace ssdfs::coord
