// What a service manager wants to hear (the protocol of sd_notify(3)).
#pragma once

#include <string_view>

namespace ssdfs::cli {

/// Sends e.g. "READY=1" to the socket named by NOTIFY_SOCKET; does nothing without one.
void notify_service_manager(std::string_view message);

}  // namespace ssdfs::cli
