// Client sessions: who is connected, and which grants die with whom.
#pragma once

#include "base/ids.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <vector>

namespace ssdfs::leader {

/// A session is one client object's life at the master: it lasts as long as a connection of the
/// client and for `idle_ms` after the last one. Grants end with it. On the strand of the namespace
/// only.
class sessions {
 public:
  explicit sessions(std::int64_t idle_ms) : idle_ms_(idle_ms) {}

  /// A connection of the client begins or ends. A nil client has no session.
  void opened(client_id client);
  void closed(client_id client, std::int64_t now_ms);

  /// The client holds a grant although no connection of it was seen in this life of the master:
  /// it gets `idle_ms` to come back.
  void expect(client_id client, std::int64_t now_ms);

  /// Size of the client's next grant: starts at `minimum`, doubles with every call up to
  /// `maximum`, halves when `space_is_short`.
  [[nodiscard]] std::uint64_t next_grant_bytes(client_id client, std::uint64_t minimum,
                                               std::uint64_t maximum, bool space_is_short);

  /// Clients whose session is over; they are forgotten.
  [[nodiscard]] std::vector<client_id> expire(std::int64_t now_ms);

  [[nodiscard]] std::size_t size() const noexcept { return clients_.size(); }

 private:
  struct client_state {
    std::uint32_t connections = 0;
    std::int64_t deadline_ms = 0;  // of a session without connections
    std::uint64_t grant_bytes = 0;
  };
  std::int64_t idle_ms_;
  boost::unordered_flat_map<client_id, client_state> clients_;
};

}  // namespace ssdfs::leader
