#include "client/servers.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::detail {

server::server(std::string address, node_id node, net::channel_pool& pool, bool one_channel)
    : address_(std::move(address)), node_(node), pool_(pool) {
  if (one_channel) only_ = pool_.get(address_, node_);
}

net::channel& server::channel() { return only_ ? *only_ : *pool_.get(address_, node_); }

bool server::failed(std::int64_t now_ns, bool mute) {
  constexpr std::int64_t first_ns = 2'000'000'000;
  constexpr std::uint32_t most_doublings = 5;
  // Many calls in flight that fail together are one failure.
  if (mute) return !std::exchange(mute_, true);
  if (avoided(now_ns)) return false;
  avoided_until_ns_ = now_ns + (first_ns << std::min(failures_, most_doublings));
  ++failures_;
  return false;
}

void server::slow(std::int64_t now_ns) noexcept {
  constexpr std::uint32_t enough = 2;
  constexpr std::int64_t avoided_ns = 1'000'000'000;
  if (++slow_ < enough) return;
  slow_ = 0;
  avoided_until_ns_ = std::max(avoided_until_ns_, now_ns + avoided_ns);
}

server& server_table::get(std::string_view address, node_id node) {
  std::pair<std::string, node_id> name(address, node);
  const auto found = servers_.find(name);
  if (found != servers_.end()) return *found->second;
  auto made = std::make_unique<server>(name.first, node, pool_, one_channel_);
  server& out = *made;
  servers_.emplace(std::move(name), std::move(made));
  return out;
}

std::vector<node_id> server_table::avoided(std::int64_t now_ns, std::size_t limit) const {
  std::vector<node_id> out;
  for (const auto& [name, s] : servers_) {
    if (name.second != node_id() && out.size() < limit && s->avoided(now_ns)) {
      out.push_back(name.second);
    }
  }
  return out;
}

bool is_silence(const failure& f) noexcept {
  return f == errc::connection || f == errc::timed_out || f == errc::wrong_node;
}

bool blames_server(const failure& f) noexcept {
  return f == errc::connection || f == errc::timed_out || f == errc::io || f == errc::checksum ||
         f == errc::damaged || f == errc::protocol || f == errc::wrong_cluster ||
         f == errc::wrong_node || f == errc::shutting_down || f == errc::internal;
}

}  // namespace ssdfs::detail
