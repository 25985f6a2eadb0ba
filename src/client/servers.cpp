#include "client/servers.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::detail {

server::server(std::string address, net::channel_pool& pool, bool one_channel)
    : address_(std::move(address)), pool_(pool) {
  if (one_channel) only_ = pool_.get(address_);
}

net::channel& server::channel() { return only_ ? *only_ : *pool_.get(address_); }

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

server& server_table::get(std::string_view address) {
  const auto found = servers_.find(std::string(address));
  if (found != servers_.end()) return *found->second;
  auto made = std::make_unique<server>(std::string(address), pool_, one_channel_);
  server& out = *made;
  servers_.emplace(out.address(), std::move(made));
  return out;
}

std::vector<std::string> server_table::avoided(std::int64_t now_ns, std::size_t limit) const {
  std::vector<std::string> out;
  for (const auto& [address, s] : servers_) {
    if (out.size() < limit && s->avoided(now_ns)) out.push_back(address);
  }
  return out;
}

bool is_silence(const failure& f) noexcept { return f == errc::connection || f == errc::timed_out; }

bool blames_server(const failure& f) noexcept {
  return f == errc::connection || f == errc::timed_out || f == errc::io || f == errc::checksum ||
         f == errc::damaged || f == errc::protocol || f == errc::wrong_cluster ||
         f == errc::shutting_down || f == errc::internal;
}

}  // namespace ssdfs::detail
