// The dashboard: one page at the master's "/", with its style and its script.
#pragma once

#include "http/server.hpp"

namespace ssdfs::http {

/// Routes "/", "/dashboard.css" and "/dashboard.js", whose texts are part of the program. The page
/// loads nothing from elsewhere, and its Content-Security-Policy forbids it.
void route_dashboard(server& to);

}  // namespace ssdfs::http
