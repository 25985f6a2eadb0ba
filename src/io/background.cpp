#include "io/background.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ssdfs::io {

void run_in_background() noexcept {
  constexpr int nice = 10;
  // 0 is the calling thread, not the process: Linux keeps both priorities per thread.
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, nice));
  constexpr int of_process = 1;
  constexpr int best_effort = 2 << 13;
  constexpr int lowest = 7;
  ::syscall(SYS_ioprio_set, of_process, 0, best_effort | lowest);
}

}  // namespace ssdfs::io
