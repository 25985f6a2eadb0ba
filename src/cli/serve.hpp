// Role composition: turns settings into running roles, and waits for the signal that ends them.
#pragma once

#include "cli/options.hpp"

#include <string>
#include <vector>

namespace ssdfs::cli {

/// Runs the roles of `options` until SIGTERM or SIGINT. `arguments` and `environment` are what the
/// options were read from: SIGHUP reads them again. Returns the exit code.
[[nodiscard]] int serve(const settings& options, const std::vector<std::string>& arguments,
                        const std::vector<std::string>& environment);

}  // namespace ssdfs::cli
