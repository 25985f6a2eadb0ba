#include "cli/command.hpp"

namespace ssdfs::cli {

std::span<const command> commands() { return {}; }

}  // namespace ssdfs::cli
