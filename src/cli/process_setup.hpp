// What every process of this program begins with, whoever started it.
#pragma once

#include <cstddef>

namespace ssdfs::cli {

/// Call first in main, before threads and files. Of the descriptors 0 to 2 those that the caller
/// closed are taken, so that no socket and no data file is what somebody writes messages to; using
/// them fails as if they were closed. A write beyond `ulimit -f` fails instead of ending the
/// process. The soft limit of descriptors becomes the hard one: the usual 1024 is there for
/// programs that use select.
void prepare_process();

/// How many files a command may have open at a time when it would like `wanted`: half of the
/// descriptors that the limit leaves beside the connections. At least 1.
[[nodiscard]] std::size_t files_at_once(std::size_t wanted) noexcept;

}  // namespace ssdfs::cli
