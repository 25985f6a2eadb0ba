// Which nodes shall get new copies of what dead nodes held.
#include "cluster/controller_impl.hpp"

namespace ssdfs::cluster {

void controller::impl::plan_repair(time_ms) {}

}  // namespace ssdfs::cluster
