#include "client/master_link.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace ssdfs::detail {

master_link::master_link(server_table& servers, const std::vector<std::string>& addresses)
    : servers_(servers) {
  SSDFS_ASSERT(!addresses.empty());
  for (const std::string& address : addresses) masters_.push_back(&servers_.get(address));
}

void master_link::failed(server& asked, const failure& why) {
  if (&asked != &current()) return;  // somebody else has moved on already
  if (why == errc::not_active && !why.hint.empty()) {
    server* const leader = &servers_.get(why.hint);
    auto found = std::find(masters_.begin(), masters_.end(), leader);
    if (found == masters_.end()) {
      // Bounded: a cluster has a handful of masters, whatever they say.
      constexpr std::size_t most = 16;
      if (masters_.size() >= most) masters_.pop_back();
      masters_.push_back(leader);
      found = masters_.end() - 1;
    }
    current_ = static_cast<std::size_t>(found - masters_.begin());
    return;
  }
  if (why == errc::not_active || why == errc::connection || why == errc::timed_out ||
      why == errc::shutting_down || why == errc::starting || why == errc::version_mismatch) {
    current_ = (current_ + 1) % masters_.size();
  }
}

}  // namespace ssdfs::detail
