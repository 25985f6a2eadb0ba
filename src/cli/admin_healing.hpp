// Forms of what the master tells about copies, leaving nodes and rebalancing.
#pragma once

#include "wire/healing_messages.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace ssdfs::cli {

[[nodiscard]] boost::json::object to_json(const wire::decided_node& n);
[[nodiscard]] boost::json::object to_json(const wire::copy_status& c);
[[nodiscard]] boost::json::object to_json(const wire::rebalance_state& s);
/// "2 volumes being copied, 5 waiting; 1.5 GiB left, 80 MiB/s, 20 s".
[[nodiscard]] std::string describe(const wire::copy_status& c);

}  // namespace ssdfs::cli
