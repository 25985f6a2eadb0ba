#include "leader/sessions.hpp"

#include <algorithm>

namespace ssdfs::leader {

void sessions::opened(client_id client) {
  if (client == client_id()) return;
  ++clients_[client].connections;
}

void sessions::closed(client_id client, std::int64_t now_ms) {
  const auto at = clients_.find(client);
  if (at == clients_.end() || at->second.connections == 0) return;
  if (--at->second.connections == 0) at->second.deadline_ms = now_ms + idle_ms_;
}

void sessions::expect(client_id client, std::int64_t now_ms) {
  const auto [at, inserted] = clients_.try_emplace(client);
  if (inserted) at->second.deadline_ms = now_ms + idle_ms_;
}

std::uint64_t sessions::next_grant_bytes(client_id client, std::uint64_t minimum,
                                         std::uint64_t maximum, bool space_is_short) {
  const auto at = clients_.find(client);
  if (at == clients_.end()) return minimum;
  std::uint64_t& bytes = at->second.grant_bytes;
  const std::uint64_t grown = space_is_short ? bytes / 2 : bytes * 2;
  bytes = bytes == 0 ? minimum : std::clamp(grown, minimum, maximum);
  return bytes;
}

std::vector<client_id> sessions::expire(std::int64_t now_ms) {
  std::vector<client_id> over;
  for (const auto& [client, state] : clients_) {
    if (state.connections == 0 && state.deadline_ms <= now_ms) over.push_back(client);
  }
  for (const client_id& client : over) clients_.erase(client);
  return over;
}

}  // namespace ssdfs::leader
