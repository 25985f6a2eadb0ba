// What a service manager wants to hear (the protocol of sd_notify(3)).
#pragma once

#include <string_view>

namespace ssdfs::cli {

/// Sends e.g. "READY=1" to the socket named by NOTIFY_SOCKET; does nothing without one.
/// `may_be_lost`: rather than wait for a manager that does not read.
void notify_service_manager(std::string_view message, bool may_be_lost = false);

}  // namespace ssdfs::cli
