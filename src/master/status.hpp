// A snapshot as text: for Prometheus, and as the JSON behind the dashboard.
#pragma once

#include "http/metrics_text.hpp"
#include "http/server.hpp"
#include "master/observer.hpp"

#include <string>

namespace ssdfs::master {

/// Families "ssdfs_master_...". Any thread.
void write_metrics(http::metrics_text& to, const snapshot& of);

/// The objects of /api/v1/status, /history and /events.
[[nodiscard]] std::string status_json(const snapshot& of);
[[nodiscard]] std::string history_json(const history& of);
/// Events with a number above `after`.
[[nodiscard]] std::string events_json(const history& of, std::uint64_t after);

/// Health in one sentence: `level` is ok, warning or error.
struct health_verdict {
  std::string level;
  std::string sentence;
};
[[nodiscard]] health_verdict health_of(const snapshot& of);

/// Routes /api/v1/status, /api/v1/history and /api/v1/events. `from` outlives the server.
void route_status(http::server& to, const observer& from);

}  // namespace ssdfs::master
