// What reports to operators share.
#pragma once

#include "cluster/registry.hpp"
#include "meta/state.hpp"

#include <string>

namespace ssdfs::master {

/// A node's state as operators see it: what was decided about it, or how long it has been silent.
[[nodiscard]] std::string state_name(const cluster::node_view& node, const meta::state& s);

}  // namespace ssdfs::master
