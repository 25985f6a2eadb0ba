// Work that must not be felt by what serves callers.
#pragma once

namespace ssdfs::io {

/// Lets the calling thread run behind all ordinary ones for the rest of its life (nice 10 and the
/// lowest of the ordinary priorities for the disk; on Linux both belong to the thread). A hint:
/// where it is refused, nothing changes. There is no way back without privileges, so such work gets
/// a thread of its own.
void run_in_background() noexcept;

}  // namespace ssdfs::io
