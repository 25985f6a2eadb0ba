#include "client/master_operation.hpp"

#include <algorithm>

namespace ssdfs::detail {

std::int64_t master_operation::next_timeout_ms() const {
  constexpr std::uint32_t most_doublings = 4;
  return call_timeout_ms(owner().config().master_timeout.count()
                         << std::min(failures_, most_doublings));
}

void master_operation::failed(server& asked, failure why) {
  if (stopped()) return fail(stop_failure());
  if (on_refused(why)) return;
  blame(asked);
  server& before = owner().masters().current();
  owner().masters().failed(asked, why);
  if (!is_retryable(why.code)) return fail(std::move(why));
  ++failures_;
  // After a lost answer, or when we know whom else to ask, there is nothing to wait for.
  const bool at_once =
      why == errc::timed_out ||
      (why == errc::not_active && &owner().masters().current() != &before && failures_ <= 2);
  const std::int64_t pause_ns = at_once ? 0 : backoff_ns(failures_);
  if (!has_time_for(pause_ns)) return fail(std::move(why));
  if (at_once) return send();
  pause(pause_ns, static_cast<void (operation::*)()>(&master_operation::send_again));
}

void master_operation::send_again() {
  if (stopped()) return fail(stop_failure());
  send();
}

}  // namespace ssdfs::detail
