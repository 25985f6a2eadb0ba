// The servers that the client talks to, and what it remembers about their health.
#pragma once

#include "base/orders.hpp"
#include "net/channel.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::detail {

/// One address and who is expected there. Lives as long as the client's core. Used on the client's
/// strand.
class server {
 public:
  server(std::string address, node_id node, net::channel_pool& pool, bool one_channel);

  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  /// Nil if whoever answers will do (a master).
  [[nodiscard]] node_id node() const noexcept { return node_; }
  /// The channel for the next call: the only one, or the least loaded of several. Lives as long as
  /// the pool.
  [[nodiscard]] net::channel& channel();

  /// A call failed in a way that speaks of the server (no connection, no answer, bad bytes): it is
  /// avoided for two seconds, doubled with every further failure up to a minute; if it was `mute`
  /// (no connection, no answer), until a call succeeds. True if it has just become mute: somebody
  /// should see when it is back.
  [[nodiscard]] bool failed(std::int64_t now_ns, bool mute);
  /// A call takes unusually long. Two of them without a success between them, and the server is
  /// avoided for a second: its machine may be gone, which shows itself by nothing else for seconds.
  void slow(std::int64_t now_ns) noexcept;
  /// A call succeeded.
  void succeeded() noexcept {
    failures_ = 0;
    slow_ = 0;
    avoided_until_ns_ = 0;
    mute_ = false;
  }
  [[nodiscard]] bool mute() const noexcept { return mute_; }
  [[nodiscard]] bool avoided(std::int64_t now_ns) const noexcept {
    return mute_ || now_ns < avoided_until_ns_;
  }

 private:
  std::string address_;
  node_id node_;
  net::channel_pool& pool_;
  std::shared_ptr<net::channel> only_;  // null if the pool keeps several
  std::uint32_t failures_ = 0;
  std::uint32_t slow_ = 0;  // calls since the last success
  std::int64_t avoided_until_ns_ = 0;
  bool mute_ = false;
};

/// All servers by address and node. Used on the client's strand.
class server_table {
 public:
  server_table(net::channel_pool& pool, bool one_channel)
      : pool_(pool), one_channel_(one_channel) {}

  /// Never fails; the reference stays valid.
  [[nodiscard]] server& get(std::string_view address, node_id node = {});
  [[nodiscard]] server& get(const replica_address& replica) {
    return get(replica.address, replica.node);
  }
  /// Nodes to avoid now, at most `limit`.
  [[nodiscard]] std::vector<node_id> avoided(std::int64_t now_ns, std::size_t limit) const;

 private:
  net::channel_pool& pool_;
  bool one_channel_;
  boost::unordered_flat_map<std::pair<std::string, node_id>, std::unique_ptr<server>> servers_;
};

/// True if the failure of a call says that its server (not the request) is the trouble.
[[nodiscard]] bool blames_server(const failure& f) noexcept;
/// True if the server was not heard at all.
[[nodiscard]] bool is_silence(const failure& f) noexcept;

}  // namespace ssdfs::detail
