#include "coord/shared_register.hpp"

namespace ssdfs::coord {

std::string_view name_of(register_state state) noexcept {
  switch (state) {
    case register_state::connecting: return "connecting";
    case register_state::ready: return "ready";
    case register_state::exposed: return "exposed";
    case register_state::missing: return "missing";
    case register_state::no_root: return "no_root";
    case register_state::denied: return "denied";
    case register_state::auth_failed: return "auth_failed";
    case register_state::foreign: return "foreign";
    case register_state::other_cluster: return "other_cluster";
    case register_state::away: return "away";
    case register_state::stopped: return "stopped";
  }
  return "unknown";
}

std::string_view summary_of(register_state state) noexcept {
  switch (state) {
    case register_state::ready:
    case register_state::exposed: return "connected";
    case register_state::foreign:
    case register_state::other_cluster: return "foreign";
    default: return "away";
  }
}

failure failure_of(register_state state, std::string problem) {
  switch (state) {
    case register_state::missing:
    case register_state::no_root: return {errc::not_found, std::move(problem)};
    case register_state::denied:
    case register_state::auth_failed: return {errc::permission_denied, std::move(problem)};
    case register_state::foreign: return {errc::damaged, std::move(problem)};
    case register_state::other_cluster: return {errc::wrong_cluster, std::move(problem)};
    case register_state::stopped: return {errc::aborted, std::move(problem)};
    default: return {errc::connection, std::move(problem)};
  }
}

}  // namespace ssdfs::coord
