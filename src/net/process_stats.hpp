// What a process says of itself in server_stats.
#pragma once

#include "wire/common_messages.hpp"

namespace ssdfs::net {

/// CPU time, resident memory and id of this process.
[[nodiscard]] wire::server_stats_reply process_stats();

}  // namespace ssdfs::net
