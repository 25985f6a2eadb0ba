// The metrics that every role has: its server's, and the process's.
#pragma once

#include "http/metrics_text.hpp"
#include "http/server.hpp"
#include "net/server_metrics.hpp"

#include <functional>

namespace ssdfs::http {

/// Requests by operation, errors by kind, bytes and connections of a role's protocol server.
void write_server_metrics(metrics_text& to, const net::server_metrics& of);
/// Answers, time, bytes and connections of an HTTP server.
void write_http_metrics(metrics_text& to, const server_stats& of);
/// CPU, memory, descriptors, threads, start time, and what was built: the process_* families of
/// every exporter, and ssdfs_build_info. They carry no role.
[[nodiscard]] std::string process_metrics();

/// Routes /metrics: what `write` says of the role, and the process's. Called from io threads; must
/// not block.
void route_metrics(server& to, std::string role, std::function<void(metrics_text&)> write);

}  // namespace ssdfs::http
